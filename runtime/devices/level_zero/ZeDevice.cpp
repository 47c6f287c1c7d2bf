#include "runtime/devices/level_zero/ZeDevice.h"
#include "runtime/devices/spirv/IntelGpus.h"
#include "runtime/format/Error.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace tgc::runtime::level_zero {

namespace {
/// The alignment that Device promises for larger memory, and for smaller.
constexpr uint64_t Page = 4096, Small = 64;
constexpr uint64_t StagingBytes = uint64_t(4) << 20;

DeviceProperties propertiesOf(const Api &api, const FoundDevice &device) {
  DeviceProperties properties{};
  if (device.apiVersion >= Version12)
    properties.stype = Kind::DevicePropertiesInCycles;
  api.deviceProperties(device.id, &properties);
  return properties;
}

std::string nameOf(const DeviceProperties &properties) {
  return std::string(properties.name, strnlen(properties.name, sizeof properties.name));
}

/// The name that code is compiled for: "bmg"; "cpu" for processors, "gpu" for GPUs that have no name here.
std::string architectureOf(const Api &api, const FoundDevice &device) {
  IpVersion ip{};
  DeviceProperties properties{};
  if (device.tellsIpVersion)
    properties.next = &ip;
  api.deviceProperties(device.id, &properties);
  if (properties.type == DeviceType::Cpu)
    return "cpu";
  return device.tellsIpVersion ? spirv::architectureOfVersion(ip.ipVersion)
                               : spirv::architectureOfDevice(properties.deviceId);
}

ComputeProperties computeOf(const Api &api, DeviceHandle id) {
  ComputeProperties compute{};
  api.computeProperties(id, &compute);
  compute.numSubGroupSizes = std::min<uint32_t>(compute.numSubGroupSizes, std::size(compute.subGroupSizes));
  return compute;
}

uint64_t memoryOf(const Api &api, DeviceHandle id) {
  uint32_t count = 0;
  if (api.memoryProperties(id, &count, nullptr) != Success || count == 0)
    return 0;
  std::vector<MemoryProperties> memories(count);
  api.memoryProperties(id, &count, memories.data());
  uint64_t most = 0;
  for (const MemoryProperties &memory : memories)
    most = std::max(most, memory.totalSize);
  return most;
}

/// A driver's version as its vendor writes it.
std::string versionOf(const Api &api, DriverHandle driver) {
  DriverProperties properties{};
  api.driverProperties(driver, &properties);
  uint32_t number = properties.driverVersion;
  return std::to_string(number >> 24) + "." + std::to_string(number >> 16 & 255) + "." +
         std::to_string(number & 0xFFFF);
}
} // namespace

DeviceInfo ZeDevice::describe(const Driver &driver, size_t ordinal) {
  const Api &api = driver.api;
  const FoundDevice &found = driver.devices[ordinal];
  DeviceProperties properties = propertiesOf(api, found);
  ComputeProperties compute = computeOf(api, found.id);
  ModuleProperties code{};
  api.moduleProperties(found.id, &code);
  DeviceInfo info;
  info.name = "level_zero:" + std::to_string(ordinal);
  info.description = nameOf(properties);
  info.arch = architectureOf(api, found);
  info.features = "spirv=" + std::to_string(code.spirvVersionSupported >> 16) + "." +
                  std::to_string(code.spirvVersionSupported & 0xFFFF) + " subgroups=";
  for (uint32_t i = 0; i < compute.numSubGroupSizes; ++i)
    info.features += (i == 0 ? "" : ",") + std::to_string(compute.subGroupSizes[i]);
  info.features += " shared=" + std::to_string(compute.maxSharedLocalMemory);
  if (code.flags & ModuleHalf)
    info.features += " fp16";
  if (code.flags & ModuleDouble)
    info.features += " fp64";
  info.features += " driver=" + versionOf(api, found.driver);
  info.memoryBytes = memoryOf(api, found.id);
  info.units = properties.numSlices * properties.numSubslicesPerSlice;
  return info;
}

ZeDevice::ZeDevice(const Driver &driver, size_t ordinal)
    : opened(driver), found(driver.devices[ordinal]), description(describe(driver, ordinal)),
      version(versionOf(driver.api, found.driver)) {
  DeviceProperties properties = propertiesOf(api(), found);
  ComputeProperties compute = computeOf(api(), id());
  ModuleProperties code{};
  api().moduleProperties(id(), &code);
  abilities.label = description.name + " (" + description.description + ")";
  abilities.half = code.flags & ModuleHalf;
  abilities.real64 = code.flags & ModuleDouble;
  abilities.subgroups.assign(compute.subGroupSizes, compute.subGroupSizes + compute.numSubGroupSizes);
  abilities.maxThreads = compute.maxTotalGroupSize;
  abilities.sharedBytes = compute.maxSharedLocalMemory;
  mostBlocks = {compute.maxGroupCountX, compute.maxGroupCountY, compute.maxGroupCountZ};
  mostBytes = properties.maxMemAllocSize;
  timerResolution = properties.timerResolution;
  resolutionInCycles = properties.stype == Kind::DevicePropertiesInCycles;
  uint32_t bits = properties.kernelTimestampValidBits;
  timerMask = bits == 0 || bits >= 64 ? UINT64_MAX : (uint64_t(1) << bits) - 1;
  exactDivision = code.fp32flags & RoundedDivision;

  uint32_t count = 0;
  check(api().queueGroups(id(), &count, nullptr), "asking for queues");
  std::vector<QueueGroupProperties> groups(count);
  check(api().queueGroups(id(), &count, groups.data()), "asking for queues");
  while (group < count && !(groups[group].flags & ComputeGroup))
    ++group;
  if (group == count)
    deviceError(label() + " has no queue that computes");

  ContextDesc context;
  check(api().contextCreate(found.driver, &context, &handle), "opening the device");
  try {
    QueueDesc queue;
    queue.ordinal = group;
    queue.mode = ModeSynchronous;
    check(api().listCreateImmediate(handle, id(), &queue, &transfers), "making a list for copies");
    HostMemoryDesc memory;
    check(api().allocateHost(handle, &memory, StagingBytes, Page, &staging),
          "taking memory of the host for copies");
  } catch (...) {
    close();
    throw;
  }
}

ZeDevice::~ZeDevice() { close(); }

void ZeDevice::close() {
  if (staging)
    api().free(handle, staging);
  if (transfers)
    api().listDestroy(transfers);
  api().contextDestroy(handle);
}

QueueHandle ZeDevice::makeQueue() const {
  QueueDesc queue;
  queue.ordinal = group;
  queue.mode = ModeAsynchronous;
  QueueHandle made = nullptr;
  check(api().queueCreate(handle, id(), &queue, &made), "making a queue");
  return made;
}

ListHandle ZeDevice::makeList() const {
  ListDesc list;
  list.commandQueueGroupOrdinal = group;
  ListHandle made = nullptr;
  check(api().listCreate(handle, id(), &list, &made), "making a list of commands");
  return made;
}

uint64_t ZeDevice::nanoseconds(const Timestamps &times) const {
  // The counter starts anew where its bits end.
  uint64_t ticks = (times.kernelEnd - times.kernelStart) & timerMask;
  double each =
      resolutionInCycles ? 1e9 / double(std::max<uint64_t>(timerResolution, 1)) : double(timerResolution);
  return static_cast<uint64_t>(std::llround(double(ticks) * each));
}

Address ZeDevice::allocate(uint64_t bytes) {
  requireAlive("taking memory");
  RelaxedLimits relaxed;
  DeviceMemoryDesc desc;
  if (bytes > mostBytes)
    desc.next = &relaxed;
  void *start = nullptr;
  Result result = api().allocateDevice(handle, &desc, bytes, bytes < Page ? Small : Page, id(), &start);
  if (result != Success || !start)
    fail(result == Success ? OutOfDeviceMemory : result, "taking " + bytesText(bytes) + " of memory");
  taken += bytes;
  auto address = reinterpret_cast<Address>(start);
  try {
    zero(address, bytes);
  } catch (...) {
    release(address, bytes);
    throw;
  }
  return address;
}

void ZeDevice::release(Address address, uint64_t bytes) {
  taken -= bytes;
  api().free(handle, reinterpret_cast<void *>(address));
}

void ZeDevice::copyIn(Address to, const void *from, uint64_t bytes) {
  requireAlive("copying to the device");
  std::lock_guard<std::mutex> lock(mutex);
  for (uint64_t at = 0; at < bytes; at += StagingBytes) {
    uint64_t part = std::min(StagingBytes, bytes - at);
    std::memcpy(staging, static_cast<const uint8_t *>(from) + at, part);
    check(api().appendCopy(transfers, reinterpret_cast<void *>(to + at), staging, part, nullptr, 0, nullptr),
          "copying " + bytesText(bytes) + " to the device");
  }
}

void ZeDevice::copyOut(void *to, Address from, uint64_t bytes) {
  requireAlive("copying from the device");
  std::lock_guard<std::mutex> lock(mutex);
  for (uint64_t at = 0; at < bytes; at += StagingBytes) {
    uint64_t part = std::min(StagingBytes, bytes - at);
    check(api().appendCopy(transfers, staging, reinterpret_cast<const void *>(from + at), part, nullptr, 0,
                           nullptr),
          "copying " + bytesText(bytes) + " from the device");
    std::memcpy(static_cast<uint8_t *>(to) + at, staging, part);
  }
}

void ZeDevice::zero(Address address, uint64_t bytes) {
  if (bytes == 0)
    return;
  requireAlive("clearing memory");
  const uint8_t pattern = 0;
  std::lock_guard<std::mutex> lock(mutex);
  check(
      api().appendFill(transfers, reinterpret_cast<void *>(address), &pattern, 1, bytes, nullptr, 0, nullptr),
      "clearing " + bytesText(bytes) + " of memory");
}

uint64_t ZeDevice::freeBytes() const {
  uint64_t used = taken;
  return description.memoryBytes > used ? description.memoryBytes - used : 0;
}

void ZeDevice::requireAlive(const char *doing) const {
  if (Result result = lost; result != Success)
    fail(result, doing);
}

void ZeDevice::fail(Result result, const std::string &doing) const {
  std::string text = doing + ": " + errorText(result);
  if (result == OutOfDeviceMemory || result == UnsupportedSize)
    text += "; this process has taken " + bytesText(taken) + " of " + bytesText(description.memoryBytes) +
            ", and one allocation may have " + bytesText(mostBytes) + " unless it asks for more";
  if (result == DeviceLost || result == RequiresReset)
    lost = result;
  deviceError(label() + ": " + text);
}

} // namespace tgc::runtime::level_zero
