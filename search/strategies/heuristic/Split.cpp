// Reductions worth taking apart (split … join(launch)):
// 1. those with few results and much input, which would leave units idle;
// 2. those whose contiguous axis is reduced and shorter than a vector, beside another long reduced axis: the
//    parts reduce the long one with lanes across results and the short axis together (GroupNorm, channels
//    last).
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/LoopChoice.h"

#include <algorithm>

namespace tgc::heuristic {
namespace {

constexpr double muchInput = 256e3; // points
constexpr double longRow =
    16384; // points of a result: a block of many threads reads fewer in a launch's time
constexpr int64_t leastOfPart = 16; // steps of the split axis
/// Steps of it that one thread adds up one by one: errors grow with the root of their number, and this many are still
/// within a kernel's tolerance in f32.
constexpr int64_t mostOfSum = 16384;

/// The least number of parts of the axis that makes as many blocks of them as wanted, one part being `blocks`, and that
/// are short enough to add up. Where no divisor does, as many as there can be on a device with many threads a block, else
/// nothing.
std::optional<int64_t> partsOf(int64_t extent, double blocks, double wanted, const DeviceInfo &device) {
  std::optional<int64_t> most;
  int64_t least = device.maxThreads > 1 ? 2 : std::max<int64_t>(2, (extent + mostOfSum - 1) / mostOfSum);
  for (int64_t parts = least; parts * leastOfPart <= extent; ++parts)
    if (extent % parts == 0) {
      if (double(parts) * blocks >= wanted)
        return parts;
      if (device.maxThreads > 1)
        most = parts;
    }
  return most;
}

/// Columns that parts of the reduction keep beside each other: results and the axes that only the join reduces. 0 if
/// they keep none.
double columnsOf(const KernelInfo &kernel, double results, const Schedule &split) {
  PartsResult parts = planParts(kernel, split);
  if (!parts || std::get<SplitPlan>(*parts.plan).kept.empty())
    return 0;
  for (int axis : std::get<SplitPlan>(*parts.plan).kept)
    results *= double(kernel.axes[axis].extent);
  return results;
}

/// Whether some load walks the short axis contiguously, and the long one is not what follows it in memory: then the
/// two together would fill vectors.
bool shortAlone(const LoopChoice &choice, int axis, int longest) {
  return std::any_of(choice.kernel.accesses.begin(), choice.kernel.accesses.end(), [&](const Access &access) {
    const BufferInfo &buffer = choice.kernel.buffers[access.buffer];
    return !access.store && access.uses[longest] && access.strideOf(axis, buffer) == 1 &&
           access.strideOf(longest, buffer) != choice.extent(axis);
  });
}

} // namespace

std::optional<Schedule> splitSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  LoopChoice choice(kernel, device);
  if (choice.points() < muchInput)
    return std::nullopt;
  bool threads = device.maxThreads > 1;
  for (const ReductionInfo &reduction : kernel.reductions) {
    double results = 1;
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
      if (reduction.result[axis])
        results *= double(choice.extent(int(axis)));
    int longest = *std::max_element(reduction.over.begin(), reduction.over.end(),
                                    [&](int a, int b) { return choice.extent(a) < choice.extent(b); });
    bool shortLanes = std::any_of(reduction.over.begin(), reduction.over.end(), [&](int axis) {
      return choice.extent(axis) < choice.lanes && choice.extent(axis) > 1 &&
             shortAlone(choice, axis, longest);
    });
    if ((results >= 2 * double(device.units) && !shortLanes) ||
        (threads && choice.points() <= longRow * results))
      continue;
    Schedule schedule;
    schedule.split[kernel.axes[longest].name] = 1;
    schedule.join = "launch";
    // A few blocks a unit; with short lanes results are taken apart from each other too, so few parts do.
    double blocks = shortLanes ? results / 8 : results, wanted = 4 * double(device.units);
    // Columns are vectors of threads in a block, which has many more along the rows (threadReduceSchedule): two such
    // blocks keep a unit's memory busy.
    if (double columns = threads ? columnsOf(kernel, results, schedule) : 0) {
      blocks = std::max(1.0, columns / double(device.subgroup * device.vectorBytes));
      wanted /= 2;
    }
    std::optional<int64_t> parts = partsOf(choice.extent(longest), blocks, wanted, device);
    if (!parts)
      continue;
    schedule.split[kernel.axes[longest].name] = *parts;
    if (planParts(kernel, schedule))
      return schedule;
  }
  return std::nullopt;
}

} // namespace tgc::heuristic
