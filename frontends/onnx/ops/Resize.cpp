// Resize and Upsample, one axis at a time.
//
// 1. For each output position the source coordinate follows from the coordinate transformation mode.
// 2. Nearest: one source index for each position, a selection along the axis.
// 3. Linear and cubic: 2 or 4 taps, each a selection along the axis times a constant vector of weights. With
//    antialiasing the taps are many: a contraction with a constant matrix.
#include "frontends/onnx/Select.h"
#include "frontends/onnx/ops/Families.h"

#include <cmath>

using namespace mlir;

namespace tgc::onnx {
namespace {

struct Axis {
  int64_t dim, in, out;
  double scale;
  double roiStart = 0, roiEnd = 1;
};

struct Settings {
  std::string mode, coordinates, nearest;
  double cubicA, extrapolation;
  bool excludeOutside, antialias;
};

double rawCoordinate(NodeContext &c, const Settings &s, const Axis &a, int64_t o) {
  double in = double(a.in), out = double(a.out), x = double(o);
  const std::string &mode = s.coordinates;
  if (mode == "half_pixel")
    return (x + 0.5) / a.scale - 0.5;
  if (mode == "half_pixel_symmetric") {
    double adjustment = out / (a.scale * in);
    return in / 2 * (1 - adjustment) + (x + 0.5) / a.scale - 0.5;
  }
  if (mode == "pytorch_half_pixel")
    return a.out > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
  if (mode == "align_corners")
    return a.out > 1 ? x * (in - 1) / (a.scale * in - 1) : 0;
  if (mode == "asymmetric")
    return x / a.scale;
  if (mode == "tf_half_pixel_for_nn")
    return (x + 0.5) / a.scale;
  if (mode == "tf_crop_and_resize")
    return a.out > 1 ? a.roiStart * (in - 1) + x * (a.roiEnd - a.roiStart) * (in - 1) / (out - 1)
                     : 0.5 * (a.roiStart + a.roiEnd) * (in - 1);
  c.bad("coordinate_transformation_mode {} is not known", mode);
}

/// The source coordinate of output position o.
double coordinate(NodeContext &c, const Settings &s, const Axis &a, int64_t o) {
  double x = rawCoordinate(c, s, a, o);
  if (!(std::fabs(x) < 1e15))
    c.bad("position {} has the source coordinate {}", o, x);
  return x;
}

int64_t nearestIndex(NodeContext &c, const Settings &s, double x) {
  if (s.nearest == "round_prefer_floor")
    return int64_t(std::ceil(x - 0.5));
  if (s.nearest == "round_prefer_ceil")
    return int64_t(std::floor(x + 0.5));
  if (s.nearest == "floor")
    return int64_t(std::floor(x));
  if (s.nearest == "ceil")
    return int64_t(std::ceil(x));
  c.bad("nearest_mode {} is not known", s.nearest);
}

double linearWeight(double distance) { return std::max(0.0, 1 - std::fabs(distance)); }

double cubicWeight(double distance, double a) {
  double t = std::fabs(distance);
  if (t <= 1)
    return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2)
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return 0;
}

/// The taps of one output position: unclamped source indices and weights that add to 1.
struct Taps {
  std::vector<int64_t> indices;
  std::vector<double> weights;
};

Taps tapsAt(const Settings &s, const Axis &a, double x) {
  bool cubic = s.mode == "cubic";
  double stretch = s.antialias && a.scale < 1 ? a.scale : 1;
  double support = (cubic ? 2 : 1) / stretch;
  Taps taps;
  int64_t first =
      stretch == 1 ? int64_t(std::floor(x)) - (cubic ? 1 : 0) : int64_t(std::floor(x - support)) + 1;
  requireTable(int64_t(std::min(support * double(a.out), 1e15)));
  int64_t last = stretch == 1 ? first + (cubic ? 3 : 1) : int64_t(std::ceil(x + support)) - 1;
  double sum = 0;
  for (int64_t i = first; i <= last; ++i) {
    double distance = (double(i) - x) * stretch;
    double weight = cubic ? cubicWeight(distance, s.cubicA) : linearWeight(distance);
    if (s.excludeOutside && (i < 0 || i >= a.in))
      weight = 0;
    taps.indices.push_back(i);
    taps.weights.push_back(weight);
    sum += weight;
  }
  if ((s.excludeOutside || stretch != 1) && sum != 0)
    for (double &weight : taps.weights)
      weight /= sum;
  return taps;
}

/// Positions of a crop that lie outside the input take the extrapolation value.
Value extrapolate(NodeContext &c, const Settings &s, const Axis &a, Value y) {
  if (s.coordinates != "tf_crop_and_resize")
    return y;
  graph::HostTensor outside = graph::HostTensor::zeros({a.out}, c.i1());
  for (int64_t o = 0; o < a.out; ++o) {
    double x = coordinate(c, s, a, o);
    outside.ints[o] = x < 0 || x > double(a.in - 1);
  }
  if (outside.isSplat() && !outside.ints[0])
    return y;
  return c.select(c.broadcastDims(c.constant(outside), {a.dim}, c.shapeOf(y)),
                  c.splatLike(y, s.extrapolation), y);
}

Value resizeNearest(NodeContext &c, const Settings &s, const Axis &a, Value x) {
  std::vector<int64_t> indices;
  for (int64_t o = 0; o < a.out; ++o)
    indices.push_back(std::clamp<int64_t>(nearestIndex(c, s, coordinate(c, s, a, o)), 0, a.in - 1));
  return extrapolate(c, s, a, selectAlong(c, x, a.dim, indices));
}

/// A dense matrix of weights, for taps without a fixed number.
Value resizeByMatrix(NodeContext &c, const Axis &a, const std::vector<Taps> &taps, Value x) {
  requireTable(c.elementCount({a.out, a.in}));
  graph::HostTensor matrix = graph::HostTensor::zeros({a.out, a.in}, c.elementOf(x));
  for (int64_t o = 0; o < a.out; ++o)
    for (size_t k = 0; k < taps[o].indices.size(); ++k)
      matrix.floats[o * a.in + std::clamp<int64_t>(taps[o].indices[k], 0, a.in - 1)] += taps[o].weights[k];
  int64_t rank = c.rankOf(x);
  Shape extents(c.shapeOf(x));
  extents[a.dim] = a.out;
  extents.push_back(a.in);
  SmallVector<AffineExpr> indices;
  for (int64_t d = 0; d < rank; ++d)
    indices.push_back(c.dim(d == a.dim ? rank : d));
  return c.contract(x, indices, c.constant(matrix), {c.dim(a.dim), c.dim(rank)}, extents, rank);
}

Value resizeByTaps(NodeContext &c, const Axis &a, const std::vector<Taps> &taps, Value x) {
  Value sum;
  for (size_t k = 0; k < taps[0].indices.size(); ++k) {
    std::vector<int64_t> indices;
    graph::HostTensor weights = graph::HostTensor::zeros({a.out}, c.elementOf(x));
    for (int64_t o = 0; o < a.out; ++o) {
      indices.push_back(std::clamp<int64_t>(taps[o].indices[k], 0, a.in - 1));
      weights.floats[o] = taps[o].weights[k];
    }
    Value tap = selectAlong(c, x, a.dim, indices);
    tap = c.mul(tap, c.broadcastDims(c.constant(weights), {a.dim}, c.shapeOf(tap)));
    sum = sum ? c.add(sum, tap) : tap;
  }
  return sum;
}

Value resizeSmooth(NodeContext &c, const Settings &s, const Axis &a, Value x) {
  std::vector<Taps> taps;
  for (int64_t o = 0; o < a.out; ++o)
    taps.push_back(tapsAt(s, a, coordinate(c, s, a, o)));
  bool many = s.antialias && a.scale < 1;
  return extrapolate(c, s, a, many ? resizeByMatrix(c, a, taps, x) : resizeByTaps(c, a, taps, x));
}

void run(NodeContext &c, const Settings &s, ArrayRef<Axis> axes) {
  bool nearest = s.mode == "nearest";
  if (!nearest && s.mode != "linear" && s.mode != "bilinear" && s.mode != "cubic")
    c.bad("mode {} is not known", s.mode);
  Shape shape(c.shape(0));
  for (const Axis &axis : axes) {
    shape[axis.dim] = axis.out;
    requireTable(axis.out);
    if (axis.in == 0 && axis.out != 0)
      c.bad("an empty dimension cannot grow");
  }
  if (c.elementCount(shape) == 0)
    return c.out(c.splat(shape, c.typeOf(c.dtype(0)), 0), c.dtype(0));
  Value x = nearest ? c.in(0) : c.wide(0);
  for (const Axis &axis : axes) {
    if (axis.scale == 1 && axis.in == axis.out && s.coordinates != "tf_crop_and_resize")
      continue;
    x = nearest ? resizeNearest(c, s, axis, x) : resizeSmooth(c, s, axis, x);
  }
  if (nearest)
    c.out(x, c.dtype(0));
  else
    c.outFloat(x, c.dtype(0));
}

/// Sizes of the result from the operand `sizes`, with the scale that follows.
void setSizes(NodeContext &c, SmallVectorImpl<Axis> &axes, const std::vector<int64_t> &sizes) {
  std::string policy = c.stringAttr("keep_aspect_ratio_policy", "stretch");
  double common = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (sizes[i] < 0 || axes[i].in == 0)
      c.bad("size {} for the extent {}", sizes[i], axes[i].in);
    double scale = double(sizes[i]) / double(axes[i].in);
    axes[i].out = sizes[i];
    axes[i].scale = scale;
    bool better = policy == "not_larger" ? scale < common : scale > common;
    if (i == 0 || better)
      common = scale;
  }
  if (policy == "stretch")
    return;
  if (policy != "not_larger" && policy != "not_smaller")
    c.bad("keep_aspect_ratio_policy {} is not known", policy);
  for (Axis &axis : axes) {
    axis.scale = common;
    axis.out = int64_t(std::floor(common * double(axis.in) + 0.5));
  }
}

void setScales(NodeContext &c, SmallVectorImpl<Axis> &axes, const std::vector<double> &scales) {
  if (scales.size() != axes.size())
    c.bad("{} scales for {} axes", scales.size(), axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    if (!(scales[i] > 0 && scales[i] < 1e6))
      c.bad("scale {}", scales[i]);
    axes[i].scale = scales[i];
    axes[i].out = int64_t(std::floor(double(axes[i].in) * scales[i]));
  }
}

SmallVector<Axis> allAxes(NodeContext &c) {
  SmallVector<Axis> axes;
  for (int64_t d = 0; d < c.rank(0); ++d)
    axes.push_back({d, c.shape(0)[d], c.shape(0)[d], 1});
  return axes;
}

bool given(NodeContext &c, size_t i) { return c.has(i) && c.elementCount(c.shape(i)) > 0; }

void resize(NodeContext &c) {
  bool old = c.opset() < 11; // inputs were data and scales
  Settings s{c.stringAttr("mode", "nearest"),
             c.stringAttr("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel"),
             c.stringAttr("nearest_mode", old ? "floor" : "round_prefer_floor"),
             c.floatAttr("cubic_coeff_a", -0.75),
             c.floatAttr("extrapolation_value", 0),
             c.intAttr("exclude_outside", 0) != 0,
             c.intAttr("antialias", 0) != 0};
  SmallVector<Axis> axes = allAxes(c);
  if (c.hasAttr("axes")) {
    axes.clear();
    for (int64_t axis : c.intsAttr("axes")) {
      int64_t d = c.normalizeAxis(axis, c.rank(0));
      axes.push_back({d, c.shape(0)[d], c.shape(0)[d], 1});
    }
  }
  size_t scalesInput = old ? 1 : 2;
  if (!old && given(c, 3)) {
    std::vector<int64_t> sizes = c.knownInts(3, "sizes");
    if (sizes.size() != axes.size())
      c.bad("{} sizes for {} axes", sizes.size(), axes.size());
    setSizes(c, axes, sizes);
  } else if (given(c, scalesInput)) {
    setScales(c, axes, c.knownFloats(scalesInput, "scales"));
  } else {
    c.bad("neither scales nor sizes are given");
  }
  if (s.coordinates == "tf_crop_and_resize") {
    std::vector<double> roi = c.knownFloats(1, "roi");
    if (roi.size() != 2 * axes.size())
      c.bad("{} values in roi for {} axes", roi.size(), axes.size());
    for (size_t i = 0; i < axes.size(); ++i) {
      axes[i].roiStart = roi[i];
      axes[i].roiEnd = roi[axes.size() + i];
    }
  }
  run(c, s, axes);
}

void upsample(NodeContext &c) {
  Settings s{c.stringAttr("mode", "nearest"), "asymmetric", "floor", -0.75, 0, false, false};
  SmallVector<Axis> axes = allAxes(c);
  setScales(c, axes, c.hasAttr("scales") ? c.floatsAttr("scales") : c.knownFloats(1, "scales"));
  run(c, s, axes);
}

} // namespace

void addResize(HandlerTable &table) {
  table["Resize"] = resize;
  table["Upsample"] = upsample;
}

} // namespace tgc::onnx
