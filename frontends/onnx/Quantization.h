// Linear quantisation: q = clamp(round(x / scale) + zero point), x = (q − zero point) · scale.
#pragma once
#include "frontends/onnx/NodeContext.h"

namespace tgc::onnx {

/// Input i, quantised integers of 8 or 16 bits, less its zero point (absent is 0), as i32. The zero point is
/// one value, one for each index of dimension `channelDim`, or one for each row.
mlir::Value centred(NodeContext &c, size_t i, size_t zeroPoint, int64_t channelDim);

/// x (f32) rounded to integers, shifted by the zero point (f32, x's shape, or none) and clamped to the
/// integer type.
mlir::Value quantizeInteger(NodeContext &c, mlir::Value x, mlir::Value zeroPoint, DType type);

/// i32 products scaled by the scales at inputs a, b and 1 / that at input y, with y's zero point: the end of
/// QLinear operators. The scale at b may be one for each index of `channelDim`.
void outRequantized(NodeContext &c, mlir::Value product, size_t a, size_t b, size_t y, int64_t channelDim);

} // namespace tgc::onnx
