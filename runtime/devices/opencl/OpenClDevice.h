// Devices that take SPIR-V through OpenCL: Intel's GPUs, and its CPU runtime.
#pragma once
#include "runtime/devices/Device.h"

namespace tgc::runtime {

std::vector<DeviceInfo> listOpenCl();
std::shared_ptr<Device> openOpenCl(const std::string &name);

} // namespace tgc::runtime
