// The one list of the heuristic's rules. The first whose schedule is legal wins; the empty schedule always is.
#include "search/strategies/heuristic/Heuristic.h"

namespace tgc {
namespace {

struct Rule {
  KernelShape shape;
  std::optional<Schedule> (*choose)(const KernelInfo &kernel, const DeviceInfo &device);
};

const Rule rules[] = {
    {KernelShape::Map, heuristic::mapSchedule},
    {KernelShape::Reduce, heuristic::splitSchedule},
    {KernelShape::Reduce, heuristic::reduceSchedule},
    {KernelShape::Contract, heuristic::rolesContractSchedule},
    {KernelShape::Attend, heuristic::rolesAttendSchedule},
    {KernelShape::Contract, heuristic::directVectorSchedule},
    {KernelShape::Contract, heuristic::directContractSchedule},
    {KernelShape::Attend, heuristic::directAttendSchedule},
    {KernelShape::Contract, heuristic::groupsContractSchedule},
    {KernelShape::Attend, heuristic::groupsAttendSchedule},
    {KernelShape::Contract, heuristic::contractSchedule},
    {KernelShape::Attend, heuristic::attendSchedule},
    {KernelShape::Contract, heuristic::loopContractSchedule},
    {KernelShape::Attend, heuristic::loopAttendSchedule},
    {KernelShape::Map, heuristic::threadMapSchedule},
    {KernelShape::Reduce, heuristic::threadReduceSchedule},
    {KernelShape::Contract, heuristic::threadContractSchedule},
    {KernelShape::Attend, heuristic::threadAttendSchedule},
    {KernelShape::Map, heuristic::threadAnySchedule},
    {KernelShape::Reduce, heuristic::threadAnySchedule},
    {KernelShape::Contract, heuristic::threadAnySchedule},
    {KernelShape::Attend, heuristic::threadAnySchedule},
};

} // namespace

Schedule heuristicSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  for (const Rule &rule : rules)
    if (rule.shape == kernel.shape)
      if (std::optional<Schedule> schedule = rule.choose(kernel, device))
        if (isLegal(kernel, *schedule, device))
          return *schedule;
  return {};
}

} // namespace tgc
