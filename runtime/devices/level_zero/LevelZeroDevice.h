// Devices that take SPIR-V through Level Zero: Intel's GPUs.
#pragma once
#include "runtime/devices/Device.h"

namespace tgc::runtime {

std::vector<DeviceInfo> listLevelZero();
std::shared_ptr<Device> openLevelZero(const std::string &name);

} // namespace tgc::runtime
