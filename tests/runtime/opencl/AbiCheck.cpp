// Compares runtime/devices/opencl/OpenClApi.h with Khronos's headers; compiling it is the test.
#define CL_TARGET_OPENCL_VERSION 300
#include "runtime/devices/opencl/OpenClApi.h"
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <type_traits>

namespace ours = tgc::runtime::opencl;

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

#define SAME(api, member, function)                                                                          \
  static_assert(Alike<decltype(ours::api::member), decltype(&function)>::value)
SAME(Api, getPlatformIds, clGetPlatformIDs);
SAME(Api, getPlatformInfo, clGetPlatformInfo);
SAME(Api, getDeviceIds, clGetDeviceIDs);
SAME(Api, getDeviceInfo, clGetDeviceInfo);
SAME(Api, createContext, clCreateContext);
SAME(Api, releaseContext, clReleaseContext);
SAME(Api, createQueue, clCreateCommandQueueWithProperties);
SAME(Api, releaseQueue, clReleaseCommandQueue);
SAME(Api, finish, clFinish);
SAME(Api, createProgramWithIl, clCreateProgramWithIL);
SAME(Api, createProgramWithBinary, clCreateProgramWithBinary);
SAME(Api, getProgramInfo, clGetProgramInfo);
SAME(Api, buildProgram, clBuildProgram);
SAME(Api, getBuildInfo, clGetProgramBuildInfo);
SAME(Api, releaseProgram, clReleaseProgram);
SAME(Api, createKernel, clCreateKernel);
SAME(Api, getKernelInfo, clGetKernelInfo);
SAME(Api, getKernelGroupInfo, clGetKernelWorkGroupInfo);
SAME(Api, setKernelArgument, clSetKernelArg);
SAME(Api, releaseKernel, clReleaseKernel);
SAME(Api, enqueueKernel, clEnqueueNDRangeKernel);
SAME(Api, getProfilingInfo, clGetEventProfilingInfo);
SAME(Api, releaseEvent, clReleaseEvent);
SAME(Api, extensionFunction, clGetExtensionFunctionAddressForPlatform);
SAME(MemoryApi, allocate, clDeviceMemAllocINTEL);
SAME(MemoryApi, free, clMemBlockingFreeINTEL);
SAME(MemoryApi, setArgument, clSetKernelArgMemPointerINTEL);
SAME(MemoryApi, copy, clEnqueueMemcpyINTEL);
SAME(MemoryApi, fill, clEnqueueMemFillINTEL);

#define NUMBER(name, constant)                                                                               \
  static_assert(static_cast<long long>(ours::name) == static_cast<long long>(constant))
NUMBER(Success, CL_SUCCESS);
NUMBER(AllocationFailure, CL_MEM_OBJECT_ALLOCATION_FAILURE);
NUMBER(OutOfResources, CL_OUT_OF_RESOURCES);
NUMBER(OutOfHostMemory, CL_OUT_OF_HOST_MEMORY);
NUMBER(BuildFailure, CL_BUILD_PROGRAM_FAILURE);
NUMBER(InvalidArgumentSize, CL_INVALID_ARG_SIZE);
NUMBER(AllDevices, CL_DEVICE_TYPE_ALL);
NUMBER(CpuDevice, CL_DEVICE_TYPE_CPU);
NUMBER(GpuDevice, CL_DEVICE_TYPE_GPU);
NUMBER(ContextPlatform, CL_CONTEXT_PLATFORM);
NUMBER(QueuePropertiesKey, CL_QUEUE_PROPERTIES);
NUMBER(QueueProfiling, CL_QUEUE_PROFILING_ENABLE);
NUMBER(CorrectDivision, CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT);
NUMBER(PlatformInfo::Version, CL_PLATFORM_VERSION);
NUMBER(PlatformInfo::Name, CL_PLATFORM_NAME);
NUMBER(DeviceQuery::Type, CL_DEVICE_TYPE);
NUMBER(DeviceQuery::ComputeUnits, CL_DEVICE_MAX_COMPUTE_UNITS);
NUMBER(DeviceQuery::MaxWorkGroupSize, CL_DEVICE_MAX_WORK_GROUP_SIZE);
NUMBER(DeviceQuery::MaxAllocation, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
NUMBER(DeviceQuery::SingleFloat, CL_DEVICE_SINGLE_FP_CONFIG);
NUMBER(DeviceQuery::GlobalMemory, CL_DEVICE_GLOBAL_MEM_SIZE);
NUMBER(DeviceQuery::LocalMemory, CL_DEVICE_LOCAL_MEM_SIZE);
NUMBER(DeviceQuery::Name, CL_DEVICE_NAME);
NUMBER(DeviceQuery::DriverVersion, CL_DRIVER_VERSION);
NUMBER(DeviceQuery::Version, CL_DEVICE_VERSION);
NUMBER(DeviceQuery::Extensions, CL_DEVICE_EXTENSIONS);
NUMBER(DeviceQuery::IlVersion, CL_DEVICE_IL_VERSION);
NUMBER(DeviceQuery::SubgroupSizes, CL_DEVICE_SUB_GROUP_SIZES_INTEL);
NUMBER(DeviceQuery::IntelIpVersion, CL_DEVICE_IP_VERSION_INTEL);
NUMBER(ProgramInfo::BinarySizes, CL_PROGRAM_BINARY_SIZES);
NUMBER(ProgramInfo::Binaries, CL_PROGRAM_BINARIES);
NUMBER(BuildInfo::Log, CL_PROGRAM_BUILD_LOG);
NUMBER(KernelInfo::ArgumentCount, CL_KERNEL_NUM_ARGS);
NUMBER(KernelGroupInfo::MaxWorkGroupSize, CL_KERNEL_WORK_GROUP_SIZE);
NUMBER(KernelGroupInfo::LocalMemory, CL_KERNEL_LOCAL_MEM_SIZE);
NUMBER(KernelGroupInfo::SpillBytes, CL_KERNEL_SPILL_MEM_SIZE_INTEL);
NUMBER(ProfilingInfo::Start, CL_PROFILING_COMMAND_START);
NUMBER(ProfilingInfo::End, CL_PROFILING_COMMAND_END);
