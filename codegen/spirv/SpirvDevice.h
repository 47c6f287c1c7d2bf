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
/// The device of a name; behind that of a GPU may stand ",blocks=off": for drivers that know no blocks of memory.
std::optional<SpirvDevice> spirvDevice(const std::string &text);

} // namespace tgc::spv
