// The part of OpenCL that the runtime uses, declared here so that neither building nor loading the library
// needs OpenCL. Names and numbers are those of the binary interface (2.1 and newer, and Intel's unified shared
// memory).
#pragma once
#include <cstddef>
#include <cstdint>

namespace tgc::runtime::opencl {

using Status = int32_t; // 0 is success
using PlatformId = struct PlatformObject *;
using DeviceId = struct DeviceObject *;
using Context = struct ContextObject *;
using Queue = struct QueueObject *;
using ProgramHandle = struct ProgramObject *;
using KernelHandle = struct KernelObject *;
using Event = struct EventObject *;
using Properties = intptr_t; // of contexts
using QueueProperties = uint64_t;

enum : Status {
  Success = 0,
  DeviceNotFound = -1,
  AllocationFailure = -4,
  OutOfResources = -5,
  OutOfHostMemory = -6,
  BuildFailure = -11,
  InvalidArgumentSize = -51,
};

constexpr uint64_t AllDevices = 0xFFFFFFFF, CpuDevice = 1 << 1, GpuDevice = 1 << 2;
constexpr uint32_t True = 1;
constexpr Properties ContextPlatform = 0x1084;
constexpr QueueProperties QueuePropertiesKey = 0x1093, QueueProfiling = 1 << 1;
/// Intel's flags of allocations: more than the device's limit for one.
constexpr uint64_t MemoryFlags = 0x10001, UnrestrictedSize = 1 << 23;

enum class PlatformInfo : uint32_t { Version = 0x0901, Name = 0x0902 };
enum class DeviceQuery : uint32_t {
  Type = 0x1000,
  ComputeUnits = 0x1002,
  MaxWorkGroupSize = 0x1004,
  MaxAllocation = 0x1010,
  SingleFloat = 0x101B, // bits, of which CorrectDivision is one
  GlobalMemory = 0x101F,
  LocalMemory = 0x1023,
  Name = 0x102B,
  DriverVersion = 0x102D,
  Version = 0x102F,
  Extensions = 0x1030,
  IlVersion = 0x105B,
  SubgroupSizes = 0x4108,
  IntelIpVersion = 0x4250,
};
constexpr uint64_t CorrectDivision = 1 << 7;
enum class ProgramInfo : uint32_t { BinarySizes = 0x1165, Binaries = 0x1166 };
enum class BuildInfo : uint32_t { Log = 0x1183 };
enum class KernelInfo : uint32_t { ArgumentCount = 0x1191 };
enum class KernelGroupInfo : uint32_t {
  MaxWorkGroupSize = 0x11B0,
  LocalMemory = 0x11B2,
  SpillBytes = 0x4109
};
enum class ProfilingInfo : uint32_t { Start = 0x1282, End = 0x1283 };

/// Member, exported symbol, result, parameters.
#define TGC_OPENCL_ENTRIES(ENTRY)                                                                            \
  ENTRY(getPlatformIds, "clGetPlatformIDs", Status, (uint32_t count, PlatformId *, uint32_t *all))           \
  ENTRY(getPlatformInfo, "clGetPlatformInfo", Status,                                                        \
        (PlatformId, uint32_t what, size_t bytes, void *value, size_t *all))                                 \
  ENTRY(getDeviceIds, "clGetDeviceIDs", Status,                                                              \
        (PlatformId, uint64_t type, uint32_t count, DeviceId *, uint32_t *all))                              \
  ENTRY(getDeviceInfo, "clGetDeviceInfo", Status,                                                            \
        (DeviceId, uint32_t what, size_t bytes, void *value, size_t *all))                                   \
  ENTRY(createContext, "clCreateContext", Context,                                                           \
        (const Properties *, uint32_t devices, const DeviceId *,                                             \
         void (*notify)(const char *, const void *, size_t, void *), void *user, Status *))                  \
  ENTRY(releaseContext, "clReleaseContext", Status, (Context))                                               \
  ENTRY(createQueue, "clCreateCommandQueueWithProperties", Queue,                                            \
        (Context, DeviceId, const QueueProperties *, Status *))                                              \
  ENTRY(releaseQueue, "clReleaseCommandQueue", Status, (Queue))                                              \
  ENTRY(finish, "clFinish", Status, (Queue))                                                                 \
  ENTRY(createProgramWithIl, "clCreateProgramWithIL", ProgramHandle,                                         \
        (Context, const void *words, size_t bytes, Status *))                                                \
  ENTRY(createProgramWithBinary, "clCreateProgramWithBinary", ProgramHandle,                                 \
        (Context, uint32_t devices, const DeviceId *, const size_t *bytes, const uint8_t **, Status *each,   \
         Status *))                                                                                          \
  ENTRY(getProgramInfo, "clGetProgramInfo", Status,                                                          \
        (ProgramHandle, uint32_t what, size_t bytes, void *value, size_t *all))                              \
  ENTRY(buildProgram, "clBuildProgram", Status,                                                              \
        (ProgramHandle, uint32_t devices, const DeviceId *, const char *options,                             \
         void (*notify)(ProgramHandle, void *), void *user))                                                 \
  ENTRY(createProgramWithSource, "clCreateProgramWithSource", ProgramHandle,                                 \
        (Context, uint32_t count, const char **texts, const size_t *bytes, Status *))                        \
  ENTRY(compileProgram, "clCompileProgram", Status,                                                          \
        (ProgramHandle, uint32_t devices, const DeviceId *, const char *options, uint32_t headers,           \
         const ProgramHandle *, const char **names, void (*notify)(ProgramHandle, void *), void *user))      \
  ENTRY(linkProgram, "clLinkProgram", ProgramHandle,                                                         \
        (Context, uint32_t devices, const DeviceId *, const char *options, uint32_t programs,                \
         const ProgramHandle *, void (*notify)(ProgramHandle, void *), void *user, Status *))                \
  ENTRY(getBuildInfo, "clGetProgramBuildInfo", Status,                                                       \
        (ProgramHandle, DeviceId, uint32_t what, size_t bytes, void *value, size_t *all))                    \
  ENTRY(releaseProgram, "clReleaseProgram", Status, (ProgramHandle))                                         \
  ENTRY(createKernel, "clCreateKernel", KernelHandle, (ProgramHandle, const char *name, Status *))           \
  ENTRY(getKernelInfo, "clGetKernelInfo", Status,                                                            \
        (KernelHandle, uint32_t what, size_t bytes, void *value, size_t *all))                               \
  ENTRY(getKernelGroupInfo, "clGetKernelWorkGroupInfo", Status,                                              \
        (KernelHandle, DeviceId, uint32_t what, size_t bytes, void *value, size_t *all))                     \
  ENTRY(setKernelArgument, "clSetKernelArg", Status,                                                         \
        (KernelHandle, uint32_t index, size_t bytes, const void *value))                                     \
  ENTRY(releaseKernel, "clReleaseKernel", Status, (KernelHandle))                                            \
  ENTRY(enqueueKernel, "clEnqueueNDRangeKernel", Status,                                                     \
        (Queue, KernelHandle, uint32_t dimensions, const size_t *offset, const size_t *global,               \
         const size_t *local, uint32_t waits, const Event *, Event *made))                                   \
  ENTRY(getProfilingInfo, "clGetEventProfilingInfo", Status,                                                 \
        (Event, uint32_t what, size_t bytes, void *value, size_t *all))                                      \
  ENTRY(releaseEvent, "clReleaseEvent", Status, (Event))                                                     \
  ENTRY(extensionFunction, "clGetExtensionFunctionAddressForPlatform", void *, (PlatformId, const char *name))

/// Of a platform's extension cl_intel_unified_shared_memory: memory by address.
#define TGC_OPENCL_MEMORY_ENTRIES(ENTRY)                                                                     \
  ENTRY(allocate, "clDeviceMemAllocINTEL", void *,                                                           \
        (Context, DeviceId, const uint64_t *properties, size_t bytes, uint32_t alignment, Status *))         \
  ENTRY(free, "clMemBlockingFreeINTEL", Status, (Context, void *))                                           \
  ENTRY(setArgument, "clSetKernelArgMemPointerINTEL", Status, (KernelHandle, uint32_t index, const void *))  \
  ENTRY(copy, "clEnqueueMemcpyINTEL", Status,                                                                \
        (Queue, uint32_t blocking, void *to, const void *from, size_t, uint32_t waits, const Event *,        \
         Event *made))                                                                                       \
  ENTRY(fill, "clEnqueueMemFillINTEL", Status,                                                               \
        (Queue, void *to, const void *pattern, size_t patternBytes, size_t, uint32_t waits, const Event *,   \
         Event *made))

struct Api {
#define TGC_OPENCL_MEMBER(member, symbol, result, parameters) result(*member) parameters = nullptr;
  TGC_OPENCL_ENTRIES(TGC_OPENCL_MEMBER)
};

struct MemoryApi {
  TGC_OPENCL_MEMORY_ENTRIES(TGC_OPENCL_MEMBER)
#undef TGC_OPENCL_MEMBER
};

} // namespace tgc::runtime::opencl
