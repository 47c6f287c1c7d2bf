#include "tests/search/RandomSchedule.h"

#include "search/options/Option.h"

namespace tgc::test {

Schedule randomSchedule(const KernelInfo &info, const DeviceInfo &device, std::mt19937_64 &random) {
  Schedule schedule;
  if (random() % 4 == 0)
    schedule = heuristicSchedule(info, device);
  if (!makePlan(info, schedule, device))
    schedule = {};
  // A packed weight comes from another launch; a kernel that runs alone reads it as it is.
  schedule.packs.clear();
  if (!makePlan(info, schedule, device))
    schedule = {};
  int steps = int(random() % 6);
  for (int step = 0; step < steps; ++step)
    for (int attempt = 0; attempt < 8; ++attempt) {
      const Option *option = options()[random() % options().size()];
      std::vector<Schedule> next = option->candidates({info, device}, schedule);
      if (next.empty())
        continue;
      Schedule &candidate = next[random() % next.size()];
      if (!candidate.packs.empty() || !makePlan(info, candidate, device))
        continue;
      schedule = std::move(candidate);
      break;
    }
  return schedule;
}

} // namespace tgc::test
