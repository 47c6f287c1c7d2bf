// The planners that makePlan chooses from.
#pragma once
#include "search/Plan.h"

namespace tgc {

/// The loop generator's plan: any kernel, no matrix instruction.
PlanResult planLoop(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);

/// Of one operation, unrolled: planLoop refuses more.
constexpr int64_t mostCopies = 512;

/// The pipe generator's plan: kernels with a contraction, by the schedule's atom.
PlanResult planPipe(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);
/// Its shapes; throw Refusal (PipeParts.h).
Plan planContractPipe(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);
Plan planRolesContract(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);
Plan planRolesAttend(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);
Plan planDirectAttend(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);
Plan planDirectContract(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);
Plan planGroupsContract(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);
Plan planGroupsAttend(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);
Plan planAttendPipe(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);

/// What planParts chooses from: split and join(launch) without tc, winograd, or unfold.
PartsResult planSplit(const KernelInfo &kernel, const Schedule &schedule);
PartsResult planWinograd(const KernelInfo &kernel, const Schedule &schedule);
PartsResult planUnfold(const KernelInfo &kernel, const Schedule &schedule);

/// Panels of a packed operand whose columns are tiled so. Global: panels follow the columns' own numbering,
/// so that the packed weight does not depend on the tile; else every block's columns begin a panel.
int64_t panelsOf(const Side &columns, int64_t panel);
bool panelsAreGlobal(const Side &columns, int64_t panel);

/// Lanes of a vector of the type that most of the kernel's arithmetic is in.
int64_t lanesOf(const KernelInfo &kernel, const DeviceInfo &device);

/// Elements the store's address moves with each axis (the first store that has a constant stride there);
/// nullopt where no store depends on the axis or none has one.
std::vector<std::optional<int64_t>> storeStrides(const KernelInfo &kernel);

} // namespace tgc
