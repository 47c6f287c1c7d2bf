// The device "cpu": launches are spread over a pool of threads.
#pragma once
#include "runtime/devices/Device.h"

namespace tgc::runtime {

std::vector<DeviceInfo> listCpu();
std::shared_ptr<Device> openCpu(const std::string &name);

} // namespace tgc::runtime
