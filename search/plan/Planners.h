// The planners that makePlan chooses from.
#pragma once
#include "search/Plan.h"

namespace tgc {

/// The loop generator's plan: any kernel, no matrix instruction.
PlanResult planLoop(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);

/// Lanes of a vector of the type that most of the kernel's arithmetic is in.
int64_t lanesOf(const KernelInfo &kernel, const DeviceInfo &device);

/// Elements the store's address moves with each axis (the first store that has a constant stride there);
/// nullopt where no store depends on the axis or none has one.
std::vector<std::optional<int64_t>> storeStrides(const KernelInfo &kernel);

} // namespace tgc
