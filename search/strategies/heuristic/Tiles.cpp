#include "search/strategies/heuristic/Tiles.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace tgc::heuristic {

std::vector<int> innermostFirst(const KernelInfo &kernel, std::vector<int> axes, const Access *access) {
  auto stride = [&](int axis) {
    std::optional<int64_t> stride = access ? access->strideOf(axis, kernel.buffers[access->buffer]) : std::nullopt;
    return stride ? std::abs(*stride) : std::numeric_limits<int64_t>::max();
  };
  // Axes of extent 1 do not matter; behind the others they do not stop whole tiles.
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return stride(a) < stride(b); });
  return axes;
}

int64_t extentOf(const KernelInfo &kernel, const std::vector<int> &axes) {
  int64_t product = 1;
  for (int axis : axes)
    product *= kernel.axes[axis].extent;
  return product;
}

int64_t fillTiles(const KernelInfo &kernel, const std::vector<int> &axes, int64_t target, int64_t multiple,
                  Schedule &schedule) {
  int64_t product = 1;
  for (size_t i = 0; i < axes.size(); ++i) {
    const AxisInfo &axis = kernel.axes[axes[i]];
    int64_t room = std::max<int64_t>(1, target / product), tile = axis.extent;
    if (tile > room) {
      int64_t parts = (axis.extent + room - 1) / room;
      tile = (axis.extent + parts - 1) / parts;
      if (i == 0)
        tile = std::min(axis.extent, (tile + multiple - 1) / multiple * multiple);
    }
    if (tile > 1)
      schedule.tile[axis.name] = tile;
    product *= tile;
    if (tile < axis.extent)
      break;
  }
  return product;
}

const Access *mainLoad(const KernelInfo &kernel, const OperandInfo &operand) {
  const Access *best = nullptr;
  for (int access : operand.accesses)
    if (!best || kernel.buffers[kernel.accesses[access].buffer].bytes() > kernel.buffers[best->buffer].bytes())
      best = &kernel.accesses[access];
  return best;
}

const Access *mainStore(const KernelInfo &kernel) {
  for (const Access &access : kernel.accesses)
    if (access.store)
      return &access;
  return nullptr;
}

} // namespace tgc::heuristic
