#include "runtime/devices/opencl/ClDevice.h"
#include "runtime/devices/spirv/IntelGpus.h"
#include "runtime/format/Error.h"
#include <algorithm>

namespace tgc::runtime::opencl {

namespace {
/// The alignment that Device promises for larger memory, and for smaller.
constexpr uint64_t Page = 4096, Small = 64;

/// The name that code is compiled for: "bmg"; "cpu" for processors, "gpu" for GPUs that have no name here.
std::string architectureOf(const Api &api, DeviceId id) {
  if (deviceNumber<uint64_t>(api, id, DeviceQuery::Type) & CpuDevice)
    return "cpu";
  return spirv::architectureOfVersion(deviceNumber<uint32_t>(api, id, DeviceQuery::IntelIpVersion));
}

std::vector<size_t> subgroupsOf(const Api &api, DeviceId id) {
  size_t bytes = 0;
  constexpr auto Query = static_cast<uint32_t>(DeviceQuery::SubgroupSizes);
  if (api.getDeviceInfo(id, Query, 0, nullptr, &bytes) != Success)
    return {};
  std::vector<size_t> sizes(bytes / sizeof(size_t));
  api.getDeviceInfo(id, Query, bytes, sizes.data(), nullptr);
  return sizes;
}

std::string nameOf(size_t ordinal) { return "opencl:" + std::to_string(ordinal); }

bool contains(const std::string &words, const std::string &word) {
  return (" " + words + " ").find(" " + word + " ") != std::string::npos;
}
} // namespace

DeviceInfo ClDevice::describe(const Driver &driver, size_t ordinal) {
  const Api &api = driver.api;
  DeviceId id = driver.devices[ordinal].id;
  DeviceInfo info;
  info.name = nameOf(ordinal);
  info.description = deviceText(api, id, DeviceQuery::Name);
  info.arch = architectureOf(api, id);
  std::string subgroups;
  for (size_t size : subgroupsOf(api, id))
    subgroups += (subgroups.empty() ? "" : ",") + std::to_string(size);
  std::string extensions = deviceText(api, id, DeviceQuery::Extensions);
  std::string languages = deviceText(api, id, DeviceQuery::IlVersion);
  size_t last = languages.rfind("SPIR-V_");
  info.features = "spirv=" + languages.substr(last + 7, languages.find(' ', last) - last - 7) +
                  " subgroups=" + subgroups +
                  " shared=" + std::to_string(deviceNumber<uint64_t>(api, id, DeviceQuery::LocalMemory));
  for (const char *type : {"fp16", "fp64"})
    if (contains(extensions, std::string("cl_khr_") + type))
      info.features += std::string(" ") + type;
  info.features += " driver=" + deviceText(api, id, DeviceQuery::DriverVersion);
  info.memoryBytes = deviceNumber<uint64_t>(api, id, DeviceQuery::GlobalMemory);
  info.units = deviceNumber<uint32_t>(api, id, DeviceQuery::ComputeUnits);
  return info;
}

ClDevice::ClDevice(const Driver &driver, size_t ordinal)
    : opened(driver), found(driver.devices[ordinal]), description(describe(driver, ordinal)) {
  std::string extensions = deviceText(api(), id(), DeviceQuery::Extensions);
  abilities.label = description.name + " (" + description.description + ")";
  abilities.half = contains(extensions, "cl_khr_fp16");
  abilities.real64 = contains(extensions, "cl_khr_fp64");
  for (size_t size : subgroupsOf(api(), id()))
    abilities.subgroups.push_back(static_cast<uint32_t>(size));
  abilities.maxThreads = deviceNumber<size_t>(api(), id(), DeviceQuery::MaxWorkGroupSize);
  abilities.sharedBytes = deviceNumber<uint64_t>(api(), id(), DeviceQuery::LocalMemory);
  version = deviceText(api(), id(), DeviceQuery::DriverVersion);
  mostBytes = deviceNumber<uint64_t>(api(), id(), DeviceQuery::MaxAllocation);
  exactDivision = deviceNumber<uint64_t>(api(), id(), DeviceQuery::SingleFloat) & CorrectDivision;
  const Properties properties[] = {ContextPlatform, reinterpret_cast<Properties>(found.platform), 0};
  Status status = Success;
  DeviceId device = id();
  handle = api().createContext(properties, 1, &device, nullptr, nullptr, &status);
  check(status, "opening the device");
  try {
    transfers = makeQueue(false);
  } catch (...) {
    api().releaseContext(handle);
    throw;
  }
}

ClDevice::~ClDevice() {
  api().finish(transfers);
  api().releaseQueue(transfers);
  api().releaseContext(handle);
}

Queue ClDevice::makeQueue(bool profiling) const {
  const QueueProperties properties[] = {QueuePropertiesKey, profiling ? QueueProfiling : 0, 0};
  Status status = Success;
  Queue queue = api().createQueue(handle, id(), properties, &status);
  check(status, "making a queue");
  return queue;
}

Address ClDevice::allocate(uint64_t bytes) {
  // Drivers take alignments up to the widest vector's alone.
  uint64_t alignment = bytes < Page ? Small : Page, wanted = bytes + alignment - Small;
  const uint64_t unrestricted[] = {MemoryFlags, UnrestrictedSize, 0};
  Status status = Success;
  void *start = memory().allocate(handle, id(), wanted > mostBytes ? unrestricted : nullptr, wanted,
                                  static_cast<uint32_t>(Small), &status);
  if (status != Success || !start)
    fail(status == Success ? AllocationFailure : status, "taking " + bytesText(bytes) + " of memory");
  Address address = (reinterpret_cast<Address>(start) + alignment - 1) / alignment * alignment;
  {
    std::lock_guard<std::mutex> lock(mutex);
    allocations.emplace(address, Allocation{start, wanted});
  }
  taken += wanted;
  try {
    zero(address, bytes);
  } catch (...) {
    release(address);
    throw;
  }
  return address;
}

void ClDevice::release(Address address) {
  Allocation allocation;
  {
    std::lock_guard<std::mutex> lock(mutex);
    auto at = allocations.find(address);
    allocation = at->second;
    allocations.erase(at);
  }
  taken -= allocation.bytes;
  memory().free(handle, allocation.start);
}

void ClDevice::copyIn(Address to, const void *from, uint64_t bytes) {
  if (bytes > 0)
    check(memory().copy(transfers, True, reinterpret_cast<void *>(to), from, bytes, 0, nullptr, nullptr),
          "copying " + bytesText(bytes) + " to the device");
}

void ClDevice::copyOut(void *to, Address from, uint64_t bytes) {
  if (bytes > 0)
    check(
        memory().copy(transfers, True, to, reinterpret_cast<const void *>(from), bytes, 0, nullptr, nullptr),
        "copying " + bytesText(bytes) + " from the device");
}

void ClDevice::zero(Address address, uint64_t bytes) {
  if (bytes == 0)
    return;
  const uint8_t pattern = 0;
  check(memory().fill(transfers, reinterpret_cast<void *>(address), &pattern, 1, bytes, 0, nullptr, nullptr),
        "clearing memory");
  // Sequences have queues of their own.
  check(api().finish(transfers), "clearing memory");
}

uint64_t ClDevice::freeBytes() const {
  uint64_t used = taken;
  return description.memoryBytes > used ? description.memoryBytes - used : 0;
}

void ClDevice::fail(Status status, const std::string &doing) const {
  std::string text = doing + ": " + errorText(status);
  if (status == AllocationFailure || status == OutOfResources)
    text += "; this process has taken " + bytesText(taken) + " of " + bytesText(description.memoryBytes);
  deviceError(label() + ": " + text);
}

} // namespace tgc::runtime::opencl
