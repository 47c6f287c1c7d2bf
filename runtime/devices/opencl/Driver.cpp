#include "runtime/devices/opencl/Driver.h"
#include "runtime/format/Error.h"
#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>

namespace tgc::runtime::opencl {

namespace {
struct Advice {
  Status status;
  const char *name, *text;
};

const Advice Advices[] = {
    {-1, "CL_DEVICE_NOT_FOUND", "the platform has no device"},
    {-2, "CL_DEVICE_NOT_AVAILABLE", "another process has the device, or the system took it away"},
    {-3, "CL_COMPILER_NOT_AVAILABLE", "the driver's compiler is not installed (Debian: libigdfcl1)"},
    {-4, "CL_MEM_OBJECT_ALLOCATION_FAILURE", "out of memory on the device"},
    {-5, "CL_OUT_OF_RESOURCES",
     "the device ran out of memory or registers, or a kernel failed and the device was reset; "
     "TGC_OPENCL_DEBUG=1 has every launch waited for and named"},
    {-6, "CL_OUT_OF_HOST_MEMORY",
     "out of memory on the host, or the device is lost: look at the system's log"},
    {-11, "CL_BUILD_PROGRAM_FAILURE", "the driver's compiler refuses the code"},
    {-15, "CL_COMPILE_PROGRAM_FAILURE", "the driver's compiler refuses the code"},
    {-17, "CL_LINK_PROGRAM_FAILURE", "the code imports functions that the driver does not have"},
    {-30, "CL_INVALID_VALUE", "the driver refused an argument"},
    {-33, "CL_INVALID_DEVICE", "the device does not belong to the platform"},
    {-42, "CL_INVALID_BINARY", "the code's image is damaged or of another kind"},
    {-43, "CL_INVALID_BUILD_OPTIONS", "the driver does not know an option; update it"},
    {-45, "CL_INVALID_PROGRAM_EXECUTABLE", "the code was not built for this device"},
    {-46, "CL_INVALID_KERNEL_NAME", "the code has no function of that name"},
    {-49, "CL_INVALID_ARG_INDEX", "the kernel has fewer parameters"},
    {-50, "CL_INVALID_ARG_VALUE", "the kernel takes another kind of parameter"},
    {-51, "CL_INVALID_ARG_SIZE", "the kernel takes a parameter of another size"},
    {-52, "CL_INVALID_KERNEL_ARGS", "the kernel has more parameters"},
    {-54, "CL_INVALID_WORK_GROUP_SIZE", "the device does not run so many threads a block with this kernel"},
    {-55, "CL_INVALID_WORK_ITEM_SIZE", "the device does not run so many threads a block"},
    {-59, "CL_INVALID_OPERATION", "the driver does not support it on this device"},
    {-61, "CL_INVALID_BUFFER_SIZE", "the device does not give so much memory at once"},
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR",
     "no OpenCL driver is installed or readable (Debian: intel-opencl-icd for Intel GPUs; the drivers are "
     "listed in "
     "/etc/OpenCL/vendors)"},
};

[[noreturn]] void cannotOpen(const std::string &message) { deviceError("OpenCL cannot be used: " + message); }

std::string platformText(const Api &api, PlatformId id, PlatformInfo what) {
  size_t bytes = 0;
  if (api.getPlatformInfo(id, static_cast<uint32_t>(what), 0, nullptr, &bytes) != Success || bytes == 0)
    return "";
  std::string text(bytes, '\0');
  api.getPlatformInfo(id, static_cast<uint32_t>(what), bytes, text.data(), nullptr);
  return text.c_str();
}

/// Why a device will not do; empty if it does.
std::string refusal(const Api &api, FoundDevice &device) {
  std::string version = deviceText(api, device.id, DeviceQuery::IlVersion);
  if (version.find("SPIR-V") == std::string::npos)
    return "takes no SPIR-V";
  std::string missing;
#define TGC_OPENCL_LOAD(member, symbol, result, parameters)                                                  \
  device.memory.member =                                                                                     \
      reinterpret_cast<decltype(device.memory.member)>(api.extensionFunction(device.platform, symbol));      \
  if (!device.memory.member)                                                                                 \
    missing = symbol;
  TGC_OPENCL_MEMORY_ENTRIES(TGC_OPENCL_LOAD)
#undef TGC_OPENCL_LOAD
  if (!missing.empty())
    return "has no unified shared memory (" + missing + "): update its driver";
  return "";
}

void findDevices(Driver &driver) {
  const Api &api = driver.api;
  uint32_t count = 0;
  if (Status status = api.getPlatformIds(0, nullptr, &count); status != Success)
    cannotOpen(errorText(status));
  std::vector<PlatformId> platforms(count);
  if (count > 0)
    api.getPlatformIds(count, platforms.data(), nullptr);
  std::vector<FoundDevice> gpus, others;
  for (PlatformId platform : platforms) {
    uint32_t found = 0;
    if (api.getDeviceIds(platform, AllDevices, 0, nullptr, &found) != Success || found == 0) {
      driver.refused += platformText(api, platform, PlatformInfo::Name) + " has no device\n";
      continue;
    }
    std::vector<DeviceId> ids(found);
    api.getDeviceIds(platform, AllDevices, found, ids.data(), nullptr);
    for (DeviceId id : ids) {
      FoundDevice device;
      device.platform = platform;
      device.id = id;
      if (std::string reason = refusal(api, device); reason.empty())
        (deviceNumber<uint64_t>(api, id, DeviceQuery::Type) & GpuDevice ? gpus : others).push_back(device);
      else
        driver.refused += deviceText(api, id, DeviceQuery::Name) + " (" +
                          platformText(api, platform, PlatformInfo::Name) + ") " + reason + "\n";
    }
  }
  driver.devices = std::move(gpus);
  driver.devices.insert(driver.devices.end(), others.begin(), others.end());
}

std::unique_ptr<Driver> open(const char *path) {
  // Kept open whatever comes: drivers' threads outlive their users.
  void *library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    cannotOpen(std::string(::dlerror()) +
               "; install the loader (Debian: ocl-icd-libopencl1) and a driver, or give a library's path in "
               "TGC_OPENCL_LIBRARY");
  auto driver = std::make_unique<Driver>();
  std::string missing;
#define TGC_OPENCL_LOAD(member, symbol, result, parameters)                                                  \
  driver->api.member = reinterpret_cast<decltype(driver->api.member)>(::dlsym(library, symbol));             \
  if (!driver->api.member)                                                                                   \
    missing += std::string(" ") + symbol;
  TGC_OPENCL_ENTRIES(TGC_OPENCL_LOAD)
#undef TGC_OPENCL_LOAD
  if (!missing.empty())
    cannotOpen(std::string(path) + " is not OpenCL 2.1 or newer (it lacks" + missing + "): update it");
  findDevices(*driver);
  return driver;
}
} // namespace

const Driver &driver() {
  static std::mutex mutex;
  // Never destroyed: programs may be unloaded while the process ends.
  static auto *drivers = new std::map<std::string, std::unique_ptr<Driver>>();
  const char *chosen = std::getenv("TGC_OPENCL_LIBRARY");
  const char *path = chosen && *chosen ? chosen : "libOpenCL.so.1";
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Driver> &entry = (*drivers)[path];
  if (!entry)
    entry = open(path);
  return *entry;
}

std::string errorText(Status status) {
  auto at = std::find_if(std::begin(Advices), std::end(Advices),
                         [&](const Advice &advice) { return advice.status == status; });
  std::string number = " (" + std::to_string(status) + "): ";
  return at == std::end(Advices) ? "OpenCL's error" + number + "see its specification"
                                 : at->name + number + at->text;
}

std::string deviceText(const Api &api, DeviceId id, DeviceQuery what) {
  size_t bytes = 0;
  if (api.getDeviceInfo(id, static_cast<uint32_t>(what), 0, nullptr, &bytes) != Success || bytes == 0)
    return "";
  std::string text(bytes, '\0');
  api.getDeviceInfo(id, static_cast<uint32_t>(what), bytes, text.data(), nullptr);
  return text.c_str();
}

} // namespace tgc::runtime::opencl
