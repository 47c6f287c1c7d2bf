// How a package's code is loaded:
//  1. Every module is read (Spirv.h): what it asks for is compared with what the device has, so that a package for
//     another device is told in the package's words and not in a compiler's.
//  2. Modules are built side by side. The log is part of every error.
//  3. Every function is looked up once; its block and shared memory are compared with what the build allows.
#include "runtime/devices/opencl/OpenClCode.h"
#include "runtime/devices/opencl/Spirv.h"
#include "runtime/devices/opencl/standins/StandIns.h"
#include "runtime/format/Error.h"
#include "runtime/io/Threads.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tgc::runtime::opencl {

namespace {
std::string where(size_t module) { return "the package's module " + std::to_string(module); }

/// Throws unsupported where the code asks for more than the device has.
void requireSuits(const ClDevice &device, const spirv::ModuleFacts &facts, size_t module) {
  auto lacks = [&](const std::string &what) {
    unsupported(where(module) + " " + what + ", " + device.label() + " has not: compile the model for this device");
  };
  if (facts.needs(spirv::CapabilityFloat16) && !device.hasExtension("cl_khr_fp16"))
    lacks("computes in float16, which");
  if (facts.needs(spirv::CapabilityFloat64) && !device.hasExtension("cl_khr_fp64"))
    lacks("computes in float64, which");
  for (const spirv::EntryPoint &kernel : facts.kernels) {
    const auto &sizes = device.subgroups();
    if (kernel.subgroup != 0 && std::find(sizes.begin(), sizes.end(), kernel.subgroup) == sizes.end())
      lacks("has subgroups of " + std::to_string(kernel.subgroup) + " threads, which");
  }
}

std::string buildLog(const ClDevice &device, ProgramHandle program) {
  size_t bytes = 0;
  constexpr auto Log = static_cast<uint32_t>(BuildInfo::Log);
  if (device.api().getBuildInfo(program, device.id(), Log, 0, nullptr, &bytes) != Success || bytes == 0)
    return "";
  std::string log(bytes, '\0');
  device.api().getBuildInfo(program, device.id(), Log, bytes, log.data(), nullptr);
  log = log.c_str();
  while (!log.empty() && (log.back() == '\n' || log.back() == ' '))
    log.pop_back();
  return log;
}

ProgramHandle buildModule(const ClDevice &device, const Module &module, size_t index, const std::string &options) {
  std::string name = where(index);
  if (module.format != "spirv")
    unsupported(name + " has the format \"" + module.format + "\"; OpenCL takes spirv");
  spirv::ModuleFacts facts = spirv::readModule(module.image, name);
  requireSuits(device, facts, index);
  Status status = Success;
  ProgramHandle program =
      device.api().createProgramWithIl(device.context(), module.image.data(), module.image.size(), &status);
  device.check(status, "reading " + name);
  DeviceId id = device.id();
  std::string log, source = device.info().arch == "cpu" ? standIns(facts.imports) : "";
  if (source.empty()) {
    status = device.api().buildProgram(program, 1, &id, options.c_str(), nullptr, nullptr);
    log = buildLog(device, program);
  } else if (ProgramHandle linked = linkStandIns(device, program, source, options, status, log)) {
    device.api().releaseProgram(program);
    program = linked;
  }
  if (status != Success) {
    device.api().releaseProgram(program);
    device.fail(status, "building " + name + " (options \"" + options + "\")" +
                            (log.empty() ? "; the compiler wrote no log" : "; the compiler wrote:\n" + log + "\n"));
  }
  if (!log.empty() && debugging())
    std::fprintf(stderr, "tgc: %s: building %s: %s\n", device.label().c_str(), name.c_str(), log.c_str());
  return program;
}

template <typename T>
T groupInfo(const ClDevice &device, KernelHandle kernel, KernelGroupInfo what) {
  T value = 0;
  device.api().getKernelGroupInfo(kernel, device.id(), static_cast<uint32_t>(what), sizeof value, &value, nullptr);
  return value;
}

Kernel findKernel(const ClDevice &device, ProgramHandle program, const Function &function) {
  const Api &api = device.api();
  std::string name = "function \"" + function.name + "\"";
  Kernel kernel;
  kernel.name = function.name;
  kernel.program = program;
  kernel.block = function.block;
  Status status = Success;
  KernelHandle handle = api.createKernel(program, function.name.c_str(), &status);
  device.check(status, "looking for " + name);
  auto parameters = static_cast<uint32_t>(KernelInfo::ArgumentCount);
  api.getKernelInfo(handle, parameters, sizeof kernel.parameters, &kernel.parameters, nullptr);
  auto threads = groupInfo<size_t>(device, handle, KernelGroupInfo::MaxWorkGroupSize);
  auto local = groupInfo<uint64_t>(device, handle, KernelGroupInfo::LocalMemory);
  api.releaseKernel(handle);
  uint64_t wanted = 1;
  for (uint32_t size : function.block)
    wanted *= std::min<uint64_t>(size, 65536);
  if (wanted < 1 || wanted > threads)
    unsupported("the package's " + name + " has " + std::to_string(wanted) + " threads a block, " + device.label() +
                " runs at most " + std::to_string(threads) + " of it");
  if (local > device.localBytes())
    unsupported("the package's " + name + " needs " + std::to_string(local) + " bytes of shared memory a block, " +
                device.label() + " has " + std::to_string(device.localBytes()));
  return kernel;
}

/// Throws bad input if a launch does not suit its kernel.
void checkLaunch(const Kernel &kernel, const Launch &launch) {
  std::string name = "the package's launch of \"" + kernel.name + "\" ";
  for (const Param &param : launch.params)
    if (param.kind == ParamKind::TensorMap)
      unsupported(name + "has tensor maps, which OpenCL has not");
  if (launch.params.size() != kernel.parameters)
    badInput(name + "gives " + std::to_string(launch.params.size()) + " parameters, its code takes " +
             std::to_string(kernel.parameters));
  for (int i = 0; i < 3; ++i)
    if (launch.grid[i] > 0x7fffffff)
      badInput(name + "has " + std::to_string(launch.grid[i]) + " blocks along dimension " + std::to_string(i));
}

/// What the compiler must be asked for, of what the device has.
std::string buildOptions(const ClDevice &device, const Package &package) {
  std::string options;
  if (device.dividesExactly())
    options += " -cl-fp32-correctly-rounded-divide-sqrt";
  // One allocation holds an arena or a slot.
  uint64_t largest = package.workspaceBytes;
  for (uint64_t bytes : package.arenas)
    largest = std::max(largest, bytes);
  for (const Slot &slot : package.slots)
    largest = std::max(largest, slot.bytes);
  if (device.info().arch != "cpu" && largest >= uint64_t(1) << 32)
    options += " -cl-intel-greater-than-4GB-buffer-required";
  return options.empty() ? options : options.substr(1);
}
} // namespace

bool debugging() {
  const char *text = std::getenv("TGC_OPENCL_DEBUG");
  return text && *text && *text != '0';
}

LoadedCode::~LoadedCode() {
  for (ProgramHandle program : programs)
    if (program)
      device->api().releaseProgram(program);
}

std::shared_ptr<const LoadedCode> loadCode(std::shared_ptr<ClDevice> shared, const Package &package) {
  const ClDevice &device = *shared;
  auto code = std::make_shared<LoadedCode>(shared);
  code->programs.resize(package.modules.size());
  std::string options = buildOptions(device, package);
  parallelFor(package.modules.size(), [&](uint64_t i) {
    code->programs[i] = buildModule(device, package.modules[i], i, options);
  });
  for (const Function &function : package.functions)
    code->kernels.push_back(findKernel(device, code->programs[function.module], function));
  for (const auto *launches : {&package.prepare, &package.run})
    for (const Launch &launch : *launches)
      checkLaunch(code->kernels[launch.function], launch);
  return code;
}

} // namespace tgc::runtime::opencl
