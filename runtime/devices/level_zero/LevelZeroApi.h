// The part of Level Zero that the runtime uses, declared here so that neither building nor loading the library needs
// it. Names and numbers are those of the binary interface (1.0 and newer); fields that nothing here reads are there
// for the layout.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tgc::runtime::level_zero {

using Result = uint32_t; // 0 is success
using DriverHandle = struct DriverObject *;
using DeviceHandle = struct DeviceObject *;
using ContextHandle = struct ContextObject *;
using QueueHandle = struct QueueObject *;
using ListHandle = struct ListObject *;
using PoolHandle = struct PoolObject *;
using EventHandle = struct EventObject *;
using ModuleHandle = struct ModuleObject *;
using LogHandle = struct LogObject *;
using KernelHandle = struct KernelObject *;
using FenceHandle = struct FenceObject *;

enum : Result {
  Success = 0,
  DeviceLost = 0x70000001,
  OutOfHostMemory = 0x70000002,
  OutOfDeviceMemory = 0x70000003,
  BuildFailure = 0x70000004,
  LinkFailure = 0x70000005,
  RequiresReset = 0x70000006,
  Uninitialized = 0x78000001,
  UnsupportedVersion = 0x78000002,
  UnsupportedFeature = 0x78000003,
  UnsupportedSize = 0x78000009,
  InvalidNativeBinary = 0x7800000f,
  InvalidArgumentSize = 0x78000016,
};

/// What a structure is; it begins each.
enum class Kind : uint32_t {
  DriverProperties = 0x1,
  DeviceProperties = 0x3,
  ComputeProperties = 0x4,
  ModuleProperties = 0x5,
  QueueGroupProperties = 0x6,
  MemoryProperties = 0x7,
  ContextDesc = 0xd,
  QueueDesc = 0xe,
  ListDesc = 0xf,
  PoolDesc = 0x10,
  EventDesc = 0x11,
  DeviceMemoryDesc = 0x15,
  HostMemoryDesc = 0x16,
  ModuleDesc = 0x1b,
  KernelDesc = 0x1d,
  KernelProperties = 0x1e,
  DevicePropertiesInCycles = 0x20006, // since 1.2: the resolution of its timer is in cycles a second
  IpVersion = 0x1000f,
  RelaxedLimits = 0x20001,
  InitDriverType = 0x20021,
};

constexpr uint32_t InitGpuOnly = 1, InitDriverGpu = 1;
constexpr uint32_t Version12 = 1 << 16 | 2;
enum class DeviceType : uint32_t { Gpu = 1, Cpu = 2 };
constexpr uint32_t ComputeGroup = 1; // of a queue group's flags
constexpr uint32_t ModeDefault = 0, ModeSynchronous = 1, ModeAsynchronous = 2;
constexpr uint32_t PoolHostVisible = 1, PoolKernelTimestamps = 4;
constexpr uint32_t ScopeHost = 4; // of an event's signal
constexpr uint32_t RelaxedMaxSize = 1;
constexpr uint32_t FormatSpirv = 0, FormatNative = 1;
constexpr uint32_t ModuleHalf = 1, ModuleDouble = 2; // of a device's module flags
constexpr uint32_t RoundedDivision = 1 << 6;         // of its floating-point flags
constexpr uint64_t Forever = UINT64_MAX;

/// Every structure begins so.
template <Kind kind>
struct Tagged {
  Kind stype = kind;
  const void *next = nullptr;
};

struct DriverProperties : Tagged<Kind::DriverProperties> {
  uint8_t uuid[16];
  uint32_t driverVersion;
};
struct ExtensionProperties {
  char name[256];
  uint32_t version;
};
struct DeviceProperties : Tagged<Kind::DeviceProperties> {
  DeviceType type;
  uint32_t vendorId, deviceId, flags, subdeviceId, coreClockRate;
  uint64_t maxMemAllocSize;
  uint32_t maxHardwareContexts, maxCommandQueuePriority, numThreadsPerEU, physicalEUSimdWidth,
      numEUsPerSubslice, numSubslicesPerSlice, numSlices;
  uint64_t timerResolution;
  uint32_t timestampValidBits, kernelTimestampValidBits;
  uint8_t uuid[16];
  char name[256];
};
struct IpVersion : Tagged<Kind::IpVersion> {
  uint32_t ipVersion;
};
struct ComputeProperties : Tagged<Kind::ComputeProperties> {
  uint32_t maxTotalGroupSize, maxGroupSizeX, maxGroupSizeY, maxGroupSizeZ, maxGroupCountX, maxGroupCountY,
      maxGroupCountZ, maxSharedLocalMemory, numSubGroupSizes, subGroupSizes[8];
};
struct ModuleProperties : Tagged<Kind::ModuleProperties> {
  uint32_t spirvVersionSupported, flags, fp16flags, fp32flags, fp64flags, maxArgumentsSize, printfBufferSize;
  uint8_t nativeKernelSupported[16];
};
struct MemoryProperties : Tagged<Kind::MemoryProperties> {
  uint32_t flags, maxClockRate, maxBusWidth;
  uint64_t totalSize;
  char name[256];
};
struct QueueGroupProperties : Tagged<Kind::QueueGroupProperties> {
  uint32_t flags;
  size_t maxMemoryFillPatternSize;
  uint32_t numQueues;
};
struct ContextDesc : Tagged<Kind::ContextDesc> {
  uint32_t flags = 0;
};
struct QueueDesc : Tagged<Kind::QueueDesc> {
  uint32_t ordinal = 0, index = 0, flags = 0, mode = ModeDefault, priority = 0;
};
struct ListDesc : Tagged<Kind::ListDesc> {
  uint32_t commandQueueGroupOrdinal = 0, flags = 0;
};
struct PoolDesc : Tagged<Kind::PoolDesc> {
  uint32_t flags = 0, count = 0;
};
struct EventDesc : Tagged<Kind::EventDesc> {
  uint32_t index = 0, signal = 0, wait = 0;
};
struct Timestamps {
  uint64_t kernelStart, kernelEnd;
};
struct TimestampResult {
  Timestamps global, context;
};
struct DeviceMemoryDesc : Tagged<Kind::DeviceMemoryDesc> {
  uint32_t flags = 0, ordinal = 0;
};
struct HostMemoryDesc : Tagged<Kind::HostMemoryDesc> {
  uint32_t flags = 0;
};
struct RelaxedLimits : Tagged<Kind::RelaxedLimits> {
  uint32_t flags = RelaxedMaxSize;
};
struct ModuleDesc : Tagged<Kind::ModuleDesc> {
  uint32_t format = FormatSpirv;
  size_t inputSize = 0;
  const uint8_t *inputModule = nullptr;
  const char *buildFlags = nullptr;
  const void *constants = nullptr;
};
struct KernelDesc : Tagged<Kind::KernelDesc> {
  uint32_t flags = 0;
  const char *kernelName = nullptr;
};
struct KernelProperties : Tagged<Kind::KernelProperties> {
  uint32_t numKernelArgs, requiredGroupSizeX, requiredGroupSizeY, requiredGroupSizeZ, requiredNumSubGroups,
      requiredSubgroupSize, maxSubgroupSize, maxNumSubgroups, localMemSize, privateMemSize, spillMemSize;
  uint8_t kernelUuid[16], moduleUuid[16];
};
struct GroupCount {
  uint32_t x, y, z;
};
struct InitDriverType : Tagged<Kind::InitDriverType> {
  uint32_t flags = InitDriverGpu;
};

/// Member, exported symbol, parameters; all give a Result.
#define TGC_LEVEL_ZERO_ENTRIES(ENTRY)                                                                        \
  ENTRY(init, "zeInit", (uint32_t flags))                                                                    \
  ENTRY(driverGet, "zeDriverGet", (uint32_t *count, DriverHandle *))                                         \
  ENTRY(driverVersion, "zeDriverGetApiVersion", (DriverHandle, uint32_t *))                                  \
  ENTRY(driverProperties, "zeDriverGetProperties", (DriverHandle, DriverProperties *))                       \
  ENTRY(driverExtensions, "zeDriverGetExtensionProperties",                                                  \
        (DriverHandle, uint32_t *count, ExtensionProperties *))                                              \
  ENTRY(deviceGet, "zeDeviceGet", (DriverHandle, uint32_t *count, DeviceHandle *))                           \
  ENTRY(deviceProperties, "zeDeviceGetProperties", (DeviceHandle, DeviceProperties *))                       \
  ENTRY(computeProperties, "zeDeviceGetComputeProperties", (DeviceHandle, ComputeProperties *))              \
  ENTRY(moduleProperties, "zeDeviceGetModuleProperties", (DeviceHandle, ModuleProperties *))                 \
  ENTRY(memoryProperties, "zeDeviceGetMemoryProperties",                                                     \
        (DeviceHandle, uint32_t *count, MemoryProperties *))                                                 \
  ENTRY(queueGroups, "zeDeviceGetCommandQueueGroupProperties",                                               \
        (DeviceHandle, uint32_t *count, QueueGroupProperties *))                                             \
  ENTRY(contextCreate, "zeContextCreate", (DriverHandle, const ContextDesc *, ContextHandle *))              \
  ENTRY(contextDestroy, "zeContextDestroy", (ContextHandle))                                                 \
  ENTRY(queueCreate, "zeCommandQueueCreate",                                                                 \
        (ContextHandle, DeviceHandle, const QueueDesc *, QueueHandle *))                                     \
  ENTRY(queueDestroy, "zeCommandQueueDestroy", (QueueHandle))                                                \
  ENTRY(queueExecute, "zeCommandQueueExecuteCommandLists",                                                   \
        (QueueHandle, uint32_t count, ListHandle *, FenceHandle))                                            \
  ENTRY(queueSynchronize, "zeCommandQueueSynchronize", (QueueHandle, uint64_t nanoseconds))                  \
  ENTRY(listCreate, "zeCommandListCreate", (ContextHandle, DeviceHandle, const ListDesc *, ListHandle *))    \
  ENTRY(listCreateImmediate, "zeCommandListCreateImmediate",                                                 \
        (ContextHandle, DeviceHandle, const QueueDesc *, ListHandle *))                                      \
  ENTRY(listDestroy, "zeCommandListDestroy", (ListHandle))                                                   \
  ENTRY(listClose, "zeCommandListClose", (ListHandle))                                                       \
  ENTRY(listReset, "zeCommandListReset", (ListHandle))                                                       \
  ENTRY(appendBarrier, "zeCommandListAppendBarrier",                                                         \
        (ListHandle, EventHandle signal, uint32_t waits, EventHandle *))                                     \
  ENTRY(appendCopy, "zeCommandListAppendMemoryCopy",                                                         \
        (ListHandle, void *to, const void *from, size_t, EventHandle signal, uint32_t waits, EventHandle *)) \
  ENTRY(appendFill, "zeCommandListAppendMemoryFill",                                                         \
        (ListHandle, void *to, const void *pattern, size_t patternBytes, size_t, EventHandle signal,         \
         uint32_t waits, EventHandle *))                                                                     \
  ENTRY(appendLaunch, "zeCommandListAppendLaunchKernel",                                                     \
        (ListHandle, KernelHandle, const GroupCount *, EventHandle signal, uint32_t waits, EventHandle *))   \
  ENTRY(poolCreate, "zeEventPoolCreate",                                                                     \
        (ContextHandle, const PoolDesc *, uint32_t devices, DeviceHandle *, PoolHandle *))                   \
  ENTRY(poolDestroy, "zeEventPoolDestroy", (PoolHandle))                                                     \
  ENTRY(eventCreate, "zeEventCreate", (PoolHandle, const EventDesc *, EventHandle *))                        \
  ENTRY(eventDestroy, "zeEventDestroy", (EventHandle))                                                       \
  ENTRY(eventReset, "zeEventHostReset", (EventHandle))                                                       \
  ENTRY(eventTimes, "zeEventQueryKernelTimestamp", (EventHandle, TimestampResult *))                         \
  ENTRY(allocateDevice, "zeMemAllocDevice",                                                                  \
        (ContextHandle, const DeviceMemoryDesc *, size_t, size_t alignment, DeviceHandle, void **))          \
  ENTRY(allocateHost, "zeMemAllocHost",                                                                      \
        (ContextHandle, const HostMemoryDesc *, size_t, size_t alignment, void **))                          \
  ENTRY(free, "zeMemFree", (ContextHandle, void *))                                                          \
  ENTRY(moduleCreate, "zeModuleCreate",                                                                      \
        (ContextHandle, DeviceHandle, const ModuleDesc *, ModuleHandle *, LogHandle *))                      \
  ENTRY(moduleDestroy, "zeModuleDestroy", (ModuleHandle))                                                    \
  ENTRY(moduleBinary, "zeModuleGetNativeBinary", (ModuleHandle, size_t *, uint8_t *))                        \
  ENTRY(logText, "zeModuleBuildLogGetString", (LogHandle, size_t *, char *))                                 \
  ENTRY(logDestroy, "zeModuleBuildLogDestroy", (LogHandle))                                                  \
  ENTRY(kernelCreate, "zeKernelCreate", (ModuleHandle, const KernelDesc *, KernelHandle *))                  \
  ENTRY(kernelDestroy, "zeKernelDestroy", (KernelHandle))                                                    \
  ENTRY(kernelProperties, "zeKernelGetProperties", (KernelHandle, KernelProperties *))                       \
  ENTRY(kernelGroup, "zeKernelSetGroupSize", (KernelHandle, uint32_t x, uint32_t y, uint32_t z))             \
  ENTRY(kernelArgument, "zeKernelSetArgumentValue",                                                          \
        (KernelHandle, uint32_t index, size_t bytes, const void *value))

/// Of loaders of 1.10 and newer; null in older ones.
#define TGC_LEVEL_ZERO_NEW_ENTRIES(ENTRY)                                                                    \
  ENTRY(initDrivers, "zeInitDrivers", (uint32_t *count, DriverHandle *, InitDriverType *))

struct Api {
#define TGC_LEVEL_ZERO_MEMBER(member, symbol, parameters) Result(*member) parameters = nullptr;
  TGC_LEVEL_ZERO_ENTRIES(TGC_LEVEL_ZERO_MEMBER)
  TGC_LEVEL_ZERO_NEW_ENTRIES(TGC_LEVEL_ZERO_MEMBER)
#undef TGC_LEVEL_ZERO_MEMBER
};

} // namespace tgc::runtime::level_zero
