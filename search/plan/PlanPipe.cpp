#include "search/plan/PipeParts.h"
#include "search/plan/Planners.h"

#include <fmt/format.h>

namespace tgc {

PlanResult planPipe(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  if (device.maxThreads > 1)
    return {std::nullopt, fmt::format("tc({}): there is no pipe for devices with several threads a block",
                                      *schedule.atom)};
  try {
    if (kernel.contract)
      return {planContractPipe(kernel, schedule, device), ""};
    if (kernel.attend)
      return {planAttendPipe(kernel, schedule, device), ""};
  } catch (const Refusal &refusal) {
    return {std::nullopt, refusal.reason};
  }
  return {std::nullopt, fmt::format("tc({}): the kernel has no contraction", *schedule.atom)};
}

} // namespace tgc
