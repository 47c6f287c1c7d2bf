// Attention by a register-tiled outer product, on a device with one thread a block: as many queries a block as leave
// most of the second cache to keys and values; a block of keys whose weights stay in the first cache.
#include "search/plan/PipeParts.h"
#include "search/plan/Planners.h"
#include "search/strategies/heuristic/AtomChoice.h"
#include "search/strategies/heuristic/Heuristic.h"

#include <algorithm>

namespace tgc::heuristic {
std::optional<Schedule> attendSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads > 1 || !kernel.attend || !kernel.attend->scores)
    return std::nullopt;
  const AttendInfo &attend = *kernel.attend;
  ElementType sums = kernel.reductions[attend.reduction].accumulator;
  auto atom = std::find_if(device.atoms.begin(), device.atoms.end(), [&](const Atom &candidate) {
    return candidate.accumulator == sums && candidate.threads == 1;
  });
  if (atom == device.atoms.end())
    return std::nullopt;
  int64_t lanes = device.vectorBytes / bytesOf(sums);
  // Queries along the longest of their axes; few of them would leave lanes idle.
  int queries = -1;
  for (int axis : attend.m)
    if (queries < 0 || kernel.axes[axis].extent > kernel.axes[queries].extent)
      queries = axis;
  if (queries < 0 || kernel.axes[queries].extent < lanes / 2)
    return std::nullopt;

  int64_t depth = pointsOf(kernel, attend.d), columns = pointsOf(kernel, attend.e);
  int64_t extent = kernel.axes[queries].extent;
  double others =
      double(pointsOf(kernel, attend.batch)) * double(pointsOf(kernel, attend.m)) / double(extent);
  Schedule base;
  base.atom = atom->name;
  base.flip = true;
  // A block of keys as rows of both operands, and its weights, which both products pass over.
  int64_t keys = std::clamp<int64_t>(device.l1Bytes / 3 / (2 * lanes * 4) / 16 * 16, 32, 256);
  int64_t inside = 1;
  for (auto axis = attend.n.rbegin(); axis != attend.n.rend(); ++axis) {
    int64_t all = kernel.axes[*axis].extent;
    int64_t part = evenPart(all, std::max<int64_t>(1, keys * 5 / 4 / inside), inside == 1 ? 4 : 1);
    base.tile[kernel.axes[*axis].name] = part;
    inside *= part;
    if (part != all)
      break;
  }
  auto setCopy = [&](const OperandInfo &operand, const char *kind) {
    if (!operand.accesses.empty())
      base.copies[kernel.buffers[kernel.accesses[operand.accesses.front()].buffer].name] = kind;
  };
  for (int64_t most : {128, 96, 64, 32}) {
    int64_t tile = evenPart(extent, most, 2 * lanes);
    double tasks = others * double((extent + tile - 1) / tile);
    bool enough = tasks >= 4 * double(device.units) || most == 32;
    int64_t bytes = roundUp(tile, 2 * lanes) * (depth + columns + 2) * 4;
    if (!enough || bytes > device.sharedBytes / 2)
      continue;
    base.tile[kernel.axes[queries].name] = tile;
    for (const char *k : {"plain", "pack"})
      for (const char *v : {"plain", "pack"}) {
        setCopy(attend.scores->rhs, k);
        setCopy(attend.values, v);
        if (makePlan(kernel, base, device))
          return base;
      }
  }
  return std::nullopt;
}

std::vector<Schedule> attendSchedules(const KernelInfo &kernel, const DeviceInfo &device) {
  std::vector<Schedule> schedules;
  std::optional<Schedule> base = attendSchedule(kernel, device);
  if (!base)
    return schedules;
  auto inner = [&](const std::vector<int> &axes) {
    int longest = axes.front();
    for (int axis : axes)
      if (kernel.axes[axis].extent > kernel.axes[longest].extent)
        longest = axis;
    return longest;
  };
  const AxisInfo &queries = kernel.axes[inner(kernel.attend->m)],
                 &keys = kernel.axes[inner(kernel.attend->n)];
  for (int64_t blockOfKeys : {128, 160, 96, 192, 256, 64, 512})
    for (int64_t blockOfQueries : {256, 128, 512, 64, 1024}) {
      Schedule schedule = *base;
      schedule.tile[queries.name] = std::min(queries.extent, blockOfQueries);
      schedule.tile[keys.name] = std::min(keys.extent, blockOfKeys);
      if (makePlan(kernel, schedule, device))
        schedules.push_back(std::move(schedule));
    }
  return schedules;
}

} // namespace tgc::heuristic
