#include "search/plan/PipeParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {

PlanResult planPipe(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  bool asynchronous = std::any_of(device.atoms.begin(), device.atoms.end(), [&](const Atom &atom) {
    return atom.name == *schedule.atom && atom.asynchronous;
  });
  // Copies that threads start into block memory make rings; without them operands go straight to registers.
  auto hasCopy = [&](const char *kind) {
    return std::find(device.copyKinds.begin(), device.copyKinds.end(), kind) != device.copyKinds.end();
  };
  bool direct = device.maxThreads > 1 && !hasCopy("async");
  try {
    if (asynchronous && kernel.contract)
      return {planRolesContract(kernel, schedule, device), ""};
    if (asynchronous && kernel.attend)
      return {planRolesAttend(kernel, schedule, device), ""};
    if (direct && kernel.contract)
      return {planDirectContract(kernel, schedule, device), ""};
    if (direct && kernel.attend)
      return {planDirectAttend(kernel, schedule, device), ""};
    if (device.maxThreads > 1 && kernel.contract)
      return {planGroupsContract(kernel, schedule, device), ""};
    if (device.maxThreads > 1 && kernel.attend)
      return {planGroupsAttend(kernel, schedule, device), ""};
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
