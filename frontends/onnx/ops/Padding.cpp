// Pad in its four modes.
#include "frontends/onnx/Select.h"
#include "frontends/onnx/ops/Families.h"

using namespace mlir;

namespace tgc::onnx {
namespace {

/// The source index of position i before it is brought into [0, extent).
int64_t foldIndex(const std::string &mode, int64_t i, int64_t extent) {
  if (mode == "edge")
    return std::clamp<int64_t>(i, 0, extent - 1);
  auto modulo = [](int64_t a, int64_t b) { return (a % b + b) % b; };
  if (mode == "wrap")
    return modulo(i, extent);
  if (extent == 1)
    return 0;
  int64_t j = modulo(i, 2 * (extent - 1));
  return j < extent ? j : 2 * (extent - 1) - j;
}

void pad(NodeContext &c) {
  int64_t rank = c.rank(0);
  std::string mode = c.stringAttr("mode", "constant");
  std::vector<int64_t> pads = c.attrOrInput("pads", 1).value_or(std::vector<int64_t>());
  Shape axes;
  if (c.has(3))
    for (int64_t axis : c.knownInts(3, "axes"))
      axes.push_back(c.normalizeAxis(axis, rank));
  else
    for (int64_t d = 0; d < rank; ++d)
      axes.push_back(d);
  if (pads.size() != 2 * axes.size())
    c.bad("{} pads for {} axes", pads.size(), axes.size());
  Shape before(rank, 0), after(rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    before[axes[i]] = pads[i];
    after[axes[i]] = pads[axes.size() + i];
  }
  for (int64_t d = 0; d < rank; ++d) {
    constexpr int64_t limit = int64_t(1) << 32;
    if (std::abs(before[d]) > limit || std::abs(after[d]) > limit || c.shape(0)[d] + before[d] + after[d] < 0)
      c.bad("pads {} and {} do not fit the extent {}", before[d], after[d], c.shape(0)[d]);
  }
  Value x = c.in(0);
  if (mode == "constant") {
    TypedAttr fill = c.zeroAttr(c.elementOf(x));
    if (c.hasAttr("value"))
      fill = c.fillAttr(c.elementOf(x), c.floatAttr("value", 0));
    else if (c.has(2)) {
      c.requireSameTypes(0, 2);
      graph::HostTensorPtr value = c.known(2, "constant_value");
      if (value->size() != 1)
        c.bad("constant_value must be one value");
      fill = value->isFloat() ? c.fillAttr(value->element, value->floats[0])
                              : TypedAttr(c.builder.getIntegerAttr(value->element, value->ints[0]));
    }
    return c.out(c.pad(x, before, after, fill), c.dtype(0));
  }
  if (mode != "reflect" && mode != "edge" && mode != "wrap")
    c.bad("mode {} is not known", mode);
  for (int64_t d = 0; d < rank; ++d) {
    if (before[d] == 0 && after[d] == 0)
      continue;
    int64_t extent = c.shape(0)[d];
    if (extent == 0)
      c.bad("mode {} of an empty dimension", mode);
    requireTable(extent + before[d] + after[d]);
    std::vector<int64_t> indices;
    for (int64_t i = -before[d]; i < extent + after[d]; ++i)
      indices.push_back(foldIndex(mode, i, extent));
    x = selectAlong(c, x, d, indices);
  }
  c.out(x, c.dtype(0));
}

} // namespace

void addPadding(HandlerTable &table) { table["Pad"] = pad; }

} // namespace tgc::onnx
