#!/usr/bin/env python3
"""Makes a copy of an ONNX model whose 16-bit floats are all f32, for runtimes without bf16 kernels.

  recast.py MODEL.onnx OUT.onnx

Types of inputs, outputs and values, initializers, constants, the targets of Cast and the like change; the
graph does not. External weights are converted into OUT.weights, a piece at a time.
"""

import math
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from weights import external, numpyType

narrow = {TensorProto.BFLOAT16, TensorProto.FLOAT16}
typeAttributes = {"to", "dtype"}


def retype(info):
    kind = info.type.WhichOneof("value")
    if kind == "tensor_type" and info.type.tensor_type.elem_type in narrow:
        info.type.tensor_type.elem_type = TensorProto.FLOAT


def widen(tensor):
    """A tensor with its data inside, as f32."""
    if tensor.data_type in narrow:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))


def recastGraph(graph, source, out, location):
    """Changes graph in place; external values are read from the directory source and appended to the file out."""
    for info in [*graph.input, *graph.output, *graph.value_info]:
        retype(info)
    for tensor in graph.initializer:
        place = external(tensor)
        if place is None:
            widen(tensor)
            continue
        kind, count = numpyType(tensor.data_type), math.prod(tensor.dims)
        target = np.dtype(np.float32) if tensor.data_type in narrow else kind
        offset = out.tell()
        with open(os.path.join(source, place["location"]), "rb") as values:
            values.seek(int(place.get("offset", 0)))
            for begin in range(0, count, 1 << 24):
                np.fromfile(values, kind, min(1 << 24, count - begin)).astype(target).tofile(out)
        if target != kind:
            tensor.data_type = TensorProto.FLOAT
        del tensor.external_data[:]
        for key, value in (("location", location), ("offset", offset), ("length", out.tell() - offset)):
            tensor.external_data.add(key=key, value=str(value))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                recastGraph(attribute.g, source, out, location)
            elif attribute.HasField("t"):
                widen(attribute.t)
            elif attribute.name in typeAttributes and attribute.i in narrow:
                attribute.i = TensorProto.FLOAT


def recast(modelPath, outPath):
    model = onnx.load(modelPath, load_external_data=False)
    if model.functions:
        raise SystemExit(f"{modelPath}: models with local functions are not recast")
    location = os.path.splitext(os.path.basename(outPath))[0] + ".weights"
    with open(os.path.join(os.path.dirname(os.path.abspath(outPath)), location), "wb") as out:
        recastGraph(model.graph, os.path.dirname(os.path.abspath(modelPath)), out, location)
    with open(outPath, "wb") as out:
        out.write(model.SerializeToString())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    recast(sys.argv[1], sys.argv[2])
