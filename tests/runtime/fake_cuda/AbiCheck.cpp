// Compares runtime/devices/cuda/CudaApi.h with CUDA's header; compiling it is the test.
#include "runtime/devices/cuda/CudaApi.h"
#include <cstddef>
#include <cuda.h>
#include <type_traits>

namespace ours = tgc::runtime::cuda;

/// Pointers and integers of one size are passed alike, and so are enumerations and int.
template <typename A, typename B>
constexpr bool passedAlike = sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>;

template <typename A, typename B>
struct Alike : std::false_type {};
template <typename... As, typename... Bs>
struct Alike<ours::Result (*)(As...), CUresult (*)(Bs...)> {
  static constexpr bool check() {
    if constexpr (sizeof...(As) == sizeof...(Bs))
      return (passedAlike<As, Bs> && ...);
    return false;
  }
  static constexpr bool value = check();
};

#define SAME(member, function) static_assert(Alike<decltype(ours::Api::member), decltype(&function)>::value)
SAME(init, cuInit);
SAME(driverGetVersion, cuDriverGetVersion);
SAME(deviceGetName, cuDeviceGetName);
SAME(deviceGetAttribute, cuDeviceGetAttribute);
SAME(deviceTotalMem, cuDeviceTotalMem);
SAME(primaryContextRetain, cuDevicePrimaryCtxRetain);
SAME(primaryContextRelease, cuDevicePrimaryCtxRelease);
SAME(contextPushCurrent, cuCtxPushCurrent);
SAME(contextPopCurrent, cuCtxPopCurrent);
SAME(memGetInfo, cuMemGetInfo);
SAME(memAlloc, cuMemAlloc);
SAME(memFree, cuMemFree);
SAME(memHostAlloc, cuMemHostAlloc);
SAME(memcpyHtoDAsync, cuMemcpyHtoDAsync);
SAME(memcpyDtoHAsync, cuMemcpyDtoHAsync);
SAME(memsetD8Async, cuMemsetD8Async);
SAME(streamCreate, cuStreamCreate);
SAME(streamWaitEvent, cuStreamWaitEvent);
SAME(streamBeginCapture, cuStreamBeginCapture);
SAME(streamEndCapture, cuStreamEndCapture);
SAME(eventCreate, cuEventCreate);
SAME(eventRecord, cuEventRecord);
SAME(eventRecordWithFlags, cuEventRecordWithFlags);
SAME(eventElapsedTime, cuEventElapsedTime);
SAME(moduleLoadDataEx, cuModuleLoadDataEx);
SAME(moduleGetFunction, cuModuleGetFunction);
SAME(funcGetAttribute, cuFuncGetAttribute);
SAME(funcSetAttribute, cuFuncSetAttribute);
SAME(launchKernelEx, cuLaunchKernelEx);
SAME(graphInstantiate, cuGraphInstantiateWithFlags);
SAME(graphExecUpdate, cuGraphExecUpdate);
SAME(graphLaunch, cuGraphLaunch);
SAME(funcGetParamInfo, cuFuncGetParamInfo);
// The address is a pointer there and an integer here; both are passed in one register.
static_assert(sizeof(void *) == sizeof(ours::DevicePointer));

static_assert(sizeof(ours::LaunchConfig) == sizeof(CUlaunchConfig));
static_assert(offsetof(ours::LaunchConfig, sharedBytes) == offsetof(CUlaunchConfig, sharedMemBytes));
static_assert(offsetof(ours::LaunchConfig, stream) == offsetof(CUlaunchConfig, hStream));
static_assert(offsetof(ours::LaunchConfig, attributes) == offsetof(CUlaunchConfig, attrs));
static_assert(offsetof(ours::LaunchConfig, attributeCount) == offsetof(CUlaunchConfig, numAttrs));
static_assert(sizeof(ours::LaunchAttribute) == sizeof(CUlaunchAttribute));
static_assert(offsetof(ours::LaunchAttribute, value) == offsetof(CUlaunchAttribute, value));
static_assert(ours::LaunchAttribute::ClusterDimension == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
static_assert(sizeof(ours::EncodedTensorMap) == sizeof(CUtensorMap));
static_assert(alignof(ours::EncodedTensorMap) >= 64);
static_assert(sizeof(ours::GraphUpdateResult) == sizeof(CUgraphExecUpdateResultInfo));

#define SAME_VALUE(a, b) static_assert(static_cast<int>(a) == static_cast<int>(b))
SAME_VALUE(ours::OutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
SAME_VALUE(ours::NoDevice, CUDA_ERROR_NO_DEVICE);
SAME_VALUE(ours::GraphUpdateFailure, CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
SAME_VALUE(ours::DeviceAttribute::MaxThreadsPerBlock, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
SAME_VALUE(ours::DeviceAttribute::ClockKilohertz, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
SAME_VALUE(ours::DeviceAttribute::Multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME_VALUE(ours::DeviceAttribute::MemoryKilohertz, CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
SAME_VALUE(ours::DeviceAttribute::MemoryBusBits, CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH);
SAME_VALUE(ours::DeviceAttribute::L2Bytes, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
SAME_VALUE(ours::DeviceAttribute::ComputeMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME_VALUE(ours::DeviceAttribute::ComputeMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME_VALUE(ours::DeviceAttribute::RegistersPerMultiprocessor,
           CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR);
SAME_VALUE(ours::DeviceAttribute::SharedBytesPerBlock, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
SAME_VALUE(ours::FunctionAttribute::MaxThreadsPerBlock, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
SAME_VALUE(ours::FunctionAttribute::StaticSharedBytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
SAME_VALUE(ours::FunctionAttribute::LocalBytes, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
SAME_VALUE(ours::FunctionAttribute::Registers, CU_FUNC_ATTRIBUTE_NUM_REGS);
SAME_VALUE(ours::FunctionAttribute::MaxDynamicSharedBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME_VALUE(ours::FunctionAttribute::NonPortableClusterSizeAllowed,
           CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);
SAME_VALUE(ours::JitOption::ErrorLog, CU_JIT_ERROR_LOG_BUFFER);
SAME_VALUE(ours::JitOption::ErrorLogBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
SAME_VALUE(ours::StreamNonBlocking, CU_STREAM_NON_BLOCKING);
SAME_VALUE(ours::EventDisableTiming, CU_EVENT_DISABLE_TIMING);
SAME_VALUE(ours::EventRecordExternal, CU_EVENT_RECORD_EXTERNAL);
SAME_VALUE(ours::CaptureThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
