"""Operators that torch's old exporter has no translation for, spelled in plain ONNX operators."""

import torch
from torch.onnx import symbolic_helper


def rmsNorm(g, x, shape, weight, epsilon):
    """aten::rms_norm over the last axes, as models wrote it before torch had it: pow, mean, add, sqrt, div, mul."""
    rank = len(symbolic_helper._get_tensor_sizes(shape) or symbolic_helper._maybe_get_const(shape, "is"))
    axes = list(range(-rank, 0))
    value = symbolic_helper._maybe_get_const(epsilon, "f")
    if not isinstance(value, float):
        value = torch.finfo(torch.float32).eps
    squares = g.op("Pow", x, g.op("Constant", value_t=torch.tensor(2.0)))
    mean = g.op("ReduceMean", squares, axes_i=axes, keepdims_i=1)
    root = g.op("Sqrt", g.op("Add", mean, g.op("Constant", value_t=torch.tensor(value))))
    result = g.op("Div", x, root)
    return result if symbolic_helper._is_none(weight) else g.op("Mul", result, weight)


def nearestExact2d(g, x, size, scales):
    """aten::_upsample_nearest_exact2d to a constant factor: pixel centres, halves down."""
    factors = symbolic_helper._maybe_get_const(scales, "fs")
    return g.op(
        "Resize", x, g.op("Constant", value_t=torch.tensor([])),
        g.op("Constant", value_t=torch.tensor([1.0, 1.0, *factors])),
        coordinate_transformation_mode_s="half_pixel", mode_s="nearest", nearest_mode_s="round_prefer_floor")


def register(opset):
    torch.onnx.register_custom_op_symbolic("aten::rms_norm", rmsNorm, opset)
    torch.onnx.register_custom_op_symbolic("aten::_upsample_nearest_exact2d", nearestExact2d, opset)
