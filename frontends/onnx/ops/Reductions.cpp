// Reductions over axes, argmax and argmin, the softmax family, cumulative sums.
#include "frontends/onnx/ops/Families.h"

#include <numeric>

using namespace mlir;

namespace tgc::onnx {
namespace {

using graph::ReduceKind;

/// Axes of a reduction, sorted; all of them where none are given (or none at all with noop_with_empty_axes).
Shape reducedDims(NodeContext &c) {
  std::vector<int64_t> axes = c.attrOrInput("axes", 1).value_or(std::vector<int64_t>());
  Shape dims;
  if (axes.empty() && !c.intAttr("noop_with_empty_axes", 0)) {
    dims.resize(c.rank(0));
    std::iota(dims.begin(), dims.end(), 0);
    return dims;
  }
  for (int64_t axis : axes) {
    dims.push_back(c.normalizeAxis(axis, c.rank(0)));
    if (llvm::is_contained(ArrayRef(dims).drop_back(), dims.back()))
      c.bad("axis {} is given twice", axis);
  }
  llvm::sort(dims);
  return dims;
}

Value keepDims(NodeContext &c, Value reduced, ArrayRef<int64_t> dims) {
  if (!c.intAttr("keepdims", 1))
    return reduced;
  Shape shape(c.shape(0));
  for (int64_t d : dims)
    shape[d] = 1;
  return c.reshape(reduced, shape);
}

/// What a reduction does before and after its sum; works on floating-point values, and on integers for the
/// plain kinds.
template <Value (*compute)(NodeContext &, Value, ArrayRef<int64_t>)>
void reduction(NodeContext &c) {
  Shape dims = reducedDims(c);
  DType t = c.dtype(0);
  bool isFloatType = isFloat(t);
  Value x = isFloatType ? c.wide(0) : c.in(0);
  Value y = keepDims(c, compute(c, x, dims), dims);
  if (isFloatType)
    c.outFloat(y, t);
  else
    c.out(y, t);
}

template <ReduceKind kind>
Value plain(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  bool orders = kind == ReduceKind::Max || kind == ReduceKind::Min;
  return c.reduce(kind, x, dims, orders && !isFloat(c.dtype(0)) && !isSigned(c.dtype(0)));
}

int64_t reducedCount(Value x, ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t d : dims)
    count *= TensorBuilder::shapeOf(x)[d];
  return count;
}

Value mean(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  Value sum = c.reduce(ReduceKind::Add, x, dims);
  Value count = c.splatLike(sum, double(reducedCount(x, dims)));
  if (c.isFloatValue(sum))
    return c.div(sum, count);
  return isUnsigned(c.dtype(0)) ? c.make<arith::DivUIOp>(sum, count) : c.make<arith::DivSIOp>(sum, count);
}

Value sumSquare(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  return c.reduce(ReduceKind::Add, c.mul(x, x), dims);
}

Value l1(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  if (c.isFloatValue(x))
    x = c.make<math::AbsFOp>(x);
  else if (isSigned(c.dtype(0)))
    x = c.make<math::AbsIOp>(x);
  return c.reduce(ReduceKind::Add, x, dims);
}

/// `compute` in f64 for integers, truncated back.
template <Value (*compute)(NodeContext &, Value, ArrayRef<int64_t>)>
Value throughFloat(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  if (c.isFloatValue(x))
    return compute(c, x, dims);
  bool negative = isSigned(c.dtype(0));
  auto type = c.tensorType(c.shapeOf(x), c.builder.getF64Type());
  Type element = c.elementOf(x);
  Value y = compute(c, negative ? c.make<arith::SIToFPOp>(type, x) : c.make<arith::UIToFPOp>(type, x), dims);
  auto result = c.tensorType(c.shapeOf(y), element);
  return negative ? c.make<arith::FPToSIOp>(result, y) : c.make<arith::FPToUIOp>(result, y);
}

Value l2(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  return c.make<math::SqrtOp>(sumSquare(c, x, dims));
}

Value logSum(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  return c.make<math::LogOp>(c.reduce(ReduceKind::Add, x, dims));
}

/// log Σ e^(x−m) + m with m the maximum, or 0 where that is infinite.
Value logSumExp(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  Value m = c.reduce(ReduceKind::Max, x, dims);
  Value infinite = c.compare(arith::CmpFPredicate::OEQ, c.make<math::AbsFOp>(m), c.splatLike(m, INFINITY));
  m = c.select(infinite, c.splatLike(m, 0), m);
  Value shifted = c.sub(x, c.broadcastDims(m, c.keptDims(c.rankOf(x), dims), c.shapeOf(x)));
  return c.add(c.make<math::LogOp>(c.reduce(ReduceKind::Add, c.exp(shifted), dims)), m);
}

template <ReduceKind kind>
void argReduce(NodeContext &c) {
  int64_t axis = c.axisAttr(0, c.rank(0));
  int64_t extent = c.shape(0)[axis];
  bool last = c.intAttr("select_last_index", 0);
  Value x = c.in(0);
  if (last) {
    Shape starts(c.rank(0), 0), steps(c.rank(0), 1);
    starts[axis] = extent - 1;
    steps[axis] = -1;
    x = c.slice(x, starts, steps, c.shape(0));
  }
  bool isUnsignedType = !isFloat(c.dtype(0)) && !isSigned(c.dtype(0));
  Value y = c.reduce(kind, x, {axis}, isUnsignedType);
  if (last)
    y = c.sub(c.splatLike(y, double(extent - 1)), y);
  c.out(keepDims(c, y, {axis}), DType::I64);
}

/// Before opset 13 a softmax is over all dimensions from `axis` on.
Shape softmaxDims(NodeContext &c) {
  int64_t axis = c.opset() >= 13 ? c.axisAttr(-1, c.rank(0)) : c.axisAttr(1, c.rank(0));
  Shape dims{axis};
  if (c.opset() < 13)
    for (int64_t d = axis + 1; d < c.rank(0); ++d)
      dims.push_back(d);
  return dims;
}

Value shiftedByMax(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  return c.sub(x, c.reduceAndBroadcast(ReduceKind::Max, x, dims));
}

void softmax(NodeContext &c) {
  Shape dims = softmaxDims(c);
  Value e = c.exp(shiftedByMax(c, c.wide(0), dims));
  c.outFloat(c.div(e, c.reduceAndBroadcast(ReduceKind::Add, e, dims)), c.dtype(0));
}

void logSoftmax(NodeContext &c) {
  Shape dims = softmaxDims(c);
  Value x = shiftedByMax(c, c.wide(0), dims);
  Value sum = c.reduce(ReduceKind::Add, c.exp(x), dims);
  Value norm = c.broadcastDims(c.make<math::LogOp>(sum), c.keptDims(c.rank(0), dims), c.shape(0));
  c.outFloat(c.sub(x, norm), c.dtype(0));
}

/// 1 at the first maximum, else 0. Several dimensions are joined into one for the comparison of positions.
void hardmax(NodeContext &c) {
  c.requireFloat(0);
  Shape dims = softmaxDims(c);
  Shape joined(c.shape(0).take_front(dims[0]));
  int64_t count = reducedCount(c.in(0), dims);
  joined.push_back(count);
  Shape rest(c.shape(0).drop_front(dims.back() + 1));
  joined.append(rest);
  Value x = c.reshape(c.in(0), joined);
  Value best = c.reduce(ReduceKind::ArgMax, x, {dims[0]});
  best = c.broadcastDims(best, c.keptDims(int64_t(joined.size()), {dims[0]}), joined);
  Value hit = c.compare(arith::CmpIPredicate::eq, c.coord(c.dim(dims[0]), joined, c.i64()), best);
  Value y = c.select(hit, c.splatLike(x, 1), c.splatLike(x, 0));
  c.out(c.reshape(y, c.shape(0)), c.dtype(0));
}

/// The sum of a view that repeats the tensor along a new dimension j and is 0 where j is beyond the position.
void cumSum(NodeContext &c) {
  int64_t rank = c.rank(0);
  int64_t axis = c.normalizeAxis(c.knownInt(1, "axis"), rank);
  bool exclusive = c.intAttr("exclusive", 0), reverse = c.intAttr("reverse", 0);
  bool isFloatType = isFloat(c.dtype(0));
  Value x = isFloatType ? c.wide(0) : c.in(0);
  Shape shape(c.shape(0));
  shape.push_back(shape[axis]);
  SmallVector<AffineExpr> indices;
  for (int64_t d = 0; d < rank; ++d)
    indices.push_back(c.dim(d == axis ? rank : d));
  AffineExpr distance = reverse ? c.dim(rank) - c.dim(axis) : c.dim(axis) - c.dim(rank);
  Value masked =
      c.viewOrFill(x, indices, shape, c.zeroAttr(c.elementOf(x)), {distance - (exclusive ? 1 : 0)});
  Value y = c.reduce(ReduceKind::Add, masked, {rank});
  if (isFloatType)
    c.outFloat(y, c.dtype(0));
  else
    c.out(y, c.dtype(0));
}

} // namespace

void addReductions(HandlerTable &table) {
  table["ReduceSum"] = reduction<plain<ReduceKind::Add>>;
  table["ReduceProd"] = reduction<plain<ReduceKind::Mul>>;
  table["ReduceMax"] = reduction<plain<ReduceKind::Max>>;
  table["ReduceMin"] = reduction<plain<ReduceKind::Min>>;
  table["ReduceMean"] = reduction<mean>;
  table["ReduceSumSquare"] = reduction<sumSquare>;
  table["ReduceL1"] = reduction<l1>;
  table["ReduceL2"] = reduction<throughFloat<l2>>;
  table["ReduceLogSum"] = reduction<throughFloat<logSum>>;
  table["ReduceLogSumExp"] = reduction<throughFloat<logSumExp>>;
  table["ArgMax"] = argReduce<ReduceKind::ArgMax>;
  table["ArgMin"] = argReduce<ReduceKind::ArgMin>;
  table["Softmax"] = softmax;
  table["LogSoftmax"] = logSoftmax;
  table["Hardmax"] = hardmax;
  table["CumSum"] = cumSum;
}

} // namespace tgc::onnx
