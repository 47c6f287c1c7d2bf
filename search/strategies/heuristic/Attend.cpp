// Attention through the outer product of a device with one thread a block: keys are the atom's rows, queries its
// columns, so that statistics of a query stay in a lane and keys and values need no packing but of type.
// 1. A block takes as many queries as leave several blocks for every core, whole register tiles of them.
// 2. A step takes as many keys as keep scores and result in half of the private cache.
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/Tiles.h"

#include <algorithm>

namespace tgc::heuristic {

std::optional<Schedule> attendSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads > 1 || !kernel.attend || !kernel.attend->scores)
    return std::nullopt;
  const AttendInfo &attend = *kernel.attend;
  const Atom *atom = nullptr;
  for (const Atom &candidate : device.atoms)
    if (candidate.accumulator == kernel.reductions[attend.reduction].accumulator && candidate.threads == 1)
      atom = &candidate;
  if (!atom)
    return std::nullopt;
  int64_t queries = extentOf(kernel, attend.m), keys = extentOf(kernel, attend.n);
  int64_t batch = std::max<int64_t>(1, extentOf(kernel, attend.batch));
  int64_t wanted = std::max<int64_t>(atom->n, queries * batch / (device.units * 8) / atom->n * atom->n);
  for (int64_t columns = std::min<int64_t>(wanted, 512); columns >= atom->n / 2; columns /= 2) {
    int64_t rows = std::clamp<int64_t>(device.l2Bytes / 2 / (columns * bytesOf(atom->accumulator)), 64, 256);
    Schedule schedule;
    schedule.atom = atom->name;
    schedule.flip = true;
    fillTiles(kernel, innermostFirst(kernel, attend.m, mainStore(kernel)), columns, atom->n, schedule);
    fillTiles(kernel, innermostFirst(kernel, attend.n, mainLoad(kernel, attend.values)), std::min(rows, keys), atom->m,
              schedule);
    if (makePlan(kernel, schedule, device))
      return schedule;
  }
  return std::nullopt;
}

} // namespace tgc::heuristic
