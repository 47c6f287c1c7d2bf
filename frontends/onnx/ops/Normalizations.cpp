// Normalisations: graph.moments and arithmetic in f32.
#include "frontends/onnx/ops/Families.h"

#include <numeric>

using namespace mlir;

namespace tgc::onnx {
namespace {

using graph::ReduceKind;

Shape dimsFrom(int64_t first, int64_t rank) {
  Shape dims(std::max<int64_t>(rank - first, 0));
  std::iota(dims.begin(), dims.end(), first);
  return dims;
}

struct Normalized {
  Value value, mean, inverse; ///< mean and 1/√(variance + ε) without the reduced dimensions
};

/// (x − mean) / √(variance + ε) over `dims`.
Normalized normalize(NodeContext &c, Value x, ArrayRef<int64_t> dims, double epsilon) {
  if (dims.empty())
    c.bad("nothing to normalise over");
  auto [mean, variance] = c.moments(x, dims);
  Value inverse = c.make<math::RsqrtOp>(c.add(variance, c.splatLike(variance, epsilon)));
  Shape kept = c.keptDims(c.rankOf(x), dims);
  Value centred = c.sub(x, c.broadcastDims(mean, kept, c.shapeOf(x)));
  return {c.mul(centred, c.broadcastDims(inverse, kept, c.shapeOf(x))), mean, inverse};
}

/// Input i, one value for each channel, in f32 and the shape of a tensor whose dimension 1 is the channel.
Value perChannel(NodeContext &c, size_t i, ArrayRef<int64_t> shape) {
  if (c.rank(i) != 1 || c.shape(i)[0] != shape[1])
    c.bad("input {} must have one value for each of {} channels", i, shape[1]);
  c.requireFloat(i);
  return c.broadcastDims(c.widen(c.in(i)), {1}, shape);
}

void layerNormalization(NodeContext &c) {
  int64_t rank = c.rank(0), axis = c.axisAttr(-1, rank);
  Shape dims = dimsFrom(axis, rank);
  Normalized n = normalize(c, c.wide(0), dims, c.floatAttr("epsilon", 1e-5f));
  Value y = c.mul(n.value, c.wideAs(1, c.shape(0)));
  if (c.has(2))
    y = c.add(y, c.wideAs(2, c.shape(0)));
  c.outFloat(y, c.dtype(0));
  Shape statistics(c.shape(0));
  for (int64_t d : dims)
    statistics[d] = 1;
  DType stash = c.recast(DType(c.intAttr("stash_type", 1)));
  if (c.wantsOutput(1))
    c.outFloat(1, c.reshape(n.mean, statistics), stash);
  if (c.wantsOutput(2))
    c.outFloat(2, c.reshape(n.inverse, statistics), stash);
}

void rmsNormalization(NodeContext &c) {
  int64_t rank = c.rank(0);
  Shape dims = dimsFrom(c.axisAttr(-1, rank), rank);
  Value x = c.wide(0);
  Value sum = c.reduce(ReduceKind::Add, c.mul(x, x), dims);
  int64_t count = 1;
  for (int64_t d : dims)
    count *= c.shape(0)[d];
  Value mean = c.div(sum, c.splatLike(sum, double(count)));
  Value inverse = c.make<math::RsqrtOp>(c.add(mean, c.splatLike(mean, c.floatAttr("epsilon", 1e-5f))));
  Value y = c.mul(x, c.broadcastDims(inverse, c.keptDims(rank, dims), c.shape(0)));
  c.outFloat(c.mul(y, c.wideAs(1, c.shape(0))), c.dtype(0));
}

void instanceNormalization(NodeContext &c) {
  c.requireRank(0, 3, 64);
  Value x = c.wide(0);
  Value y = normalize(c, x, dimsFrom(2, c.rank(0)), c.floatAttr("epsilon", 1e-5f)).value;
  y = c.mul(y, perChannel(c, 1, c.shape(0)));
  c.outFloat(c.add(y, perChannel(c, 2, c.shape(0))), c.dtype(0));
}

/// Scale and bias are given for each group before opset 21 and for each channel since.
void groupNormalization(NodeContext &c) {
  c.requireRank(0, 2, 64);
  int64_t groups = c.intAttr("num_groups", 0), channels = c.shape(0)[1];
  if (groups < 1 || channels % groups != 0)
    c.bad("{} channels do not divide into {} groups", channels, groups);
  Shape grouped{c.shape(0)[0], groups, channels / groups};
  grouped.append(c.shape(0).begin() + 2, c.shape(0).end());
  Value x = c.reshape(c.wide(0), grouped);
  Value y = normalize(c, x, dimsFrom(2, int64_t(grouped.size())), c.floatAttr("epsilon", 1e-5f)).value;
  ArrayRef<int64_t> shape = c.shape(0);
  if (c.shape(1) == ArrayRef<int64_t>{groups} && c.opset() < 21) {
    y = c.mul(y, perChannel(c, 1, grouped));
    y = c.add(y, perChannel(c, 2, grouped));
    y = c.reshape(y, shape);
  } else {
    y = c.reshape(y, shape);
    y = c.mul(y, perChannel(c, 1, shape));
    y = c.add(y, perChannel(c, 2, shape));
  }
  c.outFloat(y, c.dtype(0));
}

void batchNormalization(NodeContext &c) {
  c.requireRank(0, 2, 64);
  if (c.intAttr("training_mode", 0))
    c.fail("BatchNormalization in training mode");
  ArrayRef<int64_t> shape = c.shape(0);
  Value variance = c.widen(c.in(4));
  if (!c.isFloatValue(variance))
    c.bad("the variance must be a floating-point tensor");
  Value inverse =
      c.make<math::RsqrtOp>(c.add(variance, c.splatLike(variance, c.floatAttr("epsilon", 1e-5f))));
  if (c.shapeOf(inverse) != ArrayRef<int64_t>{shape[1]})
    c.bad("the variance must have one value for each of {} channels", shape[1]);
  Value y = c.sub(c.wide(0), perChannel(c, 3, shape));
  y = c.mul(y, c.broadcastDims(inverse, {1}, shape));
  y = c.mul(y, perChannel(c, 1, shape));
  c.outFloat(c.add(y, perChannel(c, 2, shape)), c.dtype(0));
}

void meanVarianceNormalization(NodeContext &c) {
  Shape dims;
  for (int64_t axis : c.intsAttr("axes", {0, 2, 3}))
    dims.push_back(c.normalizeAxis(axis, c.rank(0)));
  llvm::sort(dims);
  Value x = c.wide(0);
  auto [mean, variance] = c.moments(x, dims);
  Shape kept = c.keptDims(c.rank(0), dims);
  Value deviation = c.add(c.make<math::SqrtOp>(variance), c.splatLike(variance, 1e-9));
  Value centred = c.sub(x, c.broadcastDims(mean, kept, c.shape(0)));
  c.outFloat(c.div(centred, c.broadcastDims(deviation, kept, c.shape(0))), c.dtype(0));
}

/// A norm of 0 gives 0.
void lpNormalization(NodeContext &c) {
  int64_t axis = c.axisAttr(-1, c.rank(0)), p = c.intAttr("p", 2);
  Value x = c.wide(0), norm;
  if (p == 1)
    norm = c.reduce(ReduceKind::Add, c.make<math::AbsFOp>(x), {axis});
  else if (p == 2)
    norm = c.make<math::SqrtOp>(c.reduce(ReduceKind::Add, c.mul(x, x), {axis}));
  else
    c.bad("p = {} is not 1 or 2", p);
  norm = c.broadcastDims(norm, c.keptDims(c.rank(0), {axis}), c.shape(0));
  Value zero = c.splatLike(x, 0);
  c.outFloat(c.select(c.compare(arith::CmpFPredicate::OEQ, norm, zero), zero, c.div(x, norm)), c.dtype(0));
}

/// x / (bias + alpha/size · Σ x²)^beta over a window of channels.
void lrn(NodeContext &c) {
  c.requireRank(0, 3, 64);
  int64_t size = c.intAttr("size", 0), rank = c.rank(0);
  if (size < 1 || size > 1 << 20)
    c.bad("size {}", size);
  Value x = c.wide(0);
  Shape windows(c.shape(0));
  windows.push_back(size);
  SmallVector<AffineExpr> indices;
  for (int64_t d = 0; d < rank; ++d)
    indices.push_back(d == 1 ? c.dim(1) + c.dim(rank) - (size - 1) / 2 : c.dim(d));
  Value squares = c.viewOrFill(c.mul(x, x), indices, windows, c.zeroAttr(c.elementOf(x)));
  Value sum = c.reduce(ReduceKind::Add, squares, {rank});
  sum = c.mul(sum, c.splatLike(sum, c.floatAttr("alpha", 0.0001f) / double(size)));
  sum = c.add(sum, c.splatLike(sum, c.floatAttr("bias", 1)));
  Value norm = c.make<math::PowFOp>(sum, c.splatLike(sum, c.floatAttr("beta", 0.75f)));
  c.outFloat(c.div(x, norm), c.dtype(0));
}

} // namespace

void addNormalizations(HandlerTable &table) {
  table["LayerNormalization"] = layerNormalization;
  table["RMSNormalization"] = rmsNormalization;
  table["InstanceNormalization"] = instanceNormalization;
  table["GroupNormalization"] = groupNormalization;
  table["BatchNormalization"] = batchNormalization;
  table["MeanVarianceNormalization"] = meanVarianceNormalization;
  table["LpNormalization"] = lpNormalization;
  table["LRN"] = lrn;
}

} // namespace tgc::onnx
