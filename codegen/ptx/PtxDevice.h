// NVIDIA GPUs as data, by name.
#pragma once
#include "search/DeviceInfo.h"
#include <optional>
#include <string>
#include <vector>

namespace tgc::ptx {

struct PtxDevice {
  DeviceInfo info;
  std::string description;
};

/// Names that follow "cuda:", best first.
std::vector<std::string> ptxDeviceNames();
std::optional<PtxDevice> ptxDevice(const std::string &name);

} // namespace tgc::ptx
