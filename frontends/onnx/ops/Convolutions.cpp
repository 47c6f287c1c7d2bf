// Convolutions: contractions over a padded view.
#include "frontends/onnx/Quantization.h"
#include "frontends/onnx/Windows.h"
#include "frontends/onnx/ops/Families.h"

using namespace mlir;

namespace tgc::onnx {
namespace {

Value addBias(NodeContext &c, Value y, size_t input) {
  if (!c.has(input))
    return y;
  c.requireSameTypes(0, input);
  if (c.rank(input) != 1)
    c.bad("the bias must have rank 1");
  return c.add(y, c.broadcastDims(c.widen(c.in(input)), {1}, c.shapeOf(y)));
}

/// Σ over (c, k…) of x[n, g·C + c, indices…] · w[weightIndices…]. The space is (n, g, o, position…, c, k…);
/// without groups g is left out. The result is [n, G·O, position…] in the accumulator's type.
struct GroupedSum {
  NodeContext &c;
  Value x, w;
  int64_t groups, outputsPerGroup, inputsPerGroup;
  ArrayRef<int64_t> positions, kernel;

  unsigned lead() const { return groups == 1 ? 2 : 3; }
  AffineExpr group() const { return groups == 1 ? c.number(0) : c.dim(1); }
  AffineExpr output() const { return c.dim(lead() - 1); }
  AffineExpr position(size_t d) const { return c.dim(lead() + d); }
  AffineExpr channel() const { return c.dim(lead() + positions.size()); }
  AffineExpr tap(size_t d) const { return c.dim(lead() + positions.size() + 1 + d); }

  Value run(ArrayRef<AffineExpr> spatial, ArrayRef<AffineExpr> weightIndices) const {
    int64_t batch = c.shapeOf(x)[0];
    Shape extents{batch};
    if (groups != 1)
      extents.push_back(groups);
    extents.push_back(outputsPerGroup);
    extents.append(positions.begin(), positions.end());
    size_t resultRank = extents.size();
    extents.push_back(inputsPerGroup);
    extents.append(kernel.begin(), kernel.end());
    SmallVector<AffineExpr> indices{c.dim(0), group() * inputsPerGroup + channel()};
    indices.append(spatial.begin(), spatial.end());
    Value y = c.contract(x, indices, w, weightIndices, extents, int64_t(resultRank));
    Shape shape{batch, groups * outputsPerGroup};
    shape.append(positions.begin(), positions.end());
    return c.reshape(y, shape);
  }
};

int64_t groupCount(NodeContext &c, int64_t channels) {
  int64_t groups = c.intAttr("group", 1);
  if (groups < 1 || groups > std::max<int64_t>(channels, 1))
    c.bad("{} groups of {} channels", groups, channels);
  return groups;
}

/// x and w of one type; the padding is 0.
Value convolve(NodeContext &c, Value x, Value w) {
  ArrayRef<int64_t> in = c.shapeOf(x), weight = c.shapeOf(w);
  if (in.size() < 3 || in.size() > 5 || in.size() != weight.size())
    c.bad("data and weight have the ranks {} and {}", in.size(), weight.size());
  int64_t groups = groupCount(c, in[1]);
  if (weight[1] > in[1] || in[1] != weight[1] * groups || weight[0] % groups != 0)
    c.bad("{} channels and {} groups do not fit the weight", in[1], groups);
  Windows windows(c, in.drop_front(2), weight.drop_front(2));
  Shape before{0, 0}, after{0, 0};
  before.append(windows.before);
  after.append(windows.usedAfter());
  GroupedSum sum{c,
                 c.pad(x, before, after, c.zeroAttr(c.elementOf(x))),
                 w,
                 groups,
                 weight[0] / groups,
                 weight[1],
                 windows.out,
                 windows.kernel};
  SmallVector<AffineExpr> spatial,
      weightIndices{sum.group() * (weight[0] / groups) + sum.output(), sum.channel()};
  for (size_t d = 0; d < windows.out.size(); ++d) {
    spatial.push_back(sum.position(d) * windows.strides[d] + sum.tap(d) * windows.dilations[d]);
    weightIndices.push_back(sum.tap(d));
  }
  return sum.run(spatial, weightIndices);
}

void conv(NodeContext &c) {
  c.requireSameTypes(0, 1);
  c.requireFloat(0);
  c.outFloat(addBias(c, convolve(c, c.in(0), c.in(1)), 2), c.dtype(0));
}

void convInteger(NodeContext &c) { c.out(convolve(c, centred(c, 0, 2, 1), centred(c, 1, 3, 0)), DType::I32); }

/// Inputs: x with scale and zero point, w with both, the result's scale and zero point, an i32 bias.
void qlinearConv(NodeContext &c) {
  Value product = convolve(c, centred(c, 0, 2, 1), centred(c, 3, 5, 0));
  if (c.has(8)) {
    if (c.dtype(8) != DType::I32 || c.rank(8) != 1)
      c.bad("the bias must be i32 of rank 1");
    product = c.add(product, c.broadcastDims(c.in(8), {1}, c.shapeOf(product)));
  }
  outRequantized(c, product, 1, 4, 6, 1);
}

/// y[o] = Σ x[i]·w[k] over o = i·stride − before + k·dilation: the contraction of w reversed with x spread
/// out by the stride, zeros between.
void convTranspose(NodeContext &c) {
  c.requireSameTypes(0, 1);
  c.requireFloat(0);
  c.requireRank(0, 3, 5);
  c.requireRank(1, c.rank(0), c.rank(0));
  ArrayRef<int64_t> in = c.shape(0), weight = c.shape(1);
  int64_t groups = groupCount(c, in[1]);
  if (in[1] != weight[0] || in[1] % groups != 0)
    c.bad("{} channels and {} groups do not fit the weight", in[1], groups);
  int64_t channels = in[1] / groups;
  TransposedWindows windows(c, in.drop_front(2), weight.drop_front(2));
  size_t rank = windows.out.size();
  // Position p of the spread tensor holds x[(p − lead) / stride] where that divides.
  Shape spread{in[0], in[1]};
  SmallVector<AffineExpr> indices{c.dim(0), c.dim(1)}, conditions;
  for (size_t d = 0; d < rank; ++d) {
    int64_t reach = (windows.kernel[d] - 1) * windows.dilations[d];
    spread.push_back(windows.out[d] + reach);
    AffineExpr offset = c.dim(2 + d) - (reach - windows.before[d]);
    indices.push_back(offset.floorDiv(windows.strides[d]));
    if (windows.strides[d] != 1)
      conditions.push_back(-(offset % windows.strides[d]));
  }
  Value x = c.in(0);
  x = c.viewOrFill(x, indices, spread, c.zeroAttr(c.elementOf(x)), conditions);
  GroupedSum sum{c, x, c.in(1), groups, weight[1], channels, windows.out, windows.kernel};
  SmallVector<AffineExpr> spatial, weightIndices{sum.group() * channels + sum.channel(), sum.output()};
  for (size_t d = 0; d < rank; ++d) {
    spatial.push_back(sum.position(d) + sum.tap(d) * windows.dilations[d]);
    weightIndices.push_back(c.number(windows.kernel[d] - 1) - sum.tap(d));
  }
  c.outFloat(addBias(c, sum.run(spatial, weightIndices), 2), c.dtype(0));
}

} // namespace

void addConvolutions(HandlerTable &table) {
  table["Conv"] = conv;
  table["ConvInteger"] = convInteger;
  table["QLinearConv"] = qlinearConv;
  table["ConvTranspose"] = convTranspose;
}

} // namespace tgc::onnx
