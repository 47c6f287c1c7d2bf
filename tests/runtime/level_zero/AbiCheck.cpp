// Compares runtime/devices/level_zero/LevelZeroApi.h with Level Zero's own headers; compiling it is the test.
#include "runtime/devices/level_zero/LevelZeroApi.h"
#include <level_zero/ze_api.h>
#include <type_traits>

namespace ours = tgc::runtime::level_zero;

/// Pointers and integers of one size are passed alike.
template <typename A, typename B>
constexpr bool passedAlike = sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>;

template <typename A, typename B>
struct Alike : std::false_type {};
template <typename R, typename... As, typename S, typename... Bs>
struct Alike<R (*)(As...), S (*)(Bs...)> {
  static constexpr bool check() {
    if constexpr (sizeof...(As) == sizeof...(Bs))
      return passedAlike<R, S> && (passedAlike<As, Bs> && ...);
    return false;
  }
  static constexpr bool value = check();
};

#define SAME(member, function) static_assert(Alike<decltype(ours::Api::member), decltype(&function)>::value)
SAME(init, zeInit);
SAME(driverGet, zeDriverGet);
SAME(driverVersion, zeDriverGetApiVersion);
SAME(driverProperties, zeDriverGetProperties);
SAME(driverExtensions, zeDriverGetExtensionProperties);
SAME(deviceGet, zeDeviceGet);
SAME(deviceProperties, zeDeviceGetProperties);
SAME(computeProperties, zeDeviceGetComputeProperties);
SAME(moduleProperties, zeDeviceGetModuleProperties);
SAME(memoryProperties, zeDeviceGetMemoryProperties);
SAME(queueGroups, zeDeviceGetCommandQueueGroupProperties);
SAME(contextCreate, zeContextCreate);
SAME(contextDestroy, zeContextDestroy);
SAME(queueCreate, zeCommandQueueCreate);
SAME(queueDestroy, zeCommandQueueDestroy);
SAME(queueExecute, zeCommandQueueExecuteCommandLists);
SAME(queueSynchronize, zeCommandQueueSynchronize);
SAME(listCreate, zeCommandListCreate);
SAME(listCreateImmediate, zeCommandListCreateImmediate);
SAME(listDestroy, zeCommandListDestroy);
SAME(listClose, zeCommandListClose);
SAME(listReset, zeCommandListReset);
SAME(appendBarrier, zeCommandListAppendBarrier);
SAME(appendCopy, zeCommandListAppendMemoryCopy);
SAME(appendFill, zeCommandListAppendMemoryFill);
SAME(appendLaunch, zeCommandListAppendLaunchKernel);
SAME(poolCreate, zeEventPoolCreate);
SAME(poolDestroy, zeEventPoolDestroy);
SAME(eventCreate, zeEventCreate);
SAME(eventDestroy, zeEventDestroy);
SAME(eventReset, zeEventHostReset);
SAME(eventTimes, zeEventQueryKernelTimestamp);
SAME(allocateDevice, zeMemAllocDevice);
SAME(allocateHost, zeMemAllocHost);
SAME(free, zeMemFree);
SAME(moduleCreate, zeModuleCreate);
SAME(moduleDestroy, zeModuleDestroy);
SAME(moduleBinary, zeModuleGetNativeBinary);
SAME(logText, zeModuleBuildLogGetString);
SAME(logDestroy, zeModuleBuildLogDestroy);
SAME(kernelCreate, zeKernelCreate);
SAME(kernelDestroy, zeKernelDestroy);
SAME(kernelProperties, zeKernelGetProperties);
SAME(kernelGroup, zeKernelSetGroupSize);
SAME(kernelArgument, zeKernelSetArgumentValue);

/// A structure has its size and its tag, and the last of its fields lies where it should.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
#define STRUCTURE(name, type, tag, field, theirs)                                                            \
  static_assert(sizeof(ours::name) == sizeof(type) && offsetof(ours::name, next) == offsetof(type, pNext) && \
                offsetof(ours::name, field) == offsetof(type, theirs) &&                                     \
                static_cast<uint32_t>(ours::Kind::tag) == tag##Tag)
constexpr uint32_t DriverPropertiesTag = ZE_STRUCTURE_TYPE_DRIVER_PROPERTIES,
                   DevicePropertiesTag = ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES,
                   ComputePropertiesTag = ZE_STRUCTURE_TYPE_DEVICE_COMPUTE_PROPERTIES,
                   ModulePropertiesTag = ZE_STRUCTURE_TYPE_DEVICE_MODULE_PROPERTIES,
                   MemoryPropertiesTag = ZE_STRUCTURE_TYPE_DEVICE_MEMORY_PROPERTIES,
                   QueueGroupPropertiesTag = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_GROUP_PROPERTIES,
                   ContextDescTag = ZE_STRUCTURE_TYPE_CONTEXT_DESC,
                   QueueDescTag = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC,
                   ListDescTag = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC,
                   PoolDescTag = ZE_STRUCTURE_TYPE_EVENT_POOL_DESC,
                   EventDescTag = ZE_STRUCTURE_TYPE_EVENT_DESC,
                   DeviceMemoryDescTag = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC,
                   HostMemoryDescTag = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC,
                   RelaxedLimitsTag = ZE_STRUCTURE_TYPE_RELAXED_ALLOCATION_LIMITS_EXP_DESC,
                   ModuleDescTag = ZE_STRUCTURE_TYPE_MODULE_DESC,
                   KernelDescTag = ZE_STRUCTURE_TYPE_KERNEL_DESC,
                   KernelPropertiesTag = ZE_STRUCTURE_TYPE_KERNEL_PROPERTIES;
STRUCTURE(DriverProperties, ze_driver_properties_t, DriverProperties, driverVersion, driverVersion);
STRUCTURE(DeviceProperties, ze_device_properties_t, DeviceProperties, name, name);
STRUCTURE(DeviceProperties, ze_device_properties_t, DeviceProperties, kernelTimestampValidBits,
          kernelTimestampValidBits);
STRUCTURE(DeviceProperties, ze_device_properties_t, DeviceProperties, maxMemAllocSize, maxMemAllocSize);
STRUCTURE(ComputeProperties, ze_device_compute_properties_t, ComputeProperties, subGroupSizes, subGroupSizes);
STRUCTURE(ModuleProperties, ze_device_module_properties_t, ModuleProperties, nativeKernelSupported,
          nativeKernelSupported);
STRUCTURE(MemoryProperties, ze_device_memory_properties_t, MemoryProperties, totalSize, totalSize);
STRUCTURE(QueueGroupProperties, ze_command_queue_group_properties_t, QueueGroupProperties, numQueues,
          numQueues);
STRUCTURE(ContextDesc, ze_context_desc_t, ContextDesc, flags, flags);
STRUCTURE(QueueDesc, ze_command_queue_desc_t, QueueDesc, mode, mode);
STRUCTURE(ListDesc, ze_command_list_desc_t, ListDesc, commandQueueGroupOrdinal, commandQueueGroupOrdinal);
STRUCTURE(PoolDesc, ze_event_pool_desc_t, PoolDesc, count, count);
STRUCTURE(EventDesc, ze_event_desc_t, EventDesc, wait, wait);
STRUCTURE(DeviceMemoryDesc, ze_device_mem_alloc_desc_t, DeviceMemoryDesc, ordinal, ordinal);
STRUCTURE(HostMemoryDesc, ze_host_mem_alloc_desc_t, HostMemoryDesc, flags, flags);
STRUCTURE(RelaxedLimits, ze_relaxed_allocation_limits_exp_desc_t, RelaxedLimits, flags, flags);
STRUCTURE(ModuleDesc, ze_module_desc_t, ModuleDesc, constants, pConstants);
STRUCTURE(ModuleDesc, ze_module_desc_t, ModuleDesc, inputModule, pInputModule);
STRUCTURE(KernelDesc, ze_kernel_desc_t, KernelDesc, kernelName, pKernelName);
STRUCTURE(KernelProperties, ze_kernel_properties_t, KernelProperties, spillMemSize, spillMemSize);
static_assert(sizeof(ours::ExtensionProperties) == sizeof(ze_driver_extension_properties_t));
static_assert(sizeof(ours::TimestampResult) == sizeof(ze_kernel_timestamp_result_t));
static_assert(sizeof(ours::GroupCount) == sizeof(ze_group_count_t));

#define NUMBER(name, constant)                                                                               \
  static_assert(static_cast<long long>(ours::name) == static_cast<long long>(constant))
NUMBER(DeviceLost, ZE_RESULT_ERROR_DEVICE_LOST);
NUMBER(OutOfHostMemory, ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY);
NUMBER(OutOfDeviceMemory, ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY);
NUMBER(BuildFailure, ZE_RESULT_ERROR_MODULE_BUILD_FAILURE);
NUMBER(LinkFailure, ZE_RESULT_ERROR_MODULE_LINK_FAILURE);
NUMBER(RequiresReset, ZE_RESULT_ERROR_DEVICE_REQUIRES_RESET);
NUMBER(Uninitialized, ZE_RESULT_ERROR_UNINITIALIZED);
NUMBER(UnsupportedVersion, ZE_RESULT_ERROR_UNSUPPORTED_VERSION);
NUMBER(UnsupportedFeature, ZE_RESULT_ERROR_UNSUPPORTED_FEATURE);
NUMBER(UnsupportedSize, ZE_RESULT_ERROR_UNSUPPORTED_SIZE);
NUMBER(InvalidNativeBinary, ZE_RESULT_ERROR_INVALID_NATIVE_BINARY);
NUMBER(InvalidArgumentSize, ZE_RESULT_ERROR_INVALID_KERNEL_ARGUMENT_SIZE);
NUMBER(Kind::DevicePropertiesInCycles, ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES_1_2);
NUMBER(InitGpuOnly, ZE_INIT_FLAG_GPU_ONLY);
NUMBER(Version12, ZE_API_VERSION_1_2);
NUMBER(DeviceType::Gpu, ZE_DEVICE_TYPE_GPU);
NUMBER(DeviceType::Cpu, ZE_DEVICE_TYPE_CPU);
NUMBER(ComputeGroup, ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE);
NUMBER(ModeDefault, ZE_COMMAND_QUEUE_MODE_DEFAULT);
NUMBER(ModeSynchronous, ZE_COMMAND_QUEUE_MODE_SYNCHRONOUS);
NUMBER(ModeAsynchronous, ZE_COMMAND_QUEUE_MODE_ASYNCHRONOUS);
NUMBER(PoolHostVisible, ZE_EVENT_POOL_FLAG_HOST_VISIBLE);
NUMBER(PoolKernelTimestamps, ZE_EVENT_POOL_FLAG_KERNEL_TIMESTAMP);
NUMBER(ScopeHost, ZE_EVENT_SCOPE_FLAG_HOST);
NUMBER(RelaxedMaxSize, ZE_RELAXED_ALLOCATION_LIMITS_EXP_FLAG_MAX_SIZE);
NUMBER(FormatSpirv, ZE_MODULE_FORMAT_IL_SPIRV);
NUMBER(FormatNative, ZE_MODULE_FORMAT_NATIVE);
NUMBER(ModuleHalf, ZE_DEVICE_MODULE_FLAG_FP16);
NUMBER(ModuleDouble, ZE_DEVICE_MODULE_FLAG_FP64);
NUMBER(RoundedDivision, ZE_DEVICE_FP_FLAG_ROUNDED_DIVIDE_SQRT);
