// The test driver's modules and kernels: OpenCL programs, from SPIR-V or from their own binaries. What the compilers of
// Intel's GPUs supply themselves has stand-ins.
#include "runtime/devices/opencl/standins/StandIns.h"
#include "runtime/devices/spirv/Spirv.h"
#include "tests/runtime/level_zero/TestDriver.h"
#include <algorithm>
#include <cstring>

using namespace test_ze;

namespace {
cl::ProgramHandle programOf(ze_context_handle_t context, const ze_module_desc_t &desc) {
  cl::Status status = cl::Success, each = cl::Success;
  if (desc.format == ZE_MODULE_FORMAT_IL_SPIRV)
    return api().createProgramWithIl(context->context, desc.pInputModule, desc.inputSize, &status);
  const uint8_t *image = desc.pInputModule;
  return api().createProgramWithBinary(context->context, 1, &device().id, &desc.inputSize, &image, &each,
                                       &status);
}

std::string logOf(cl::ProgramHandle program) {
  std::string text(4096, '\0');
  api().getBuildInfo(program, device().id, uint32_t(cl::BuildInfo::Log), text.size(), text.data(), nullptr);
  return text.c_str();
}

/// Builds the program, with stand-ins for what the module imports.
cl::Status build(ze_context_handle_t context, const ze_module_desc_t &desc, cl::ProgramHandle &program,
                 std::string &log) {
  std::string source;
  if (desc.format == ZE_MODULE_FORMAT_IL_SPIRV) {
    tgc::runtime::Bytes words(std::vector<uint8_t>(desc.pInputModule, desc.pInputModule + desc.inputSize));
    source = cl::standIns(tgc::runtime::spirv::readModule(words, "module").imports);
  }
  cl::Status status = cl::Success;
  if (source.empty()) {
    status = api().buildProgram(program, 1, &device().id, "", nullptr, nullptr);
    log += logOf(program);
  } else if (cl::ProgramHandle linked =
                 cl::linkStandIns(api(), device().id, context->context, program, source, "", status, log)) {
    api().releaseProgram(program);
    program = linked;
  }
  return status;
}
} // namespace

ze_result_t zeModuleCreate(ze_context_handle_t context, ze_device_handle_t, const ze_module_desc_t *desc,
                           ze_module_handle_t *module, ze_module_build_log_handle_t *log) {
  std::string text = std::string("options ") + (desc->pBuildFlags ? desc->pBuildFlags : "") + "\n";
  auto leave = [&] {
    if (log)
      *log = new _ze_module_build_log_handle_t{text};
  };
  bool native = desc->format == ZE_MODULE_FORMAT_NATIVE;
  ze_result_t failure = enter(__func__, context);
  if (failure == ZE_RESULT_SUCCESS && !native)
    failure = enter("zeModuleCreateSpirv", context);
  if (failure != ZE_RESULT_SUCCESS) {
    text += "error: the compiler was told to fail\n";
    leave();
    return failure;
  }
  cl::ProgramHandle program = programOf(context, *desc);
  cl::Status status = program ? build(context, *desc, program, text) : cl::BuildFailure;
  leave();
  if (status != cl::Success) {
    if (program)
      api().releaseProgram(program);
    return native ? ZE_RESULT_ERROR_INVALID_NATIVE_BINARY : ZE_RESULT_ERROR_MODULE_BUILD_FAILURE;
  }
  *module = new _ze_module_handle_t{context, program};
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeModuleDestroy(ze_module_handle_t module) {
  enter(__func__);
  api().releaseProgram(module->program);
  delete module;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeModuleBuildLogGetString(ze_module_build_log_handle_t log, size_t *bytes, char *text) {
  ENTER();
  if (text)
    std::memcpy(text, log->text.c_str(), std::min(*bytes, log->text.size() + 1));
  *bytes = log->text.size() + 1;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeModuleBuildLogDestroy(ze_module_build_log_handle_t log) {
  enter(__func__);
  delete log;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeModuleGetNativeBinary(ze_module_handle_t module, size_t *bytes, uint8_t *binary) {
  ENTER(module->context);
  size_t all = 0;
  api().getProgramInfo(module->program, uint32_t(cl::ProgramInfo::BinarySizes), sizeof all, &all, nullptr);
  if (binary && *bytes >= all)
    api().getProgramInfo(module->program, uint32_t(cl::ProgramInfo::Binaries), sizeof binary, &binary,
                         nullptr);
  *bytes = all;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeKernelCreate(ze_module_handle_t module, const ze_kernel_desc_t *desc,
                           ze_kernel_handle_t *kernel) {
  ENTER(module->context);
  cl::Status status = cl::Success;
  cl::KernelHandle made = api().createKernel(module->program, desc->pKernelName, &status);
  if (status == cl::Success)
    *kernel = new _ze_kernel_handle_t{module, desc->pKernelName, made, {}, {}};
  return resultOf(status);
}

ze_result_t zeKernelDestroy(ze_kernel_handle_t kernel) {
  enter(__func__);
  api().releaseKernel(kernel->kernel);
  delete kernel;
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeKernelGetProperties(ze_kernel_handle_t kernel, ze_kernel_properties_t *properties) {
  ENTER(kernel->module->context);
  api().getKernelInfo(kernel->kernel, uint32_t(cl::KernelInfo::ArgumentCount),
                      sizeof properties->numKernelArgs, &properties->numKernelArgs, nullptr);
  uint64_t local = 0;
  api().getKernelGroupInfo(kernel->kernel, device().id, uint32_t(cl::KernelGroupInfo::LocalMemory),
                           sizeof local, &local, nullptr);
  properties->localMemSize = uint32_t(local);
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeKernelSetGroupSize(ze_kernel_handle_t kernel, uint32_t x, uint32_t y, uint32_t z) {
  ENTER(kernel->module->context);
  size_t most = 0;
  api().getKernelGroupInfo(kernel->kernel, device().id, uint32_t(cl::KernelGroupInfo::MaxWorkGroupSize),
                           sizeof most, &most, nullptr);
  if (size_t(x) * y * z > most)
    return ZE_RESULT_ERROR_INVALID_GROUP_SIZE_DIMENSION;
  kernel->block[0] = x;
  kernel->block[1] = y;
  kernel->block[2] = z;
  return ZE_RESULT_SUCCESS;
}

/// Where the value is an address of the device's memory, the argument is a pointer.
static cl::Status setArgument(cl::KernelHandle kernel, uint32_t index, const std::vector<uint8_t> &value) {
  void *pointer = nullptr;
  if (value.size() == sizeof pointer) {
    std::memcpy(&pointer, value.data(), sizeof pointer);
    if (given(pointer, 1) && device().memory.setArgument(kernel, index, pointer) == cl::Success)
      return cl::Success;
  }
  return api().setKernelArgument(kernel, index, value.size(), value.data());
}

ze_result_t zeKernelSetArgumentValue(ze_kernel_handle_t kernel, uint32_t index, size_t bytes,
                                     const void *value) {
  ENTER(kernel->module->context);
  const auto *first = static_cast<const uint8_t *>(value);
  std::vector<uint8_t> held(first, first + bytes);
  cl::Status status = setArgument(kernel->kernel, index, held);
  if (status == cl::Success)
    kernel->arguments[index] = std::move(held);
  return resultOf(status);
}

/// The kernel object with the arguments of now.
static ze_result_t copyOf(ze_kernel_handle_t kernel, std::shared_ptr<cl::KernelHandle> &copy) {
  cl::Status status = cl::Success;
  cl::KernelHandle made = api().createKernel(kernel->module->program, kernel->name.c_str(), &status);
  if (status != cl::Success)
    return resultOf(status);
  copy = std::shared_ptr<cl::KernelHandle>(new cl::KernelHandle(made), [](cl::KernelHandle *held) {
    api().releaseKernel(*held);
    delete held;
  });
  for (const auto &[index, value] : kernel->arguments)
    if (cl::Status set = setArgument(made, index, value))
      return resultOf(set);
  return ZE_RESULT_SUCCESS;
}

ze_result_t zeCommandListAppendLaunchKernel(ze_command_list_handle_t list, ze_kernel_handle_t kernel,
                                            const ze_group_count_t *blocks, ze_event_handle_t signal,
                                            uint32_t, ze_event_handle_t *) {
  ENTER(list->context);
  if (list->closed || kernel->block[0] == 0)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  std::shared_ptr<cl::KernelHandle> copy;
  if (ze_result_t result = copyOf(kernel, copy); result != ZE_RESULT_SUCCESS)
    return result;
  size_t local[3], global[3];
  const uint32_t counts[] = {blocks->groupCountX, blocks->groupCountY, blocks->groupCountZ};
  for (int d = 0; d < 3; ++d) {
    local[d] = kernel->block[d];
    global[d] = local[d] * counts[d];
  }
  auto launch = [=](ze_command_queue_handle_t queue) {
    cl::Event event = nullptr;
    cl::Status status = api().enqueueKernel(queue->queue, *copy, 3, nullptr, global, local, 0, nullptr,
                                            signal ? &event : nullptr);
    if (status == cl::Success && signal)
      queue->after.push_back([=] {
        uint64_t times[2] = {};
        api().getProfilingInfo(event, uint32_t(cl::ProfilingInfo::Start), 8, &times[0], nullptr);
        api().getProfilingInfo(event, uint32_t(cl::ProfilingInfo::End), 8, &times[1], nullptr);
        api().releaseEvent(event);
        if (signal->signalled)
          return ZE_RESULT_ERROR_INVALID_SYNCHRONIZATION_OBJECT;
        signal->signalled = true;
        signal->start = times[0];
        signal->end = times[1];
        return ZE_RESULT_SUCCESS;
      });
    return resultOf(status);
  };
  if (list->immediate)
    return execute(list->immediate, {{launch}});
  list->stretches.back().push_back(launch);
  return ZE_RESULT_SUCCESS;
}
