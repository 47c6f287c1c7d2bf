// 1. An index of a tap and of one axis of the result, or of two that make one place (as where a resized image was
//    split into the phase and the pixel), and of no other axis; they are in no other index.
// 2. A linear index says so by its coefficients; another one is evaluated at all points: places and taps of one sum
//    must have one value.
#include "compiler/schedule/Windows.h"

#include "llvm/ADT/SmallVector.h"

using namespace mlir;

namespace tgc {
namespace {

constexpr int64_t longestWindow = 16, mostPoints = 1 << 16;

class Finder {
public:
  Finder(AffineMap map, ArrayRef<LinearIndex> indices, ArrayRef<AxisInfo> axes)
      : map(map), indices(indices), axes(axes) {}

  std::vector<WindowInfo> run() {
    for (unsigned dim = 0; dim < map.getNumResults(); ++dim) {
      AffineExpr index = map.getResult(dim);
      SmallVector<int> places, taps;
      for (int axis = 0; axis < int(axes.size()); ++axis)
        if (index.isFunctionOfDim(axis) && axes[axis].extent > 1)
          (axes[axis].reduced && !axes[axis].stored ? taps : places).push_back(axis);
      if (taps.size() != 1 || places.empty() || places.size() > 2 || axes[taps[0]].extent > longestWindow ||
          !inOneIndex(taps[0]) || !llvm::all_of(places, [&](int axis) { return inOneIndex(axis); }))
        continue;
      for (unsigned order = 0; order < places.size(); ++order) {
        if (indices[dim].linear ? sameSteps(indices[dim], places, taps[0])
                                : sameValues(index, places, taps[0]))
          found.push_back({{places.begin(), places.end()}, taps[0]});
        std::reverse(places.begin(), places.end());
      }
    }
    return std::move(found);
  }

private:
  bool inOneIndex(int axis) const {
    return llvm::count_if(map.getResults(), [&](AffineExpr index) { return index.isFunctionOfDim(axis); }) ==
           1;
  }

  bool sameSteps(const LinearIndex &index, ArrayRef<int> places, int tap) const {
    int64_t step = index.coefficients[tap];
    for (int axis : llvm::reverse(places)) {
      if (index.coefficients[axis] != step)
        return false;
      step *= axes[axis].extent;
    }
    return true;
  }

  bool sameValues(AffineExpr index, ArrayRef<int> places, int tap) const {
    int64_t count = 1;
    for (int axis : places)
      count *= axes[axis].extent;
    if (count * axes[tap].extent > mostPoints)
      return false;
    std::vector<std::optional<int64_t>> values(count + axes[tap].extent);
    for (int64_t place = 0; place < count; ++place)
      for (int64_t at = 0; at < axes[tap].extent; ++at) {
        int64_t value = valueAt(index, places, place, tap, at);
        std::optional<int64_t> &known = values[place + at];
        if (known.value_or(value) != value)
          return false;
        known = value;
      }
    return true;
  }

  int64_t valueAt(AffineExpr index, ArrayRef<int> places, int64_t place, int tap, int64_t at) const {
    MLIRContext *context = index.getContext();
    SmallVector<AffineExpr> point(axes.size(), getAffineConstantExpr(0, context));
    for (int axis : llvm::reverse(places)) {
      point[axis] = getAffineConstantExpr(place % axes[axis].extent, context);
      place /= axes[axis].extent;
    }
    point[tap] = getAffineConstantExpr(at, context);
    return cast<AffineConstantExpr>(index.replaceDims(point)).getValue();
  }

  AffineMap map;
  ArrayRef<LinearIndex> indices;
  ArrayRef<AxisInfo> axes;
  std::vector<WindowInfo> found;
};

} // namespace

std::vector<WindowInfo> windowsOf(AffineMap map, ArrayRef<LinearIndex> indices, ArrayRef<AxisInfo> axes) {
  return Finder(map, indices, axes).run();
}

} // namespace tgc
