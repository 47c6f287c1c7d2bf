// Reductions without a contraction, on a device with vectors and one thread a block.
// 1. Lanes along a contiguous stored axis that is not reduced, if it is long enough: then lanes never meet.
//    Else along the contiguous reduced axis or row. An axis of 2 to 4 elements inside it lies whole in
//    registers.
// 2. Enough vectors in flight to hide the latency of additions.
// 3. Blocks of whole rows, about 32 thousand points each.
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/LoopChoice.h"

namespace tgc::heuristic {

std::optional<Schedule> reduceSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads > 1)
    return std::nullopt;
  LoopChoice choice(kernel, device);
  std::vector<int> mapped, reduced;
  for (int axis = 0; axis < int(kernel.axes.size()); ++axis) {
    if (kernel.axes[axis].reduced)
      reduced.push_back(axis);
    else if (kernel.axes[axis].stored)
      mapped.push_back(axis);
  }
  std::optional<int> vector = choice.bestVector(reduced), side = choice.bestVector(mapped);
  if (side && choice.extent(*side) * 2 >= choice.lanes &&
      (!vector || choice.contiguity(*side) > choice.contiguity(*vector)))
    vector = side;
  int64_t chains = 4;
  if (auto pair = choice.shortPair()) {
    choice.schedule.loops.push_back(
        {SplitKind::Upcast, kernel.axes[pair->first].name, choice.extent(pair->first)});
    vector = pair->second;
    chains /= std::max<int64_t>(1, choice.vectorise(*vector, SplitKind::Upcast, 2) / choice.lanes);
  } else if (vector) {
    const AxisInfo &axis = kernel.axes[*vector];
    int64_t step = choice.vectorise(*vector, axis.stored ? SplitKind::Upcast : SplitKind::Unroll, chains);
    chains /= std::max<int64_t>(1, step / choice.lanes);
  }
  // Short rows leave room for several steps of another reduced axis.
  for (int axis : reduced)
    if (chains > 1 && (!vector || axis != *vector) && choice.extent(axis) > 1) {
      SplitKind kind = kernel.axes[axis].stored ? SplitKind::Upcast : SplitKind::Unroll;
      chains /= choice.unrollBy(axis, kind, chains);
    }
  choice.tileBlocks(choice.blockWork(8e3, 64e3));
  return choice.schedule;
}

} // namespace tgc::heuristic
