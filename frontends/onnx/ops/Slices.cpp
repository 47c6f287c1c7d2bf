// Slice and Split.
#include "frontends/onnx/ops/Families.h"

using namespace mlir;

namespace tgc::onnx {
namespace {

void slice(NodeContext &c) {
  bool attributes = c.opset() < 10;
  auto starts = attributes ? c.intsAttr("starts") : c.knownInts(1, "starts");
  auto ends = attributes ? c.intsAttr("ends") : c.knownInts(2, "ends");
  std::optional<std::vector<int64_t>> axes = c.attrOrInput("axes", 3);
  std::vector<int64_t> steps = c.has(4) ? c.knownInts(4, "steps") : std::vector<int64_t>(starts.size(), 1);
  if (!axes) {
    axes.emplace();
    for (size_t i = 0; i < starts.size(); ++i)
      axes->push_back(int64_t(i));
  }
  if (starts.size() != ends.size() || starts.size() != axes->size() || starts.size() != steps.size())
    c.bad("starts, ends, axes and steps have different lengths");
  Shape shape(c.shape(0)), first(shape.size(), 0), step(shape.size(), 1);
  for (size_t i = 0; i < starts.size(); ++i) {
    int64_t d = c.normalizeAxis((*axes)[i], c.rank(0));
    int64_t extent = c.shape(0)[d];
    // A step beyond the extent takes one element, as the extent itself does.
    int64_t s = std::clamp(steps[i], -std::max<int64_t>(extent, 1), std::max<int64_t>(extent, 1));
    if (s == 0)
      c.bad("step 0");
    auto place = [&](int64_t v) { // before the first element, on one, or behind the last
      v = v < 0 ? (v < -extent ? -1 : v + extent) : v;
      return s > 0 ? std::clamp<int64_t>(v, 0, extent) : std::clamp<int64_t>(v, -1, extent - 1);
    };
    int64_t start = place(starts[i]), end = place(ends[i]);
    int64_t size = s > 0 ? (end - start + s - 1) / s : (start - end - s - 1) / -s;
    shape[d] = std::max<int64_t>(size, 0);
    first[d] = shape[d] ? start : 0;
    step[d] = s;
  }
  c.out(c.slice(c.in(0), first, step, shape), c.dtype(0));
}

void split(NodeContext &c) {
  int64_t axis = c.axisAttr(0, c.rank(0));
  int64_t extent = c.shape(0)[axis];
  std::vector<int64_t> sizes = c.attrOrInput("split", 1).value_or(std::vector<int64_t>());
  if (sizes.empty()) {
    int64_t count = c.intAttr("num_outputs", int64_t(c.outputCount()));
    if (count < 1 || count > int64_t(c.outputCount()))
      c.bad("num_outputs {} for {} outputs", count, c.outputCount());
    int64_t part = (extent + count - 1) / count;
    for (int64_t i = 0; i < count; ++i)
      sizes.push_back(std::clamp<int64_t>(extent - i * part, 0, part));
  }
  if (sizes.size() < c.outputCount())
    c.bad("{} parts for {} outputs", sizes.size(), c.outputCount());
  int64_t start = 0;
  for (size_t i = 0; i < c.outputCount(); ++i) {
    c.out(i, c.sliceDim(c.in(0), axis, start, sizes[i]), c.dtype(0));
    start += sizes[i];
  }
  if (start != extent)
    c.bad("the parts add to {}, not {}", start, extent);
}

} // namespace

void addSlices(HandlerTable &table) {
  table["Slice"] = slice;
  table["Split"] = split;
}

} // namespace tgc::onnx
