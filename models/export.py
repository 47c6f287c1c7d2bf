#!/usr/bin/env python3
"""Exports diffusers' models to ONNX: real graphs with random weights, made from configurations, offline.

  export.py --full --model sd15-b2 -o models/graphs              bf16, weights left out, NAME.onnx.xz
  export.py --tiny --model unet -o models/tiny                   f32, weights inside, with reference outputs
  export.py --tiny --model unet --exporter legacy -o models/tiny writes models/tiny/unet-legacy
  export.py --tiny --model unet --type bf16 --dynamic -o out     bf16, with symbolic dimensions

--full gives every parameter a single stored element (stride 0), so that 24 GB of weights need no memory; every
floating-point initializer above 4 KiB becomes an external reference into NAME.weights, which is not written. --tiny writes
NAME/model.onnx and NAME/test_data_set_0 with PyTorch's outputs. Needs torch, diffusers, transformers, onnx and
onnxscript (models/requirements.txt).
"""

import argparse
import contextlib
import logging
import lzma
import os
import sys
import tempfile
import warnings

import numpy as np
import onnx
import torch
from onnx import numpy_helper

import legacy_ops
from architectures import architectures

keepInside = 4096  # bytes


class Plain(torch.nn.Module):
    """Named tensors in, one tensor out."""

    def __init__(self, model, names):
        super().__init__()
        self.m, self.names = model, names

    def forward(self, *inputs):
        named = dict(zip(self.names, inputs))
        if type(self.m).__module__.startswith("diffusers"):
            result = self.m(**named, return_dict=False)
        else:
            result = self.m(*inputs)
        return result[0] if isinstance(result, (tuple, list)) else result


def varied(model, seed):
    """Gives vectors (norm weights, biases) values that differ, so that dropping one shows in the result."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() <= 1:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)


def build(name, full, seed):
    torch.manual_seed(seed)
    if not full:
        model, inputs = architectures[name](False)
        return Plain(model.eval().requires_grad_(False), list(inputs)), inputs

    import accelerate

    with accelerate.init_empty_weights(include_buffers=False):
        model, inputs = architectures[name](True)
    for module in model.modules():
        for key, parameter in module._parameters.items():
            if parameter is not None:
                # Real, so that the exporter's constant folding works on it, but a large one has one element.
                small = parameter.nbytes <= keepInside
                shape = parameter.shape if small else (1,) * parameter.dim()
                values = 0.1 * torch.randn(shape, dtype=parameter.dtype)
                module._parameters[key] = torch.nn.Parameter(values.expand(parameter.shape), requires_grad=False)
    return Plain(model.eval(), list(inputs)), inputs


def exportDynamo(plain, inputs, opset, dynamic=False):
    shapes = None
    if dynamic:
        shapes = (tuple({axis: torch.export.Dim.AUTO for axis in range(value.dim())} for value in inputs.values()),)
    return torch.onnx.export(plain, tuple(inputs.values()), input_names=list(inputs), opset_version=opset,
                             dynamo=True, optimize=True, verbose=False, dynamic_shapes=shapes)


@contextlib.contextmanager
def silent():
    """Sends the process's standard output nowhere: torch's C++ prints the whole graph beside an error."""
    sys.stdout.flush()
    saved, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)


def exportLegacy(plain, inputs, opset, dynamic=False):
    legacy_ops.register(opset)
    axes = None
    if dynamic:
        axes = {key: {axis: f"{key}_{axis}" for axis in range(value.dim())} for key, value in inputs.items()}
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "model.onnx")
        with silent():
            torch.onnx.export(plain, tuple(inputs.values()), path, input_names=list(inputs), opset_version=opset,
                              dynamo=False, do_constant_folding=True, dynamic_axes=axes)
        return onnx.load(path)


def withoutMetadata(model):
    """Removes doc strings and metadata (stack traces with the exporting machine's paths)."""

    def walk(graph):
        for part in [graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
            part.ClearField("doc_string")
            del part.metadata_props[:]
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    walk(attribute.g)

    walk(model.graph)
    for function in model.functions:
        for part in [function, *function.node]:
            part.ClearField("doc_string")
            del part.metadata_props[:]
    del model.metadata_props[:]
    model.ClearField("doc_string")
    return model


def stripped(program, location):
    """The exported program as a ModelProto whose large floating-point initializers are references."""
    import onnx_ir as ir

    offset = 0
    for value in program.model.graph.initializers.values():
        tensor = value.const_value
        if tensor is None or tensor.nbytes <= keepInside or not tensor.dtype.is_floating_point():
            continue
        value.const_value = ir.ExternalTensor(location, offset, tensor.nbytes, tensor.dtype, shape=tensor.shape,
                                              name=value.name)
        offset += tensor.nbytes
    return ir.to_proto(program.model)


def full(name, directory, opset, seed):
    torch.set_default_dtype(torch.bfloat16)
    plain, inputs = build(name, True, seed)
    with torch.no_grad():
        program = exportDynamo(plain, inputs, opset)
    model = withoutMetadata(stripped(program, f"{name}.weights"))
    path = os.path.join(directory, f"{name}.onnx.xz")
    with open(path, "wb") as out:
        out.write(lzma.compress(model.SerializeToString(), preset=9 | lzma.PRESET_EXTREME))
    return path, model


def toProto(tensor, name):
    if tensor.dtype != torch.bfloat16:
        return numpy_helper.from_array(tensor.numpy(), name)
    bits = tensor.contiguous().view(torch.uint16).numpy()
    return onnx.helper.make_tensor(name, onnx.TensorProto.BFLOAT16, bits.shape, bits.tobytes(), raw=True)


def tiny(name, directory, args, opset):
    plain, inputs = build(name, False, args.seed)
    varied(plain, args.seed)
    kind = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[args.type]
    plain = plain.to(kind)
    inputs = {key: value.to(kind) if value.is_floating_point() else value for key, value in inputs.items()}
    with torch.no_grad():
        expected = plain(*inputs.values())
        if args.exporter == "dynamo":
            model = exportDynamo(plain, inputs, opset, args.dynamic).model_proto
        else:
            model = exportLegacy(plain, inputs, opset, args.dynamic)
    model = withoutMetadata(model)
    # bf16 convolutions are in the specification from opset 22 on, but exporters write them earlier.
    onnx.checker.check_model(model, full_check=args.type == "f32")
    parts = [name, args.type if args.type != "f32" else "", "legacy" if args.exporter == "legacy" else "",
             "dynamic" if args.dynamic else ""]
    home = os.path.join(directory, "-".join(filter(None, parts)))
    data = os.path.join(home, "test_data_set_0")
    os.makedirs(data, exist_ok=True)
    with open(os.path.join(home, "model.onnx"), "wb") as out:
        out.write(model.SerializeToString())
    kept = {info.name for info in model.graph.input}
    given = [(key, value) for key, value in inputs.items() if key in kept]
    for word, values in (("input", given), ("output", [(model.graph.output[0].name, expected)])):
        for index, (key, value) in enumerate(values):
            with open(os.path.join(data, f"{word}_{index}.pb"), "wb") as out:
                out.write(toProto(value, key).SerializeToString())
    return home, model


def agreement(home):
    """How far onnxruntime is from the reference outputs, as a share of their scale; a text."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(os.path.join(home, "model.onnx"), providers=["CPUExecutionProvider"])
    except Exception as error:  # it has no one class for what it cannot do
        return f"onnxruntime cannot run it: {error}"
    data = os.path.join(home, "test_data_set_0")

    def read(word, index):
        return numpy_helper.to_array(onnx.load_tensor(os.path.join(data, f"{word}_{index}.pb")))

    feeds = {info.name: read("input", index) for index, info in enumerate(session.get_inputs())}
    result, expected = (value.astype(np.float64) for value in (session.run(None, feeds)[0], read("output", 0)))
    return f"onnxruntime differs by {np.abs(result - expected).max() / np.abs(expected).max():.1e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--full", action="store_true")
    size.add_argument("--tiny", action="store_true")
    parser.add_argument("--model", action="append", required=True, choices=sorted(architectures))
    parser.add_argument("--exporter", choices=["dynamo", "legacy"], default="dynamo")
    parser.add_argument("--type", choices=["f32", "f16", "bf16"], default="f32", help="of a tiny model")
    parser.add_argument("--dynamic", action="store_true", help="a tiny model with every extent left open")
    parser.add_argument("--opset", type=int, help="20 with dynamo, 17 with legacy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", default=".", help="directory")
    args = parser.parse_args()
    if args.full and args.exporter == "legacy":
        parser.error("--full needs --exporter dynamo: the old exporter cannot do without the weights")
    opset = args.opset or (20 if args.exporter == "dynamo" else 17)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    os.makedirs(args.output, exist_ok=True)
    failed = 0
    for name in args.model:
        try:
            if args.full:
                where, model = full(name, args.output, opset, args.seed)
                print(f"{where}: {len(model.graph.node)} nodes", flush=True)
            else:
                where, model = tiny(name, args.output, args, opset)
                print(f"{where}: {len(model.graph.node)} nodes, {agreement(where)}",
                      flush=True)
        except Exception as error:  # one model that an exporter cannot do does not keep the others back
            failed += 1
            text = str(error).strip().splitlines() or [""]
            print(f"{name} ({args.exporter}): {type(error).__name__}: {text[0][:300]}", file=sys.stderr, flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
