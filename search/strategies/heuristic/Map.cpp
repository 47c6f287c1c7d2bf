// Map kernels on a device with vectors and one thread a block.
// 1. Lanes along the axis that most bytes have contiguous, stores counting most; several vectors a step. An axis of
//    2 to 4 elements inside it lies whole in registers.
// 2. Where a load has another axis contiguous, as many registers of that one as there are lanes: the generator
//    loads vectors along it and transposes them.
// 3. Blocks of 16 to 64 thousand points, fewer where there are too few for all units.
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/LoopChoice.h"

namespace tgc::heuristic {

std::optional<Schedule> mapSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads > 1)
    return std::nullopt;
  LoopChoice choice(kernel, device);
  std::vector<int> stored;
  for (int axis = 0; axis < int(kernel.axes.size()); ++axis)
    if (kernel.axes[axis].stored)
      stored.push_back(axis);
  std::optional<int> vector = choice.bestVector(stored);
  for (int axis : stored)
    if (choice.contiguous(axis, /*store=*/true) && choice.extent(axis) >= choice.lanes / 2)
      vector = axis;
  if (auto pair = choice.shortPair()) {
    choice.schedule.loops.push_back(
        {SplitKind::Upcast, kernel.axes[pair->first].name, choice.extent(pair->first)});
    choice.vectorise(pair->second, SplitKind::Upcast, 1);
  } else if (vector) {
    std::optional<int> other;
    for (int axis : stored)
      if (axis != *vector && choice.contiguous(axis, /*store=*/false) && !choice.contiguous(axis, true) &&
          choice.extent(axis) >= choice.lanes)
        other = axis;
    if (other) {
      choice.lanes = std::min<int64_t>(choice.lanes, 16);
      int64_t step = choice.vectorise(*vector, SplitKind::Upcast, 1);
      const std::string &name = kernel.axes[*other].name;
      if (choice.extent(*other) % step != 0)
        choice.schedule.padTo[name] = step;
      choice.schedule.loops.push_back({SplitKind::Upcast, name, step});
    } else {
      double flops = kernel.flops / std::max(1.0, choice.points());
      choice.vectorise(*vector, SplitKind::Upcast, flops > 12 ? 1 : flops > 4 ? 2 : 4);
    }
  }
  choice.tileBlocks(choice.blockWork(16e3, 64e3));
  return choice.schedule;
}

} // namespace tgc::heuristic
