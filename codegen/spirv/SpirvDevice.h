// Devices that take SPIR-V, as data, by name.
#pragma once
#include "codegen/spirv/LowerThread.h"
#include "search/DeviceInfo.h"
#include <optional>
#include <string>
#include <vector>

namespace tgc::spv {

struct SpirvDevice {
  DeviceInfo info;
  std::string description;
  Features features;
  bool hasDouble = true; ///< computes in float64
};

/// Names that follow "opencl:" or "level_zero:".
std::vector<std::string> spirvDeviceNames();
std::optional<SpirvDevice> spirvDevice(const std::string &name);

} // namespace tgc::spv
