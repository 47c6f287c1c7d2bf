// The CPU as schedules and plans see it.
#pragma once
#include "codegen/cpu/CpuTarget.h"
#include "search/DeviceInfo.h"

namespace tgc::cpu {

DeviceInfo deviceInfo(const CpuTarget &target);

} // namespace tgc::cpu
