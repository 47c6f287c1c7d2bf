// How devices are found: with zeInitDrivers where the loader has it, else with zeInit and zeDriverGet. A process uses
// one way alone: the handles of the two are not the same.
#include "runtime/devices/level_zero/Driver.h"
#include "runtime/format/Error.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>

namespace tgc::runtime::level_zero {

namespace {
struct Advice {
  Result result;
  const char *name, *text;
};

const Advice Advices[] = {
    {DeviceLost, "DEVICE_LOST",
     "the device hung, was reset or was taken away; this process cannot use it again: start it anew. A "
     "kernel that runs "
     "longer than the system allows is stopped so too: the system's log (dmesg) says which it was, and "
     "TGC_LEVEL_ZERO_DEBUG=1 has every launch waited for and named"},
    {OutOfHostMemory, "OUT_OF_HOST_MEMORY", "out of memory on the host"},
    {OutOfDeviceMemory, "OUT_OF_DEVICE_MEMORY",
     "out of memory on the device; other processes may hold some of it, and a model of a smaller size or in "
     "16 bits "
     "needs less"},
    {BuildFailure, "MODULE_BUILD_FAILURE",
     "the driver's compiler refuses the code; a newer driver may know it"},
    {LinkFailure, "MODULE_LINK_FAILURE",
     "the code imports functions that the driver does not have; update it"},
    {RequiresReset, "DEVICE_REQUIRES_RESET", "the device must be reset, or the machine started anew"},
    {0x70000007, "DEVICE_IN_LOW_POWER_STATE", "the device sleeps"},
    {0x70010000, "INSUFFICIENT_PERMISSIONS",
     "this user may not use the device: look at the group of /dev/dri/renderD*"},
    {0x70010001, "NOT_AVAILABLE", "another process has the device for itself"},
    {0x70020000, "DEPENDENCY_UNAVAILABLE", "the driver's compiler is not installed (Debian: libigc1)"},
    {Uninitialized, "UNINITIALIZED",
     "no driver is installed or it has no device (Debian: intel-opencl-icd holds the driver for Intel GPUs; "
     "the user "
     "must be able to open /dev/dri/renderD*)"},
    {UnsupportedVersion, "UNSUPPORTED_VERSION", "the driver is too old: update it"},
    {UnsupportedFeature, "UNSUPPORTED_FEATURE", "the driver does not support it on this device"},
    {0x78000004, "INVALID_ARGUMENT", "the driver refused an argument"},
    {0x78000008, "INVALID_SIZE", "the driver refused a size"},
    {UnsupportedSize, "UNSUPPORTED_SIZE", "the device does not give so much memory at once"},
    {InvalidNativeBinary, "INVALID_NATIVE_BINARY", "compiled code is of another driver or damaged"},
    {0x78000011, "INVALID_KERNEL_NAME", "the code has no function of that name"},
    {0x78000013, "INVALID_GROUP_SIZE_DIMENSION",
     "the device does not run so many threads a block with this kernel"},
    {0x78000015, "INVALID_KERNEL_ARGUMENT_INDEX", "the kernel has fewer parameters"},
    {InvalidArgumentSize, "INVALID_KERNEL_ARGUMENT_SIZE", "the kernel takes a parameter of another size"},
    {0x78000018, "INVALID_MODULE_UNLINKED",
     "the code imports functions that the driver does not have; update it"},
    {0x7ffffffe, "UNKNOWN", "the driver failed and does not say why: look at the system's log (dmesg)"},
};

[[noreturn]] void cannotOpen(const std::string &message) {
  deviceError("Level Zero cannot be used: " + message);
}

std::vector<DriverHandle> findDrivers(const Api &api) {
  uint32_t count = 0;
  std::vector<DriverHandle> drivers;
  if (api.initDrivers) {
    InitDriverType type;
    Result result = api.initDrivers(&count, nullptr, &type);
    if (result == Success && count > 0) {
      drivers.resize(count);
      result = api.initDrivers(&count, drivers.data(), &type);
    }
    if (result != Success)
      cannotOpen("zeInitDrivers: " + errorText(result));
    return drivers;
  }
  Result result = api.init(InitGpuOnly);
  if (result == Success)
    result = api.driverGet(&count, nullptr);
  if (result == Success && count > 0) {
    drivers.resize(count);
    result = api.driverGet(&count, drivers.data());
  }
  if (result != Success)
    cannotOpen("zeInit: " + errorText(result));
  return drivers;
}

bool hasExtension(const Api &api, DriverHandle driver, const char *name) {
  uint32_t count = 0;
  if (api.driverExtensions(driver, &count, nullptr) != Success || count == 0)
    return false;
  std::vector<ExtensionProperties> all(count);
  if (api.driverExtensions(driver, &count, all.data()) != Success)
    return false;
  return std::any_of(all.begin(), all.end(), [&](const ExtensionProperties &one) {
    return std::strncmp(one.name, name, sizeof one.name) == 0;
  });
}

void findDevices(Driver &opened) {
  const Api &api = opened.api;
  std::vector<FoundDevice> gpus, others;
  for (DriverHandle driver : findDrivers(api)) {
    FoundDevice device;
    device.driver = driver;
    api.driverVersion(driver, &device.apiVersion);
    device.tellsIpVersion = hasExtension(api, driver, "ZE_extension_device_ip_version");
    uint32_t count = 0;
    if (Result result = api.deviceGet(driver, &count, nullptr); result != Success || count == 0) {
      opened.refused +=
          result == Success ? "a driver has no device\n" : "a driver: " + errorText(result) + "\n";
      continue;
    }
    std::vector<DeviceHandle> ids(count);
    api.deviceGet(driver, &count, ids.data());
    for (DeviceHandle id : ids) {
      device.id = id;
      DeviceProperties properties{};
      ModuleProperties code{};
      Result result = api.deviceProperties(id, &properties);
      if (result == Success)
        result = api.moduleProperties(id, &code);
      std::string name(properties.name, strnlen(properties.name, sizeof properties.name));
      if (result != Success)
        opened.refused += "a device: " + errorText(result) + "\n";
      else if (properties.type != DeviceType::Gpu && properties.type != DeviceType::Cpu)
        opened.refused += name + " is neither a GPU nor a processor\n";
      else if (code.spirvVersionSupported == 0)
        opened.refused += name + " takes no SPIR-V\n";
      else
        (properties.type == DeviceType::Gpu ? gpus : others).push_back(device);
    }
  }
  opened.devices = std::move(gpus);
  opened.devices.insert(opened.devices.end(), others.begin(), others.end());
}

std::unique_ptr<Driver> open(const char *path) {
  // Kept open whatever comes: drivers' threads outlive their users.
  void *library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    cannotOpen(std::string(::dlerror()) +
               "; install the loader (Debian: libze1) and a driver, or give a library's path in "
               "TGC_LEVEL_ZERO_LIBRARY");
  auto opened = std::make_unique<Driver>();
  std::string missing;
#define TGC_LEVEL_ZERO_LOAD(member, symbol, parameters)                                                      \
  opened->api.member = reinterpret_cast<decltype(opened->api.member)>(::dlsym(library, symbol));
  TGC_LEVEL_ZERO_NEW_ENTRIES(TGC_LEVEL_ZERO_LOAD)
#undef TGC_LEVEL_ZERO_LOAD
#define TGC_LEVEL_ZERO_LOAD(member, symbol, parameters)                                                      \
  opened->api.member = reinterpret_cast<decltype(opened->api.member)>(::dlsym(library, symbol));             \
  if (!opened->api.member)                                                                                   \
    missing += std::string(" ") + symbol;
  TGC_LEVEL_ZERO_ENTRIES(TGC_LEVEL_ZERO_LOAD)
#undef TGC_LEVEL_ZERO_LOAD
  if (!missing.empty())
    cannotOpen(std::string(path) + " is not Level Zero (it lacks" + missing + "): update it");
  findDevices(*opened);
  return opened;
}
} // namespace

const Driver &driver() {
  static std::mutex mutex;
  // Never destroyed: programs may be unloaded while the process ends.
  static auto *drivers = new std::map<std::string, std::unique_ptr<Driver>>();
  const char *chosen = std::getenv("TGC_LEVEL_ZERO_LIBRARY");
  const char *path = chosen && *chosen ? chosen : "libze_loader.so.1";
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Driver> &entry = (*drivers)[path];
  if (!entry)
    entry = open(path);
  return *entry;
}

std::string errorText(Result result) {
  char number[32];
  std::snprintf(number, sizeof number, " (0x%08x): ", result);
  auto at = std::find_if(std::begin(Advices), std::end(Advices),
                         [&](const Advice &advice) { return advice.result == result; });
  if (at == std::end(Advices))
    return std::string("Level Zero's error") + number + "see its specification";
  return std::string("ZE_RESULT_ERROR_") + at->name + number + at->text;
}

} // namespace tgc::runtime::level_zero
