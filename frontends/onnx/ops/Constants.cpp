// Constants, shapes, ranges and other tensors that are made from nothing or from a shape.
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/ops/Families.h"

#include <cmath>

using namespace mlir;

namespace tgc::onnx {
namespace {

graph::HostTensor ints(NodeContext &c, ArrayRef<int64_t> values, ArrayRef<int64_t> shape) {
  graph::HostTensor result = graph::HostTensor::zeros(shape, c.i64());
  result.ints.assign(values.begin(), values.end());
  return result;
}

void constant(NodeContext &c) {
  if (c.outputCount() == 0)
    return;
  auto floats = [&](ArrayRef<double> values, ArrayRef<int64_t> shape) {
    DType t = c.recast(DType::F32);
    graph::HostTensor result = graph::HostTensor::zeros(shape, c.typeOf(t));
    for (size_t i = 0; i < values.size(); ++i)
      result.floats[i] = graph::roundToType(values[i], cast<FloatType>(result.element));
    c.outKnown(0, std::move(result), t);
  };
  if (c.hasAttr("value"))
    return c.outTensor(0, c.importer().constantTensor(c.tensorAttr("value"), StringRef(c.node.outputs[0])));
  if (c.hasAttr("value_int"))
    return c.outKnown(0, ints(c, {c.intAttr("value_int", 0)}, {}), DType::I64);
  if (c.hasAttr("value_ints")) {
    std::vector<int64_t> values = c.intsAttr("value_ints");
    return c.outKnown(0, ints(c, values, {int64_t(values.size())}), DType::I64);
  }
  if (c.hasAttr("value_float"))
    return floats({c.floatAttr("value_float", 0)}, {});
  if (c.hasAttr("value_floats")) {
    std::vector<double> values = c.floatsAttr("value_floats");
    return floats(values, {int64_t(values.size())});
  }
  c.fail("a constant that is neither a dense tensor nor numbers");
}

void shapeOf(NodeContext &c) {
  int64_t rank = c.rank(0);
  auto clamp = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
  int64_t start = clamp(c.intAttr("start", 0)), end = clamp(c.intAttr("end", rank));
  ArrayRef<int64_t> part = c.shape(0).slice(start, std::max<int64_t>(end - start, 0));
  c.outKnown(0, ints(c, part, {int64_t(part.size())}), DType::I64);
}

void sizeOf(NodeContext &c) { c.outKnown(0, ints(c, {c.elementCount(c.shape(0))}, {}), DType::I64); }

void constantOfShape(NodeContext &c) {
  std::vector<int64_t> shape = c.knownInts(0, "shape");
  if (!c.hasAttr("value")) {
    DType t = c.recast(DType::F32);
    return c.out(c.splat(shape, c.typeOf(t), 0), t);
  }
  TensorPtr value = c.importer().constantTensor(c.tensorAttr("value"), "value");
  if (!value->known || value->known->size() != 1)
    c.bad("value must have one element");
  Type element = value->known->element;
  c.out(value->known->isFloat() ? c.splat(shape, element, value->known->floats[0])
                                : c.splatInt(shape, element, value->known->ints[0]),
        value->dtype);
}

void range(NodeContext &c) {
  c.requireSameTypes(0, 1);
  c.requireSameTypes(0, 2);
  DType t = c.dtype(0);
  double count;
  if (isFloat(t)) {
    double delta = c.knownFloat(2, "delta");
    if (delta == 0)
      c.bad("delta is 0");
    count = std::ceil((c.knownFloat(1, "limit") - c.knownFloat(0, "start")) / delta);
  } else {
    int64_t start = c.knownInt(0, "start"), limit = c.knownInt(1, "limit"), delta = c.knownInt(2, "delta");
    if (delta == 0)
      c.bad("delta is 0");
    count = std::ceil((double(limit) - double(start)) / double(delta));
  }
  if (!(count < 1e12))
    c.bad("the range has {} elements", count);
  Shape shape{std::max<int64_t>(int64_t(count), 0)};
  Value start = c.reshape(c.in(0), {}), delta = c.reshape(c.in(2), {});
  if (!isFloat(t)) {
    Value i = c.coord(c.dim(0), shape, c.typeOf(t));
    return c.out(c.add(c.mul(i, c.broadcast(delta, shape)), c.broadcast(start, shape)), t);
  }
  Value i = c.coord(c.dim(0), shape, c.i64());
  Type element = c.computeType(c.typeOf(t));
  Value x = c.make<arith::SIToFPOp>(c.tensorType(shape, element), i);
  x = c.mul(x, c.broadcast(c.widen(delta), shape));
  c.outFloat(c.add(x, c.broadcast(c.widen(start), shape)), t);
}

void eyeLike(NodeContext &c) {
  c.requireRank(0, 2, 2);
  DType t = c.hasAttr("dtype") ? c.recast(DType(c.intAttr("dtype", 0))) : c.dtype(0);
  int64_t k = std::clamp<int64_t>(c.intAttr("k", 0), -c.shape(0)[0] - 1, c.shape(0)[1] + 1);
  AffineExpr above = c.dim(1) - c.dim(0) - k;
  Type element = c.typeOf(t);
  Value ones = c.splat(c.shape(0), element, 1);
  c.out(c.viewOrFill(ones, {c.dim(0), c.dim(1)}, c.shape(0), c.zeroAttr(element), {above, -above}), t);
}

void oneHot(NodeContext &c) {
  double wanted = c.knownFloat(1, "depth");
  if (!(wanted >= 0 && wanted < 1e12))
    c.bad("depth {}", wanted);
  int64_t depth = int64_t(wanted);
  int64_t rank = c.rank(0) + 1;
  int64_t axis = c.axisAttr(-1, rank);
  if (c.elementCount(c.shape(2)) != 2)
    c.bad("values must have two elements");
  Value indices = c.in(0);
  if (isFloat(c.dtype(0)))
    indices = c.make<arith::FPToSIOp>(c.tensorType(c.shape(0), c.i64()), c.widen(indices));
  Shape shape(c.shape(0));
  shape.insert(shape.begin() + axis, depth);
  Value chosen = c.broadcastDims(indices, c.keptDims(rank, {axis}), shape);
  Type element = c.elementOf(chosen);
  if (!isUnsigned(c.dtype(0))) { // negative indices count from the end
    Value negative = c.compare(arith::CmpIPredicate::slt, chosen, c.splatLike(chosen, 0));
    chosen = c.select(negative, c.add(chosen, c.splatLike(chosen, double(depth))), chosen);
  }
  Value hit = c.compare(arith::CmpIPredicate::eq, c.coord(c.dim(axis), shape, element), chosen);
  Value values = c.reshape(c.in(2), {2});
  Value off = c.view(values, {c.number(0)}, shape), on = c.view(values, {c.number(1)}, shape);
  c.out(c.select(hit, on, off), c.dtype(2));
}

} // namespace

void addConstants(HandlerTable &table) {
  table["Constant"] = constant;
  table["Shape"] = shapeOf;
  table["Size"] = sizeOf;
  table["ConstantOfShape"] = constantOfShape;
  table["Range"] = range;
  table["EyeLike"] = eyeLike;
  table["OneHot"] = oneHot;
}

} // namespace tgc::onnx
