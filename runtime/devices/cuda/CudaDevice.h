// NVIDIA GPUs: package code is a cubin or PTX, opened through the driver at run time.
#pragma once
#include "runtime/devices/Device.h"

namespace tgc::runtime {

std::vector<DeviceInfo> listCuda();
std::shared_ptr<Device> openCuda(const std::string &name);

} // namespace tgc::runtime
