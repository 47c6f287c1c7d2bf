// Opens OpenCL, finds the devices that take SPIR-V, and says what OpenCL's errors mean.
#pragma once
#include "runtime/devices/opencl/OpenClApi.h"
#include <string>
#include <vector>

namespace tgc::runtime::opencl {

/// A device that the runtime can use: it takes SPIR-V and has memory by address.
struct FoundDevice {
  PlatformId platform = nullptr;
  DeviceId id = nullptr;
  MemoryApi memory;
};

struct Driver {
  Api api;
  std::vector<FoundDevice> devices; ///< GPUs first
  std::string refused;              ///< what else there is, and why it will not do; a line each
};

/// OpenCL, opened on the first call that can; kept for the life of the process. The file is libOpenCL.so.1, or
/// what the environment variable TGC_OPENCL_LIBRARY names (a loader, or one driver's library). Throws a device
/// error that says what is missing and what to do.
const Driver &driver();

/// "CL_OUT_OF_RESOURCES (-5): …", with what to do.
std::string errorText(Status status);

/// A text that OpenCL gives for a device; empty where it has none.
std::string deviceText(const Api &api, DeviceId id, DeviceQuery what);
/// A number of `sizeof(T)` bytes; 0 where there is none.
template <typename T>
T deviceNumber(const Api &api, DeviceId id, DeviceQuery what) {
  T value = 0;
  if (api.getDeviceInfo(id, static_cast<uint32_t>(what), sizeof value, &value, nullptr) != Success)
    return 0;
  return value;
}

} // namespace tgc::runtime::opencl
