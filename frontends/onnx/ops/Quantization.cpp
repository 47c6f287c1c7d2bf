// QuantizeLinear, DequantizeLinear and what the quantised products share.
#include "frontends/onnx/Quantization.h"
#include "frontends/onnx/ops/Families.h"

#include <cmath>

using namespace mlir;

namespace tgc::onnx {

static Value toI32(NodeContext &c, size_t i) {
  Value v = c.in(i);
  auto type = c.tensorType(c.shapeOf(v), c.builder.getI32Type());
  if (!isInteger(c.dtype(i)) || dtypeBytes(c.dtype(i)) > 4)
    c.bad("input {} has type {}, a quantised integer is needed", i, dtypeName(c.dtype(i)));
  if (dtypeBytes(c.dtype(i)) == 4)
    return v;
  return isUnsigned(c.dtype(i)) ? c.make<arith::ExtUIOp>(type, v) : c.make<arith::ExtSIOp>(type, v);
}

/// One value, or one for each index of dimension `d`, broadcast to `shape`.
static Value alongChannel(NodeContext &c, Value v, int64_t d, ArrayRef<int64_t> shape) {
  if (c.elementCount(c.shapeOf(v)) == 1)
    return c.broadcast(c.reshape(v, {}), shape);
  if (c.rankOf(v) == 1)
    return c.broadcastDims(v, {d}, shape);
  return c.broadcast(v, shape);
}

Value centred(NodeContext &c, size_t i, size_t zeroPoint, int64_t channelDim) {
  Value x = toI32(c, i);
  if (!c.has(zeroPoint))
    return x;
  c.requireSameTypes(i, zeroPoint);
  return c.sub(x, alongChannel(c, toI32(c, zeroPoint), channelDim, c.shape(i)));
}

static Value integerToFloat(NodeContext &c, Value v, bool isUnsignedType) {
  auto type = c.tensorType(c.shapeOf(v), c.f32());
  return isUnsignedType ? c.make<arith::UIToFPOp>(type, v) : c.make<arith::SIToFPOp>(type, v);
}

Value quantizeInteger(NodeContext &c, Value x, Value zeroPoint, DType type) {
  if (!isInteger(type) || dtypeBytes(type) > 2)
    c.fail("quantisation to {}", dtypeName(type));
  double bits = double(dtypeBytes(type) * 8);
  double low = isUnsigned(type) ? 0 : -std::ldexp(1, int(bits) - 1);
  double high = std::ldexp(1, isUnsigned(type) ? int(bits) : int(bits) - 1) - 1;
  Value y = c.make<math::RoundEvenOp>(x);
  if (zeroPoint)
    y = c.add(y, zeroPoint);
  y = c.minimum(c.maximum(y, c.splatLike(y, low)), c.splatLike(y, high));
  auto result = c.tensorType(c.shapeOf(y), c.typeOf(type));
  return isUnsigned(type) ? c.make<arith::FPToUIOp>(result, y) : c.make<arith::FPToSIOp>(result, y);
}

void outRequantized(NodeContext &c, Value product, size_t a, size_t b, size_t y, int64_t channelDim) {
  ArrayRef<int64_t> shape = c.shapeOf(product);
  Value x = integerToFloat(c, product, false);
  x = c.mul(x, alongChannel(c, c.wide(a), channelDim, shape));
  x = c.mul(x, alongChannel(c, c.wide(b), channelDim, shape));
  x = c.div(x, alongChannel(c, c.wide(y), channelDim, shape));
  Value zero = integerToFloat(c, toI32(c, y + 1), false);
  DType type = c.dtype(y + 1);
  c.out(quantizeInteger(c, x, alongChannel(c, zero, channelDim, shape), type), type);
}

namespace {

/// Scale or zero point broadcast to the data: one value, one for each index of the axis, or one for each
/// block of it.
Value parameter(NodeContext &c, Value v) {
  ArrayRef<int64_t> shape = c.shape(0);
  if (c.elementCount(c.shapeOf(v)) == 1)
    return c.broadcast(c.reshape(v, {}), shape);
  int64_t axis = c.axisAttr(1, c.rank(0)), block = c.intAttr("block_size", 0);
  if (block <= 0) {
    if (c.rankOf(v) != 1)
      c.bad("scale and zero point must have rank 0 or 1");
    return c.broadcastDims(v, {axis}, shape);
  }
  if (block > int64_t(1) << 46 || c.rankOf(v) != c.rank(0) ||
      c.shapeOf(v)[axis] != (shape[axis] + block - 1) / block)
    c.bad("the scale does not have the shape that blocks of {} need", block);
  SmallVector<AffineExpr> indices;
  for (int64_t d = 0; d < c.rank(0); ++d) {
    if (d != axis && c.shapeOf(v)[d] != shape[d])
      c.bad("the scale does not have the shape that blocks of {} need", block);
    indices.push_back(d == axis ? c.dim(d).floorDiv(block) : c.dim(d));
  }
  return c.view(v, indices, shape);
}

Value zeroPointOf(NodeContext &c, size_t i) {
  if (isFloat(c.dtype(i)))
    return parameter(c, c.wide(i));
  return parameter(c, integerToFloat(c, c.in(i), isUnsigned(c.dtype(i))));
}

void quantizeLinear(NodeContext &c) {
  DType type = DType(c.intAttr("output_dtype", 0));
  if (c.has(2))
    type = c.dtype(2);
  else if (type == DType::None)
    type = DType::U8;
  c.typeOf(type);
  Value x = isFloat(c.dtype(0)) ? c.wide(0) : integerToFloat(c, c.in(0), false);
  x = c.div(x, parameter(c, c.wide(1)));
  if (type == DType::F8E4M3) {
    if (c.intAttr("saturate", 1))
      x = c.minimum(c.maximum(x, c.splatLike(x, -448)), c.splatLike(x, 448));
    return c.outFloat(x, type);
  }
  c.out(quantizeInteger(c, x, c.has(2) ? zeroPointOf(c, 2) : Value(), type), type);
}

void dequantizeLinear(NodeContext &c) {
  DType type = c.hasAttr("output_dtype") ? c.recast(DType(c.intAttr("output_dtype", 0))) : c.dtype(1);
  Value x = isFloat(c.dtype(0)) ? c.wide(0) : integerToFloat(c, c.in(0), isUnsigned(c.dtype(0)));
  if (c.has(2))
    x = c.sub(x, zeroPointOf(c, 2));
  c.outFloat(c.mul(x, parameter(c, c.wide(1))), type);
}

void dynamicQuantizeLinear(NodeContext &c) {
  Value x = c.wide(0);
  Shape dims;
  for (int64_t d = 0; d < c.rank(0); ++d)
    dims.push_back(d);
  auto extreme = [&](graph::ReduceKind kind, auto combine) {
    Value m = c.reduce(kind, x, dims);
    return combine(m, c.splatLike(m, 0));
  };
  Value high = extreme(graph::ReduceKind::Max, [&](Value a, Value b) { return c.maximum(a, b); });
  Value low = extreme(graph::ReduceKind::Min, [&](Value a, Value b) { return c.minimum(a, b); });
  Value span = c.sub(high, low);
  Value one = c.splatLike(span, 1), steps = c.splatLike(span, 255);
  span = c.select(c.compare(arith::CmpFPredicate::OEQ, high, low), one, span);
  Value scale = c.div(span, steps);
  Value zero = c.make<math::RoundEvenOp>(c.div(c.make<arith::NegFOp>(low), scale));
  zero = c.minimum(c.maximum(zero, c.splatLike(zero, 0)), steps);
  Value y = c.div(x, c.broadcast(scale, c.shape(0)));
  c.out(0, quantizeInteger(c, y, c.broadcast(zero, c.shape(0)), DType::U8), DType::U8);
  c.outFloat(1, scale, c.dtype(0));
  c.out(2, quantizeInteger(c, zero, Value(), DType::U8), DType::U8);
}

} // namespace

void addQuantization(HandlerTable &table) {
  table["QuantizeLinear"] = quantizeLinear;
  table["DequantizeLinear"] = dequantizeLinear;
  table["DynamicQuantizeLinear"] = dynamicQuantizeLinear;
}

} // namespace tgc::onnx
