// What the loader asks a driver for: tables of its functions. Those that the runtime does not use stay empty.
#include "tests/runtime/level_zero/TestDriver.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

#define TABLE(name, type, ...)                                                                               \
  EXPORTED ze_result_t zeGet##name##ProcAddrTable(ze_api_version_t, type *table) {                           \
    __VA_ARGS__;                                                                                             \
    return ZE_RESULT_SUCCESS;                                                                                \
  }
TABLE(Global, ze_global_dditable_t, table->pfnInit = zeInit)
TABLE(Driver, ze_driver_dditable_t, table->pfnGet = zeDriverGet,
      table->pfnGetApiVersion = zeDriverGetApiVersion, table->pfnGetProperties = zeDriverGetProperties,
      table->pfnGetExtensionProperties = zeDriverGetExtensionProperties)
TABLE(Device, ze_device_dditable_t, table->pfnGet = zeDeviceGet,
      table->pfnGetProperties = zeDeviceGetProperties,
      table->pfnGetComputeProperties = zeDeviceGetComputeProperties,
      table->pfnGetModuleProperties = zeDeviceGetModuleProperties,
      table->pfnGetMemoryProperties = zeDeviceGetMemoryProperties,
      table->pfnGetCommandQueueGroupProperties = zeDeviceGetCommandQueueGroupProperties)
TABLE(Context, ze_context_dditable_t, table->pfnCreate = zeContextCreate,
      table->pfnDestroy = zeContextDestroy)
TABLE(CommandQueue, ze_command_queue_dditable_t, table->pfnCreate = zeCommandQueueCreate,
      table->pfnDestroy = zeCommandQueueDestroy,
      table->pfnExecuteCommandLists = zeCommandQueueExecuteCommandLists,
      table->pfnSynchronize = zeCommandQueueSynchronize)
TABLE(CommandList, ze_command_list_dditable_t, table->pfnCreate = zeCommandListCreate,
      table->pfnCreateImmediate = zeCommandListCreateImmediate, table->pfnDestroy = zeCommandListDestroy,
      table->pfnClose = zeCommandListClose, table->pfnReset = zeCommandListReset,
      table->pfnAppendBarrier = zeCommandListAppendBarrier,
      table->pfnAppendMemoryCopy = zeCommandListAppendMemoryCopy,
      table->pfnAppendMemoryFill = zeCommandListAppendMemoryFill,
      table->pfnAppendLaunchKernel = zeCommandListAppendLaunchKernel)
TABLE(EventPool, ze_event_pool_dditable_t, table->pfnCreate = zeEventPoolCreate,
      table->pfnDestroy = zeEventPoolDestroy)
TABLE(Event, ze_event_dditable_t, table->pfnCreate = zeEventCreate, table->pfnDestroy = zeEventDestroy,
      table->pfnHostReset = zeEventHostReset, table->pfnQueryKernelTimestamp = zeEventQueryKernelTimestamp)
TABLE(Mem, ze_mem_dditable_t, table->pfnAllocDevice = zeMemAllocDevice, table->pfnAllocHost = zeMemAllocHost,
      table->pfnFree = zeMemFree)
TABLE(Module, ze_module_dditable_t, table->pfnCreate = zeModuleCreate, table->pfnDestroy = zeModuleDestroy,
      table->pfnGetNativeBinary = zeModuleGetNativeBinary)
TABLE(ModuleBuildLog, ze_module_build_log_dditable_t, table->pfnDestroy = zeModuleBuildLogDestroy,
      table->pfnGetString = zeModuleBuildLogGetString)
TABLE(Kernel, ze_kernel_dditable_t, table->pfnCreate = zeKernelCreate, table->pfnDestroy = zeKernelDestroy,
      table->pfnSetGroupSize = zeKernelSetGroupSize, table->pfnSetArgumentValue = zeKernelSetArgumentValue,
      table->pfnGetProperties = zeKernelGetProperties)

#define EMPTY(name)                                                                                          \
  EXPORTED ze_result_t name(ze_api_version_t, void *) { return ZE_RESULT_SUCCESS; }
#define EMPTY_OF(prefix, name) EMPTY(prefix##Get##name##ProcAddrTable)
EMPTY_OF(zet, CommandList)
EMPTY_OF(zet, Context)
EMPTY_OF(zet, Debug)
EMPTY_OF(zet, Device)
EMPTY_OF(zet, Kernel)
EMPTY_OF(zet, MetricGroupExp)
EMPTY_OF(zet, MetricGroup)
EMPTY_OF(zet, Metric)
EMPTY_OF(zet, MetricQueryPool)
EMPTY_OF(zet, MetricQuery)
EMPTY_OF(zet, MetricStreamer)
EMPTY_OF(zet, Module)
EMPTY_OF(zet, TracerExp)
EMPTY_OF(zes, Device)
EMPTY_OF(zes, Diagnostics)
EMPTY_OF(zes, Driver)
EMPTY_OF(zes, Engine)
EMPTY_OF(zes, FabricPort)
EMPTY_OF(zes, Fan)
EMPTY_OF(zes, Firmware)
EMPTY_OF(zes, Frequency)
EMPTY_OF(zes, Led)
EMPTY_OF(zes, Memory)
EMPTY_OF(zes, PerformanceFactor)
EMPTY_OF(zes, Power)
EMPTY_OF(zes, Psu)
EMPTY_OF(zes, Ras)
EMPTY_OF(zes, Scheduler)
EMPTY_OF(zes, Standby)
EMPTY_OF(zes, Temperature)
#define EMPTY_TABLE(name, type)                                                                              \
  EXPORTED ze_result_t zeGet##name##ProcAddrTable(ze_api_version_t, type *) { return ZE_RESULT_SUCCESS; }
EMPTY_TABLE(DeviceExp, ze_device_exp_dditable_t)
EMPTY_TABLE(EventExp, ze_event_exp_dditable_t)
EMPTY_TABLE(FabricEdgeExp, ze_fabric_edge_exp_dditable_t)
EMPTY_TABLE(FabricVertexExp, ze_fabric_vertex_exp_dditable_t)
EMPTY_TABLE(Fence, ze_fence_dditable_t)
EMPTY_TABLE(ImageExp, ze_image_exp_dditable_t)
EMPTY_TABLE(Image, ze_image_dditable_t)
EMPTY_TABLE(KernelExp, ze_kernel_exp_dditable_t)
EMPTY_TABLE(PhysicalMem, ze_physical_mem_dditable_t)
EMPTY_TABLE(Sampler, ze_sampler_dditable_t)
EMPTY_TABLE(VirtualMem, ze_virtual_mem_dditable_t)
