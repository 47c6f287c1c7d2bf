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
constexpr int64_t leastOfPart = 16; // steps of the split axis

/// The least number of parts of the axis that gives every unit a few; nothing if no divisor does.
std::optional<int64_t> partsOf(int64_t extent, double results, const DeviceInfo &device) {
  constexpr double blocksPerUnit = 4;
  for (int64_t parts = 2; parts * leastOfPart <= extent; ++parts)
    if (extent % parts == 0 && double(parts) * results >= blocksPerUnit * double(device.units))
      return parts;
  return std::nullopt;
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
    if (results >= 2 * double(device.units) && !shortLanes)
      continue;
    // With short lanes results are taken apart from each other too, so few parts do.
    std::optional<int64_t> parts =
        partsOf(choice.extent(longest), shortLanes ? results / 8 : results, device);
    if (!parts)
      continue;
    Schedule schedule;
    schedule.split[kernel.axes[longest].name] = *parts;
    schedule.join = "launch";
    if (planParts(kernel, schedule))
      return schedule;
  }
  return std::nullopt;
}

} // namespace tgc::heuristic
