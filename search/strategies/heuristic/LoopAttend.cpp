// Attention in plain loops, on a device with vectors and one thread a block: lanes and registers along the
// columns of the values, a few queries at a time, a few keys a step of the running softmax.
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/LoopChoice.h"

namespace tgc::heuristic {

std::optional<Schedule> loopAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads > 1 || !kernel.attend)
    return std::nullopt;
  const AttendInfo &attend = *kernel.attend;
  LoopChoice choice(kernel, device);
  int64_t vectors = 1;
  if (std::optional<int> column = choice.bestVector(attend.e))
    vectors = std::max<int64_t>(1, choice.vectorise(*column, SplitKind::Upcast, 8) / choice.lanes);
  for (int axis : attend.m)
    if (choice.extent(axis) > 1 && vectors < 16)
      vectors *= choice.unrollBy(axis, SplitKind::Upcast, std::max<int64_t>(1, 16 / vectors));
  if (!attend.n.empty())
    choice.unrollBy(attend.n.back(), SplitKind::Unroll, 4);
  choice.tileBlocks(choice.blockWork(64e3, 2e6));
  return choice.schedule;
}

} // namespace tgc::heuristic
