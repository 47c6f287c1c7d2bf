// The test driver's devices, contexts and counts of calls.
#include "tests/runtime/level_zero/TestDriver.h"
#include <cstdlib>
#include <cstring>

using namespace test_ze;

namespace {
std::mutex counting;
std::map<std::string, uint64_t> counts, plans;

_ze_driver_handle_t theDriver;
_ze_device_handle_t theDevice;
constexpr const char *IpExtension = "ZE_extension_device_ip_version";

bool isGpu() { return std::getenv("TEST_ZE_IP") || std::getenv("TEST_ZE_PCI"); }
uint64_t memory() {
  return number("TEST_ZE_MEMORY",
                cl::deviceNumber<uint64_t>(api(), device().id, cl::DeviceQuery::GlobalMemory));
}
} // namespace

const cl::Api &test_ze::api() { return cl::driver().api; }
const cl::FoundDevice &test_ze::device() { return cl::driver().devices[0]; }

uint64_t test_ze::number(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 0) : otherwise;
}

ze_result_t test_ze::enter(const char *symbol, ze_context_handle_t context) {
  std::lock_guard<std::mutex> lock(counting);
  ++counts[symbol];
  if (context && context->lost != ZE_RESULT_SUCCESS)
    return context->lost;
  const char *text = std::getenv("TEST_ZE_FAIL");
  if (!text)
    return ZE_RESULT_SUCCESS;
  std::string plan = text;
  size_t first = plan.find(':'), second = plan.find(':', first + 1);
  if (plan.substr(0, first) != symbol || plans[plan]++ < std::strtoull(plan.c_str() + second + 1, nullptr, 0))
    return ZE_RESULT_SUCCESS;
  auto result = ze_result_t(std::strtoul(plan.c_str() + first + 1, nullptr, 16));
  if (context && result == ZE_RESULT_ERROR_DEVICE_LOST)
    context->lost = result;
  return result;
}

uint64_t testZeCalls(const char *symbol) {
  std::lock_guard<std::mutex> lock(counting);
  return counts[symbol];
}

ze_result_t test_ze::resultOf(cl::Status status) {
  switch (status) {
  case cl::Success:
    return ZE_RESULT_SUCCESS;
  case cl::AllocationFailure:
  case cl::OutOfResources:
    return ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY;
  case cl::OutOfHostMemory:
    return ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
  case cl::InvalidArgumentSize:
    return ZE_RESULT_ERROR_INVALID_KERNEL_ARGUMENT_SIZE;
  case -46: // no such kernel
    return ZE_RESULT_ERROR_INVALID_KERNEL_NAME;
  case -49: // no such argument
    return ZE_RESULT_ERROR_INVALID_KERNEL_ARGUMENT_INDEX;
  case -54: // too many threads
    return ZE_RESULT_ERROR_INVALID_GROUP_SIZE_DIMENSION;
  default:
    return ZE_RESULT_ERROR_UNKNOWN;
  }
}

ze_result_t zeInit(ze_init_flags_t) {
  ENTER();
  try {
    return cl::driver().devices.empty() ? ZE_RESULT_ERROR_UNINITIALIZED : ZE_RESULT_SUCCESS;
  } catch (const std::exception &) {
    return ZE_RESULT_ERROR_UNINITIALIZED;
  }
}

ze_result_t zeDriverGet(uint32_t *count, ze_driver_handle_t *drivers) {
  ENTER();
  if (drivers && *count > 0)
    drivers[0] = &theDriver;
  *count = 1;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeDriverGetApiVersion(ze_driver_handle_t, ze_api_version_t *version) {
  ENTER();
  *version = ze_api_version_t(number("TEST_ZE_VERSION", ZE_API_VERSION_1_3));
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeDriverGetProperties(ze_driver_handle_t, ze_driver_properties_t *properties) {
  ENTER();
  properties->driverVersion = 1u << 24 | 3u << 16 | 24595;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeDriverGetExtensionProperties(ze_driver_handle_t, uint32_t *count,
                                           ze_driver_extension_properties_t *properties) {
  ENTER();
  if (std::getenv("TEST_ZE_PCI")) {
    *count = 0;
    return ZE_RESULT_SUCCESS;
  }
  if (properties && *count > 0) {
    std::strcpy(properties[0].name, IpExtension);
    properties[0].version = 1;
  }
  *count = 1;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeDeviceGet(ze_driver_handle_t, uint32_t *count, ze_device_handle_t *devices) {
  ENTER();
  if (devices && *count > 0)
    devices[0] = &theDevice;
  *count = 1;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeDeviceGetProperties(ze_device_handle_t, ze_device_properties_t *properties) {
  ENTER();
  properties->type = isGpu() ? ZE_DEVICE_TYPE_GPU : ZE_DEVICE_TYPE_CPU;
  properties->vendorId = 0x8086;
  properties->deviceId = uint32_t(number("TEST_ZE_PCI", 0xE20B));
  properties->maxMemAllocSize = number("TEST_ZE_ALLOCATION", memory());
  properties->numSlices = 1;
  properties->numSubslicesPerSlice =
      cl::deviceNumber<uint32_t>(api(), device().id, cl::DeviceQuery::ComputeUnits);
  // The same clock of 80 nanoseconds, in the words of either version.
  properties->timerResolution = properties->stype == ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES_1_2 ? 12500000 : 80;
  properties->timestampValidBits = 36;
  properties->kernelTimestampValidBits = 32;
  std::string name = cl::deviceText(api(), device().id, cl::DeviceQuery::Name);
  std::snprintf(properties->name, sizeof properties->name, "%s", name.c_str());
  // ze_device_ip_version_ext_t, which this header does not know yet.
  struct Extension {
    uint32_t stype;
    Extension *next;
    uint32_t ipVersion;
  };
  for (auto *next = static_cast<Extension *>(properties->pNext); next; next = next->next)
    if (next->stype == 0x1000f)
      next->ipVersion = uint32_t(number("TEST_ZE_IP", 0));
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeDeviceGetComputeProperties(ze_device_handle_t, ze_device_compute_properties_t *properties) {
  ENTER();
  auto threads = uint32_t(cl::deviceNumber<size_t>(api(), device().id, cl::DeviceQuery::MaxWorkGroupSize));
  properties->maxTotalGroupSize = properties->maxGroupSizeX = properties->maxGroupSizeY =
      properties->maxGroupSizeZ = threads;
  properties->maxGroupCountX = properties->maxGroupCountY = properties->maxGroupCountZ = UINT32_MAX;
  properties->maxSharedLocalMemory =
      uint32_t(cl::deviceNumber<uint64_t>(api(), device().id, cl::DeviceQuery::LocalMemory));
  const uint32_t sizes[] = {8, 16, 32};
  properties->numSubGroupSizes = 3;
  std::copy(std::begin(sizes), std::end(sizes), properties->subGroupSizes);
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeDeviceGetModuleProperties(ze_device_handle_t, ze_device_module_properties_t *properties) {
  ENTER();
  properties->spirvVersionSupported = ZE_MAKE_VERSION(1, 3);
  properties->flags = ZE_DEVICE_MODULE_FLAG_FP16 | ZE_DEVICE_MODULE_FLAG_FP64;
  properties->fp32flags = ZE_DEVICE_FP_FLAG_ROUNDED_DIVIDE_SQRT;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeDeviceGetMemoryProperties(ze_device_handle_t, uint32_t *count,
                                        ze_device_memory_properties_t *memories) {
  ENTER();
  if (memories && *count > 0)
    memories[0].totalSize = memory();
  *count = 1;
  return ZE_RESULT_SUCCESS;
}

/// The first group only copies, as some drivers have it.
ze_result_t zeDeviceGetCommandQueueGroupProperties(ze_device_handle_t, uint32_t *count,
                                                   ze_command_queue_group_properties_t *groups) {
  ENTER();
  for (uint32_t i = 0; groups && i < std::min<uint32_t>(*count, 2); ++i) {
    groups[i].flags =
        i == 0 ? ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COPY
               : ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COPY | ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE;
    groups[i].maxMemoryFillPatternSize = 16;
    groups[i].numQueues = 1;
  }
  *count = 2;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeContextCreate(ze_driver_handle_t, const ze_context_desc_t *, ze_context_handle_t *context) {
  ENTER();
  const cl::Properties properties[] = {cl::ContextPlatform,
                                       reinterpret_cast<cl::Properties>(device().platform), 0};
  cl::Status status = cl::Success;
  cl::Context made = api().createContext(properties, 1, &device().id, nullptr, nullptr, &status);
  if (status == cl::Success)
    *context = new _ze_context_handle_t{made};
  return resultOf(status);
}

ze_result_t zeContextDestroy(ze_context_handle_t context) {
  enter(__func__);
  api().releaseContext(context->context);
  delete context;
  return ZE_RESULT_SUCCESS;
}
