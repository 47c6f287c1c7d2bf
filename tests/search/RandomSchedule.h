// Random legal schedules for tests.
#pragma once
#include "search/Plan.h"
#include <random>

namespace tgc::test {

/// A walk through the options' candidates: a few steps, each to a schedule that has a plan and no matrix instruction.
Schedule randomSchedule(const KernelInfo &info, const DeviceInfo &device, std::mt19937_64 &random);

} // namespace tgc::test
