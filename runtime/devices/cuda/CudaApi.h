// The part of the CUDA Driver API that the runtime uses, declared here so that neither building nor loading
// the library needs CUDA. Names and numbers are those of the driver's binary interface (12.0 and newer).
#pragma once
#include <cstddef>
#include <cstdint>

namespace tgc::runtime::cuda {

using Result = int; // 0 is success
using DeviceId = int;
using DevicePointer = uint64_t;
using Context = struct ContextObject *;
using ModuleHandle = struct ModuleObject *;
using FunctionHandle = struct FunctionObject *;
using Stream = struct StreamObject *;
using Event = struct EventObject *;
using Graph = struct GraphObject *;
using GraphExec = struct GraphExecObject *;
using GraphNode = struct GraphNodeObject *;

enum : Result {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NoDevice = 100,
  GraphUpdateFailure = 910,
};

enum class DeviceAttribute : int {
  MaxThreadsPerBlock = 1,
  ClockKilohertz = 13,
  Multiprocessors = 16,
  MemoryKilohertz = 36,
  MemoryBusBits = 37,
  L2Bytes = 38,
  ComputeMajor = 75,
  ComputeMinor = 76,
  RegistersPerMultiprocessor = 82,
  SharedBytesPerBlock = 97, // at most, when asked for
};

enum class FunctionAttribute : int {
  MaxThreadsPerBlock = 0,
  StaticSharedBytes = 1,
  LocalBytes = 3,
  Registers = 4,
  MaxDynamicSharedBytes = 8,
  NonPortableClusterSizeAllowed = 14,
};

enum class JitOption : int { ErrorLog = 5, ErrorLogBytes = 6 };

struct LaunchAttribute {
  static constexpr int ClusterDimension = 4;
  int id = 0;
  char pad[4] = {};
  uint32_t value[16] = {};
};

struct LaunchConfig {
  uint32_t grid[3] = {1, 1, 1};
  uint32_t block[3] = {1, 1, 1};
  uint32_t sharedBytes = 0;
  Stream stream = nullptr;
  LaunchAttribute *attributes = nullptr;
  uint32_t attributeCount = 0;
};

/// A descriptor for the copy engine; kernels take it by value.
struct alignas(64) EncodedTensorMap {
  uint64_t words[16] = {};
};

struct GraphUpdateResult {
  int result = 0;
  GraphNode errorNode = nullptr, errorFromNode = nullptr;
};

constexpr unsigned StreamNonBlocking = 1;
constexpr unsigned EventDefault = 0, EventDisableTiming = 2;
constexpr unsigned EventRecordExternal = 1; // while capturing: a node that records the event
constexpr int CaptureThreadLocal = 1;

/// Member, exported symbol, parameters. All return a Result.
#define TGC_CUDA_ENTRIES(ENTRY)                                                                              \
  ENTRY(init, "cuInit", (unsigned flags))                                                                    \
  ENTRY(driverGetVersion, "cuDriverGetVersion", (int *version))                                              \
  ENTRY(getErrorName, "cuGetErrorName", (Result, const char **text))                                         \
  ENTRY(getErrorString, "cuGetErrorString", (Result, const char **text))                                     \
  ENTRY(deviceGetCount, "cuDeviceGetCount", (int *count))                                                    \
  ENTRY(deviceGet, "cuDeviceGet", (DeviceId * device, int ordinal))                                          \
  ENTRY(deviceGetName, "cuDeviceGetName", (char *name, int bytes, DeviceId))                                 \
  ENTRY(deviceGetAttribute, "cuDeviceGetAttribute", (int *value, int attribute, DeviceId))                   \
  ENTRY(deviceTotalMem, "cuDeviceTotalMem_v2", (size_t *bytes, DeviceId))                                    \
  ENTRY(primaryContextRetain, "cuDevicePrimaryCtxRetain", (Context *, DeviceId))                             \
  ENTRY(primaryContextRelease, "cuDevicePrimaryCtxRelease_v2", (DeviceId))                                   \
  ENTRY(contextPushCurrent, "cuCtxPushCurrent_v2", (Context))                                                \
  ENTRY(contextPopCurrent, "cuCtxPopCurrent_v2", (Context *))                                                \
  ENTRY(memGetInfo, "cuMemGetInfo_v2", (size_t *free, size_t *total))                                        \
  ENTRY(memAlloc, "cuMemAlloc_v2", (DevicePointer *, size_t bytes))                                          \
  ENTRY(memFree, "cuMemFree_v2", (DevicePointer))                                                            \
  ENTRY(memHostAlloc, "cuMemHostAlloc", (void **, size_t bytes, unsigned flags))                             \
  ENTRY(memFreeHost, "cuMemFreeHost", (void *))                                                              \
  ENTRY(memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (DevicePointer to, const void *from, size_t, Stream))       \
  ENTRY(memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void *to, DevicePointer from, size_t, Stream))             \
  ENTRY(memsetD8Async, "cuMemsetD8Async", (DevicePointer, unsigned char, size_t, Stream))                    \
  ENTRY(streamCreate, "cuStreamCreate", (Stream *, unsigned flags))                                          \
  ENTRY(streamDestroy, "cuStreamDestroy_v2", (Stream))                                                       \
  ENTRY(streamSynchronize, "cuStreamSynchronize", (Stream))                                                  \
  ENTRY(streamWaitEvent, "cuStreamWaitEvent", (Stream, Event, unsigned flags))                               \
  ENTRY(streamBeginCapture, "cuStreamBeginCapture_v2", (Stream, int mode))                                   \
  ENTRY(streamEndCapture, "cuStreamEndCapture", (Stream, Graph *))                                           \
  ENTRY(eventCreate, "cuEventCreate", (Event *, unsigned flags))                                             \
  ENTRY(eventDestroy, "cuEventDestroy_v2", (Event))                                                          \
  ENTRY(eventRecord, "cuEventRecord", (Event, Stream))                                                       \
  ENTRY(eventRecordWithFlags, "cuEventRecordWithFlags", (Event, Stream, unsigned flags))                     \
  ENTRY(eventSynchronize, "cuEventSynchronize", (Event))                                                     \
  ENTRY(eventElapsedTime, "cuEventElapsedTime", (float *milliseconds, Event first, Event last))              \
  ENTRY(moduleLoadDataEx, "cuModuleLoadDataEx",                                                              \
        (ModuleHandle *, const void *image, unsigned options, const int *keys, void **values))               \
  ENTRY(moduleUnload, "cuModuleUnload", (ModuleHandle))                                                      \
  ENTRY(moduleGetFunction, "cuModuleGetFunction", (FunctionHandle *, ModuleHandle, const char *name))        \
  ENTRY(funcGetAttribute, "cuFuncGetAttribute", (int *value, int attribute, FunctionHandle))                 \
  ENTRY(funcSetAttribute, "cuFuncSetAttribute", (FunctionHandle, int attribute, int value))                  \
  ENTRY(launchKernelEx, "cuLaunchKernelEx",                                                                  \
        (const LaunchConfig *, FunctionHandle, void **params, void **extra))                                 \
  ENTRY(tensorMapEncodeTiled, "cuTensorMapEncodeTiled",                                                      \
        (EncodedTensorMap *, int type, uint32_t rank, DevicePointer address, const uint64_t *dims,           \
         const uint64_t *strides, const uint32_t *box, const uint32_t *elementStrides, int interleave,       \
         int swizzle, int promotion, int fill))                                                              \
  ENTRY(graphInstantiate, "cuGraphInstantiateWithFlags", (GraphExec *, Graph, unsigned long long flags))     \
  ENTRY(graphExecUpdate, "cuGraphExecUpdate_v2", (GraphExec, Graph, GraphUpdateResult *))                    \
  ENTRY(graphLaunch, "cuGraphLaunch", (GraphExec, Stream))                                                   \
  ENTRY(graphExecDestroy, "cuGraphExecDestroy", (GraphExec))                                                 \
  ENTRY(graphDestroy, "cuGraphDestroy", (Graph))

/// Entries that older drivers lack; nullptr there.
#define TGC_CUDA_OPTIONAL_ENTRIES(ENTRY)                                                                     \
  ENTRY(funcGetParamInfo, "cuFuncGetParamInfo", (FunctionHandle, size_t index, size_t *offset, size_t *bytes))

struct Api {
#define TGC_CUDA_MEMBER(member, symbol, parameters) Result(*member) parameters = nullptr;
  TGC_CUDA_ENTRIES(TGC_CUDA_MEMBER)
  TGC_CUDA_OPTIONAL_ENTRIES(TGC_CUDA_MEMBER)
#undef TGC_CUDA_MEMBER
};

} // namespace tgc::runtime::cuda
