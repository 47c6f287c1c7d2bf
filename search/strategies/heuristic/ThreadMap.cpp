// Map kernels on a device with many threads a block.
// 1. The store's contiguous axes lie in registers, one access wide, then along threads, so that neighbouring
//    threads touch neighbouring memory.
// 2. Threads go on along the next axes until a block has 256.
// 3. Where blocks are many, a thread has two such pieces: their loads are in flight together.
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/ThreadChoice.h"

namespace tgc::heuristic {

std::optional<Schedule> threadMapSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads == 1)
    return std::nullopt;
  constexpr int64_t wanted = 256;
  ThreadChoice choice(kernel, device);
  std::vector<int> stored;
  double points = 1;
  for (int axis = 0; axis < int(kernel.axes.size()); ++axis)
    if (kernel.axes[axis].stored) {
      stored.push_back(axis);
      points *= double(choice.extent(axis));
    }
  const Access *store = choice.mainAccess(stored, /*storesFirst=*/true);
  std::vector<int> chain = choice.byStride(stored, store);
  int64_t vector = choice.takeVector(chain, store);
  for (int axis : chain)
    choice.takeThreads(axis, wanted / choice.threads, /*pads=*/choice.threads == 1);
  double blocks = points / double(vector * choice.threads);
  if (blocks > 16.0 * double(device.units))
    for (auto axis = chain.rbegin(); axis != chain.rend(); ++axis)
      if (choice.left(*axis) % 2 == 0) {
        choice.takeRegisters(*axis, 2);
        break;
      }
  return choice.schedule;
}

} // namespace tgc::heuristic
