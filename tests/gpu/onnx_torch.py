#!/usr/bin/env python3
"""Evaluates ONNX graphs with PyTorch, operator by operator, as the standard defines them.

  onnx_torch.py MODEL.onnx --data test_data_set_0 [--device cuda] [--tolerance 1e-4]     compares with test data

`evaluate` takes what an initializer without data in the file becomes from a function, so that weights of any size are
made where they are used and freed after. With `widen`, every 16-bit float of the graph is f32: the reference of what
the graph means. Integers stay on the host, since most of them are shapes.
"""
import argparse, glob, math, os, sys

import numpy as np
import torch

import onnx_file

TYPES = {1: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32, 7: torch.int64, 9: torch.bool,
         10: torch.float16, 11: torch.float64, 16: torch.bfloat16}
OPERATORS = {}


def operator(*names):
    def add(function):
        OPERATORS.update(dict.fromkeys(names, function))
        return function
    return add


def to_torch(tensor):
    """A TensorProto with its data in the file."""
    array = np.array(tensor.array())  # a copy, which may be written
    made = torch.from_numpy(array)
    return made.view(torch.bfloat16) if tensor.type == onnx_file.BFLOAT16 else made


class Context:
    """What operators ask beside their operands."""

    def __init__(self, device, widen, opset):
        self.device, self.widen, self.opset = torch.device(device), widen, opset

    def type(self, number):
        kind = TYPES[number]
        return torch.float32 if self.widen and kind in (torch.bfloat16, torch.float16) else kind

    def place(self, tensor):
        """Floats lie on the device, as wide as they are to be."""
        if not tensor.dtype.is_floating_point:
            return tensor
        if self.widen and tensor.dtype in (torch.bfloat16, torch.float16):
            tensor = tensor.to(torch.float32)
        return tensor.to(self.device)


class Node:
    """One node while it is evaluated: its attributes, and which operands nobody needs after it."""

    def __init__(self, node, context, dying):
        self.node, self.context, self.dying = node, context, dying

    def get(self, name, default=None):
        return self.node.attributes.get(name, default)

    def axes(self, given, rank):
        """Axes are an operand in newer opsets and an attribute in older ones; none are all."""
        axes = given.tolist() if given is not None else self.get("axes")
        return [axis % rank for axis in axes] if axes else None


def together(*tensors):
    """On one device, if one of them is on another than the host."""
    devices = {tensor.device for tensor in tensors if tensor.device.type != "cpu"}
    return [tensor.to(next(iter(devices))) for tensor in tensors] if devices else tensors


def elementwise(name, function):
    OPERATORS[name] = lambda node, *operands: function(*together(*operands))


def divide(a, b):
    return a / b if a.dtype.is_floating_point else torch.div(a, b, rounding_mode="trunc")


for name, function in {
        "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": divide, "Neg": torch.neg, "Sqrt": torch.sqrt,
        "Reciprocal": torch.reciprocal, "Sin": torch.sin, "Cos": torch.cos, "Sigmoid": torch.sigmoid,
        "Tanh": torch.tanh, "Erf": torch.erf, "Exp": torch.exp, "Equal": torch.eq, "Where": torch.where,
        "Identity": lambda x: x, "Pow": lambda x, y: torch.pow(x, y.to(x.dtype)), "MatMul": torch.matmul}.items():
    elementwise(name, function)


@operator("Mod")
def mod(node, a, b):
    a, b = together(a, b)
    return torch.fmod(a, b) if node.get("fmod", 0) else torch.remainder(a, b)


@operator("Gelu")
def gelu(node, x):
    return torch.nn.functional.gelu(x, approximate=node.get("approximate", "none"))


@operator("Clip")
def clip(node, x, low=None, high=None):
    return torch.clamp(x, low.to(x.device) if low is not None else None, high.to(x.device) if high is not None else None)


@operator("Softmax")
def softmax(node, x):
    axis = node.get("axis", -1) % x.dim()
    # Attention's weights are most of a model's memory: they take the place of the logits, part by part.
    if node.dying and axis > 0 and x.numel() * x.element_size() > 1 << 30 and x.is_contiguous():
        parts = x.view(math.prod(x.shape[:axis]), -1) if axis == x.dim() - 1 else x.flatten(0, axis - 1)
        for part in parts.chunk(64):
            part.copy_(torch.softmax(part, part.dim() - (x.dim() - axis)))
        return x
    return torch.softmax(x, axis)


@operator("Gemm")
def gemm(node, a, b, c=None):
    a = a.t() if node.get("transA", 0) else a
    b = b.t() if node.get("transB", 0) else b
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    if c is None:
        return alpha * (a @ b)
    return torch.addmm(c, a, b, beta=beta, alpha=alpha)


@operator("Einsum")
def einsum(node, *operands):
    return torch.einsum(node.get("equation"), *operands)


@operator("Conv")
def conv(node, x, w, b=None):
    rank = x.dim() - 2
    strides, dilations = node.get("strides", [1] * rank), node.get("dilations", [1] * rank)
    pads = node.get("pads", [0] * (2 * rank))
    if node.get("auto_pad", "NOTSET").startswith("SAME"):
        before = node.get("auto_pad") == "SAME_LOWER"
        pads = [0] * (2 * rank)
        for i in range(rank):
            extent, window = x.shape[2 + i], (w.shape[2 + i] - 1) * dilations[i] + 1
            total = max(0, (math.ceil(extent / strides[i]) - 1) * strides[i] + window - extent)
            pads[i] = total - total // 2 if before else total // 2
            pads[rank + i] = total - pads[i]
    if pads[:rank] != pads[rank:]:  # PyTorch's own padding is the same on both sides
        both = [extent for i in reversed(range(rank)) for extent in (pads[i], pads[rank + i])]
        x, pads = torch.nn.functional.pad(x, both), [0] * rank
    function = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}[rank]
    return function(x, w, b, strides, pads[:rank], dilations, node.get("group", 1))


@operator("LayerNormalization")
def layer_norm(node, x, scale, bias=None):
    shape = x.shape[node.get("axis", -1) % x.dim():]
    broadcast = [None if v is None else v.expand(shape) for v in (scale, bias)]
    return torch.nn.functional.layer_norm(x, shape, *broadcast, node.get("epsilon", 1e-5))


@operator("InstanceNormalization")
def instance_norm(node, x, scale, bias):
    return torch.nn.functional.instance_norm(x, weight=scale, bias=bias, eps=node.get("epsilon", 1e-5))


@operator("ReduceMean", "ReduceL2", "ReduceSum", "ReduceMax")
def reduce(node, x, axes=None):
    axes, keep = node.axes(axes, x.dim()), bool(node.get("keepdims", 1))
    if axes is None:
        if node.get("noop_with_empty_axes", 0):
            return x
        axes = list(range(x.dim()))
    return {"ReduceMean": torch.mean, "ReduceSum": torch.sum, "ReduceMax": torch.amax,
            "ReduceL2": lambda v, dim, keepdim: torch.linalg.vector_norm(v, 2, dim, keepdim)}[node.node.operator](
                x, dim=axes, keepdim=keep)


@operator("Transpose")
def transpose(node, x):
    return x.permute(node.get("perm", list(reversed(range(x.dim())))))


@operator("Reshape")
def reshape(node, x, shape):
    extents = shape.tolist()
    if not node.get("allowzero", 0):
        extents = [x.shape[i] if extent == 0 else extent for i, extent in enumerate(extents)]
    return x.reshape(extents)


@operator("Flatten")
def flatten(node, x):
    axis = node.get("axis", 1)
    return x.reshape(math.prod(x.shape[:axis % (x.dim() + 1) if axis < 0 else axis]), -1)


@operator("Squeeze")
def squeeze(node, x, axes=None):
    axes = node.axes(axes, x.dim())
    return x.squeeze(axes) if axes else x.squeeze()


@operator("Unsqueeze")
def unsqueeze(node, x, axes=None):
    given = axes.tolist() if axes is not None else node.get("axes")
    for axis in sorted(axis % (x.dim() + len(given)) for axis in given):
        x = x.unsqueeze(axis)
    return x


@operator("Concat")
def concat(node, *parts):
    return torch.cat(together(*parts), node.get("axis"))


@operator("Split")
def split(node, x, sizes=None):
    axis = node.get("axis", 0) % x.dim()
    sizes = sizes.tolist() if sizes is not None else node.get("split")
    if not sizes:
        count = node.get("num_outputs", len(node.node.outputs))
        each = math.ceil(x.shape[axis] / count)
        sizes = [each] * (count - 1) + [x.shape[axis] - each * (count - 1)]
    return x.split(sizes, axis)


@operator("Slice")
def slice_(node, x, starts, ends, axes=None, steps=None):
    axes = axes.tolist() if axes is not None else range(len(starts))
    steps = steps.tolist() if steps is not None else [1] * len(starts)
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps):
        places = range(*slice(start, end, step).indices(x.shape[axis]))
        if step > 0:
            index = [slice(None)] * x.dim()
            index[axis] = slice(start, end, step)
            x = x[tuple(index)]
        else:
            x = x.index_select(axis, torch.tensor(list(places), dtype=torch.int64, device=x.device))
    return x


@operator("Gather")
def gather(node, x, indices):
    axis = node.get("axis", 0) % x.dim()
    indices = torch.where(indices < 0, indices + x.shape[axis], indices).to(x.device)
    return x.index_select(axis, indices.reshape(-1)).reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1:])


@operator("GatherND")
def gather_nd(node, x, indices):
    if node.get("batch_dims", 0):
        raise NotImplementedError("GatherND with batch_dims")
    return x[tuple(indices.to(x.device).unbind(-1))]


@operator("ScatterND")
def scatter_nd(node, x, indices, updates):
    if node.get("reduction", "none") != "none":
        raise NotImplementedError("ScatterND with a reduction")
    made = x if node.dying and x.is_contiguous() else x.clone(memory_format=torch.contiguous_format)
    made[tuple(indices.to(x.device).unbind(-1))] = updates.to(x.device)
    return made


@operator("Expand")
def expand(node, x, shape):
    return x.expand(torch.broadcast_shapes(x.shape, tuple(shape.tolist())))


@operator("Tile")
def tile(node, x, repeats):
    return x.repeat(repeats.tolist())


@operator("Cast")
def cast(node, x):
    return node.context.place(x.to(node.context.type(node.get("to"))))


@operator("CastLike")
def cast_like(node, x, like):
    return x.to(like.dtype).to(like.device)


@operator("Shape")
def shape_of(node, x):
    return torch.tensor(x.shape[node.get("start", 0):node.get("end")], dtype=torch.int64)


@operator("Constant")
def constant(node):
    value = node.get("value")
    if value is not None:
        return node.context.place(to_torch(value))
    for name, kind in (("value_int", torch.int64), ("value_ints", torch.int64), ("value_float", torch.float32),
                       ("value_floats", torch.float32)):
        if node.get(name) is not None:
            return node.context.place(torch.tensor(node.get(name), dtype=kind))
    raise NotImplementedError("a Constant of another kind")


@operator("ConstantOfShape")
def constant_of_shape(node, shape):
    value = to_torch(node.get("value")) if node.get("value") else torch.zeros(1)
    return node.context.place(value.reshape(()).expand(shape.tolist()).clone())


@operator("Resize")
def resize(node, x, roi=None, scales=None, sizes=None):
    if node.get("mode", "nearest") != "nearest":
        raise NotImplementedError("Resize other than nearest")
    for axis in range(x.dim()):
        extent = x.shape[axis]
        scale = scales[axis].item() if scales is not None and len(scales) else sizes[axis].item() / extent
        length = int(math.floor(extent * scale)) if scales is not None and len(scales) else sizes[axis].item()
        if length == extent and scale == 1:
            continue
        places = torch.arange(length, dtype=torch.float64)
        mode = node.get("coordinate_transformation_mode", "half_pixel")
        places = {"asymmetric": lambda p: p / scale, "half_pixel": lambda p: (p + 0.5) / scale - 0.5,
                  "pytorch_half_pixel": lambda p: (p + 0.5) / scale - 0.5 if length > 1 else p * 0,
                  "align_corners": lambda p: p * (extent - 1) / max(1, length - 1)}[mode](places)
        places = {"floor": torch.floor, "ceil": torch.ceil, "round_prefer_floor": lambda p: torch.ceil(p - 0.5),
                  "round_prefer_ceil": lambda p: torch.floor(p + 0.5)}[
                      node.get("nearest_mode", "round_prefer_floor")](places)
        x = x.index_select(axis, places.clamp(0, extent - 1).to(torch.int64).to(x.device))
    return x


def evaluate(model, inputs, device="cpu", widen=False, weight=None):
    """The outputs by name. `weight(tensor)` gives an initializer's value, or None where the file has it."""
    context = Context(device, widen, model.opset)
    unknown = sorted({node.operator for node in model.nodes} - set(OPERATORS))
    if unknown:
        raise NotImplementedError(f"operators {', '.join(unknown)}")
    uses = {}
    for node in model.nodes:
        for name in node.inputs:
            uses[name] = uses.get(name, 0) + 1
    for output in model.outputs:
        uses[output.name] = uses.get(output.name, 0) + 1
    values = {name: context.place(value) for name, value in inputs.items()}
    aliases = {}  # by storage: how many living values lie in it, since views must not be overwritten

    def fetch(name):
        if not name:
            return None
        if name not in values:
            initializer = model.initializers[name]
            made = weight(initializer) if weight else None
            values[name] = context.place(made if made is not None else to_torch(initializer))
            hold(values[name])
        return values[name]

    def hold(value):
        key = value.untyped_storage().data_ptr()
        aliases[key] = aliases.get(key, 0) + 1

    for value in values.values():
        hold(value)
    with torch.inference_mode():
        for node in model.nodes:
            operands = [fetch(name) for name in node.inputs]
            while operands and operands[-1] is None:
                operands.pop()
            first = operands[0] if operands else None
            dying = first is not None and uses[node.inputs[0]] == 1 and node.inputs[0] not in inputs and \
                node.inputs[0] not in model.initializers and aliases[first.untyped_storage().data_ptr()] == 1
            try:
                results = OPERATORS[node.operator](Node(node, context, dying), *operands)
            except Exception as error:
                raise RuntimeError(f"{node.operator} {node.name}: {error}") from error
            for name, result in zip(node.outputs, results if isinstance(results, (tuple, list)) else [results]):
                if uses.get(name):
                    values[name] = result
                    hold(result)
            del operands, first, results
            for name in node.inputs:
                uses[name] = uses.get(name, 0) - 1
                if name and uses[name] == 0:
                    aliases[values[name].untyped_storage().data_ptr()] -= 1
                    del values[name]
    return {output.name: values[output.name] for output in model.outputs}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of the largest element")
    arguments = parser.parse_args()
    model = onnx_file.read(arguments.model)
    read = lambda kind: [to_torch(onnx_file.read_tensor(os.path.join(arguments.data, f"{kind}_{i}.pb")))
                         for i in range(len(glob.glob(os.path.join(arguments.data, kind + "_*.pb"))))]
    inputs = {value.name: tensor for value, tensor in zip(model.inputs, read("input"), strict=True)}
    outputs = evaluate(model, inputs, arguments.device)
    worst = 0.0
    for value, expected in zip(model.outputs, read("output"), strict=True):
        got = outputs[value.name].cpu().double()
        error = ((got - expected.double()).abs().max() / expected.double().abs().max()).item()
        worst = max(worst, error if got.shape == expected.shape and error == error else math.inf)
    print(f"{'ok' if worst <= arguments.tolerance else 'FAILED'}: {worst:.1e} of the largest element")
    return 0 if worst <= arguments.tolerance else 1


if __name__ == "__main__":
    sys.exit(main())
