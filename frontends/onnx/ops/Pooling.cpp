// Pooling: a view that gives each window its own dimensions, then a reduction over them.
#include "frontends/onnx/Select.h"
#include "frontends/onnx/Windows.h"
#include "frontends/onnx/ops/Families.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace tgc::onnx {
namespace {

using graph::ReduceKind;

Windows windowsOf(NodeContext &c) {
  c.requireRank(0, 3, 5);
  std::vector<int64_t> kernel = c.intsAttr("kernel_shape");
  if (int64_t(kernel.size()) != c.rank(0) - 2)
    c.bad("kernel_shape has {} values, {} are needed", kernel.size(), c.rank(0) - 2);
  return Windows(c, c.shape(0).drop_front(2), kernel);
}

/// [n, c, position…, tap…] with `fill` in the padding.
Value windowView(NodeContext &c, const Windows &windows, Value x, TypedAttr fill) {
  size_t rank = windows.out.size();
  Shape shape(c.shapeOf(x).take_front(2));
  shape.append(windows.out);
  shape.append(windows.kernel);
  SmallVector<AffineExpr> indices{c.dim(0), c.dim(1)};
  bool padded = false;
  for (size_t d = 0; d < rank; ++d) {
    indices.push_back(c.dim(2 + d) * windows.strides[d] + c.dim(2 + rank + d) * windows.dilations[d] -
                      windows.before[d]);
    padded |= windows.before[d] > 0 || windows.usedAfter()[d] > 0;
  }
  return padded ? c.viewOrFill(x, indices, shape, fill) : c.view(x, indices, shape);
}

Shape tapDims(const Windows &windows) {
  Shape dims(windows.kernel.size());
  std::iota(dims.begin(), dims.end(), int64_t(2 + windows.out.size()));
  return dims;
}

TypedAttr lowest(NodeContext &c, Type element) {
  if (isa<FloatType>(element))
    return c.fillAttr(element, -INFINITY);
  unsigned width = element.getIntOrFloatBitWidth();
  return IntegerAttr::get(element,
                          isUnsigned(c.dtype(0)) ? APInt(width, 0) : APInt::getSignedMinValue(width));
}

/// The position in the input, counted over all dimensions, of each window's first maximum.
Value maximumPositions(NodeContext &c, const Windows &windows, Value view) {
  size_t rank = windows.out.size();
  Shape joined(c.shapeOf(view).take_front(2 + rank));
  Shape result = joined;
  joined.push_back(c.elementCount(windows.kernel));
  Value tap =
      c.reduce(ReduceKind::ArgMax, c.reshape(view, joined), {int64_t(2 + rank)}, isUnsigned(c.dtype(0)));
  bool columnMajor = c.intAttr("storage_order", 0);
  Value position = c.coord(c.dim(0) * result[1] + c.dim(1), result, c.i64());
  int64_t plane = c.elementCount(windows.in);
  position = c.mul(position, c.splatLike(position, double(plane)));
  int64_t tapStride = 1, stride = 1;
  Shape strides(rank), tapStrides(rank);
  for (size_t d = rank; d-- > 0;) {
    tapStrides[d] = tapStride;
    tapStride *= windows.kernel[d];
  }
  for (size_t i = 0; i < rank; ++i) {
    size_t d = columnMajor ? i : rank - 1 - i;
    strides[d] = stride;
    stride *= windows.in[d];
  }
  for (size_t d = 0; d < rank; ++d) {
    Value k = c.make<arith::DivSIOp>(tap, c.splatLike(tap, double(tapStrides[d])));
    k = c.make<arith::RemSIOp>(k, c.splatLike(k, double(windows.kernel[d])));
    k = c.mul(k, c.splatLike(k, double(windows.dilations[d])));
    k = c.add(k, c.coord(c.dim(2 + d) * windows.strides[d] - windows.before[d], result, c.i64()));
    position = c.add(position, c.mul(k, c.splatLike(k, double(strides[d]))));
  }
  return position;
}

void maxPool(NodeContext &c) {
  Windows windows = windowsOf(c);
  Value x = c.in(0);
  Value view = windowView(c, windows, x, lowest(c, c.elementOf(x)));
  c.out(c.reduce(ReduceKind::Max, view, tapDims(windows), isUnsigned(c.dtype(0))), c.dtype(0));
  if (c.wantsOutput(1))
    c.out(1, maximumPositions(c, windows, view), DType::I64);
}

/// How many taps of each window count: those inside the input, or inside input and padding.
Value tapCounts(NodeContext &c, const Windows &windows, Value like, bool includePadding) {
  size_t rank = windows.out.size();
  requireTable(c.elementCount(windows.out));
  Value product;
  for (size_t d = 0; d < rank; ++d) {
    graph::HostTensor counts = graph::HostTensor::zeros({windows.out[d]}, c.elementOf(like));
    int64_t step = windows.dilations[d];
    for (int64_t o = 0; o < windows.out[d]; ++o) {
      int64_t first = o * windows.strides[d] - windows.before[d]; // what tap 0 reads
      int64_t low = includePadding ? -windows.before[d] : 0;
      int64_t high = windows.in[d] + (includePadding ? windows.after[d] : 0);
      int64_t begin = first < low ? (low - first + step - 1) / step : 0;
      int64_t end = first < high ? (high - first + step - 1) / step : 0;
      counts.floats[o] = double(std::max<int64_t>(std::min(end, windows.kernel[d]) - begin, 0));
    }
    Value factor = counts.isSplat() ? c.splatLike(like, counts.floats[0])
                                    : c.broadcastDims(c.constant(counts), {int64_t(2 + d)}, c.shapeOf(like));
    product = product ? c.mul(product, factor) : factor;
  }
  return product;
}

void averagePool(NodeContext &c) {
  Windows windows = windowsOf(c);
  Value x = c.wide(0);
  Value view = windowView(c, windows, x, c.zeroAttr(c.elementOf(x)));
  Value sum = c.reduce(ReduceKind::Add, view, tapDims(windows));
  c.outFloat(c.div(sum, tapCounts(c, windows, sum, c.intAttr("count_include_pad", 0))), c.dtype(0));
}

/// (Σ |x|^p)^(1/p)
Value lpNorm(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  int64_t p = c.intAttr("p", 2);
  if (p < 1)
    c.bad("p = {}", p);
  if (p == 2)
    return c.make<math::SqrtOp>(c.reduce(ReduceKind::Add, c.mul(x, x), dims));
  Value magnitude = c.make<math::AbsFOp>(x);
  if (p == 1)
    return c.reduce(ReduceKind::Add, magnitude, dims);
  Value sum = c.reduce(ReduceKind::Add, c.make<math::PowFOp>(magnitude, c.splatLike(x, double(p))), dims);
  return c.make<math::PowFOp>(sum, c.splatLike(sum, 1.0 / double(p)));
}

void lpPool(NodeContext &c) {
  Windows windows = windowsOf(c);
  Value x = c.wide(0);
  Value view = windowView(c, windows, x, c.zeroAttr(c.elementOf(x)));
  c.outFloat(lpNorm(c, view, tapDims(windows)), c.dtype(0));
}

Value globalMax(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  return c.reduce(ReduceKind::Max, x, dims);
}
Value globalMean(NodeContext &c, Value x, ArrayRef<int64_t> dims) {
  Value sum = c.reduce(ReduceKind::Add, x, dims);
  return c.div(sum, c.splatLike(sum, double(c.elementCount(c.shape(0).drop_front(2)))));
}

template <Value (*compute)(NodeContext &, Value, ArrayRef<int64_t>)>
void global(NodeContext &c) {
  c.requireRank(0, 3, 64);
  Shape dims(c.rank(0) - 2), shape(c.shape(0).take_front(2));
  std::iota(dims.begin(), dims.end(), 2);
  shape.append(c.rank(0) - 2, 1);
  c.outFloat(c.reshape(compute(c, c.wide(0), dims), shape), c.dtype(0));
}

} // namespace

void addPooling(HandlerTable &table) {
  table["MaxPool"] = maxPool;
  table["AveragePool"] = averagePool;
  table["LpPool"] = lpPool;
  table["GlobalMaxPool"] = global<globalMax>;
  table["GlobalAveragePool"] = global<globalMean>;
  table["GlobalLpPool"] = global<lpNorm>;
}

} // namespace tgc::onnx
