// Opens Level Zero, finds the devices that take SPIR-V, and says what its errors mean.
#pragma once
#include "runtime/devices/level_zero/LevelZeroApi.h"
#include <string>
#include <vector>

namespace tgc::runtime::level_zero {

struct FoundDevice {
  DriverHandle driver = nullptr;
  DeviceHandle id = nullptr;
  uint32_t apiVersion = 0; ///< of its driver: major << 16 | minor
  bool tellsIpVersion = false;
};

struct Driver {
  Api api;
  std::vector<FoundDevice> devices; ///< GPUs first
  std::string refused;              ///< what else there is, and why it will not do; a line each
};

/// Level Zero, opened on the first call that can; kept for the life of the process. The file is libze_loader.so.1, or
/// what the environment variable TGC_LEVEL_ZERO_LIBRARY names. Throws a device error that says what is missing and
/// what to do.
const Driver &driver();

/// "ZE_RESULT_ERROR_DEVICE_LOST (0x70000001): …", with what to do.
std::string errorText(Result result);

} // namespace tgc::runtime::level_zero
