#!/usr/bin/env python3
"""Writes the external weights that an ONNX file refers to, with random values.

  weights.py MODEL.onnx --seed 1 [-o DIRECTORY]

The same file serves every program that reads the model. Values are scaled by what they are for, so that deep
models stay finite: matrices and filters by 1/sqrt(fan in), vectors that multiply around 1, other vectors around 0.
"""

import argparse
import math
import os

import ml_dtypes
import numpy as np
import onnx

through = {"Cast", "CastLike", "Reshape", "Unsqueeze", "Squeeze", "Identity", "Transpose"}


def external(tensor):
    """{key: text} of an initializer's external data, or None."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return None
    return {entry.key: entry.value for entry in tensor.external_data}


def numpyType(elementType):
    if elementType == onnx.TensorProto.BFLOAT16:
        return np.dtype(ml_dtypes.bfloat16)
    return onnx.helper.tensor_dtype_to_np_dtype(elementType)


def uses(graph):
    """{value: (operator, operand number, node)} of the first use of each value."""
    first = {}
    for node in graph.node:
        for number, name in enumerate(node.input):
            first.setdefault(name, (node.op_type, number, node))
    return first


def centreAndScale(tensor, first):
    """Mean and standard deviation of an initializer's values, from its first real use."""
    op, number, node = first.get(tensor.name, ("", 0, None))
    while op in through and number == 0:
        op, number, node = first.get(node.output[0], ("", 0, None))
    dims = list(tensor.dims)
    if sum(extent > 1 for extent in dims) <= 1:
        multiplies = op == "Mul" or (op.endswith("Normalization") and number == 1)
        return (1.0, 0.1) if multiplies else (0.0, 0.1)
    if op in ("MatMul", "Gemm") and number == 1:
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        return 0.0, 1 / math.sqrt(dims[-1] if transposed else dims[-2])
    return 0.0, 1 / math.sqrt(max(1, math.prod(dims[1:])))


def write(modelPath, directory, seed):
    """Writes every external file of the model into directory; returns their paths."""
    graph = onnx.load(modelPath, load_external_data=False).graph
    first = uses(graph)
    files = {}
    for tensor in graph.initializer:
        place = external(tensor)
        if place:
            files.setdefault(place["location"], []).append((int(place.get("offset", 0)), tensor))
    paths = []
    for location, tensors in files.items():
        path = os.path.join(directory, location)
        with open(path, "wb") as out:
            for offset, tensor in sorted(tensors, key=lambda pair: pair[0]):
                out.seek(offset)
                centre, scale = centreAndScale(tensor, first)
                kind, count = numpyType(tensor.data_type), math.prod(tensor.dims)
                if not (kind.kind == "f" or kind == ml_dtypes.bfloat16):
                    raise SystemExit(f"{tensor.name}: {kind} cannot be random: such values are indices")
                generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, offset]))
                for begin in range(0, count, 1 << 24):
                    values = generator.standard_normal(min(1 << 24, count - begin), dtype=np.float32)
                    values *= scale
                    values += centre
                    values.astype(kind).tofile(out)
        paths.append(path)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", help="directory; the model's own if left out")
    args = parser.parse_args()
    directory = args.output or os.path.dirname(os.path.abspath(args.model))
    os.makedirs(directory, exist_ok=True)
    for path in write(args.model, directory, args.seed):
        print(f"{path}: {os.path.getsize(path) / 2**30:.2f} GiB")


if __name__ == "__main__":
    main()
