// How a package's code is loaded:
//  1. Every module is read: what it asks for is compared with what the device has (spirv/Suits.h), so that a package
//     for another device is told in the package's words and not in a compiler's.
//  2. Modules are built side by side: from the binary that an earlier load has left in the cache, else from SPIR-V,
//     and then the binary is left there. A binary that the driver refuses is made anew. The build's log is part of
//     every error.
//  3. Every function is looked up once; its block and shared memory are compared with what the build allows.
#include "runtime/devices/opencl/OpenClCode.h"
#include "runtime/devices/opencl/standins/StandIns.h"
#include "runtime/format/Error.h"
#include "runtime/io/Threads.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tgc::runtime::opencl {

namespace {
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

/// A program of what the cache has, ready to use; null if it has nothing that the driver takes.
ProgramHandle cachedProgram(const ClDevice &device, const CodeKey &key, const std::string &options,
                            CodeCache &cache) {
  std::optional<Bytes> binary = cache.find(key);
  if (!binary)
    return nullptr;
  const Api &api = device.api();
  DeviceId id = device.id();
  size_t bytes = binary->size();
  const uint8_t *image = binary->data();
  Status status = Success, each = Success;
  ProgramHandle program =
      api.createProgramWithBinary(device.context(), 1, &id, &bytes, &image, &each, &status);
  if (status != Success || each != Success || !program)
    return nullptr;
  if (api.buildProgram(program, 1, &id, options.c_str(), nullptr, nullptr) == Success)
    return program;
  api.releaseProgram(program);
  return nullptr;
}

void keepBinary(const ClDevice &device, ProgramHandle program, const CodeKey &key, CodeCache &cache) {
  const Api &api = device.api();
  size_t bytes = 0;
  constexpr auto Sizes = static_cast<uint32_t>(ProgramInfo::BinarySizes);
  if (api.getProgramInfo(program, Sizes, sizeof bytes, &bytes, nullptr) != Success || bytes == 0)
    return;
  std::vector<uint8_t> binary(bytes);
  uint8_t *places[] = {binary.data()};
  if (api.getProgramInfo(program, static_cast<uint32_t>(ProgramInfo::Binaries), sizeof places, places,
                         nullptr) == Success)
    cache.store(key, binary);
}

ProgramHandle buildModule(const ClDevice &device, const Module &module, size_t index,
                          const std::string &options, CodeCache *cache) {
  std::string name = spirv::moduleName(index);
  spirv::ModuleFacts facts = spirv::requireSuits(device.can(), module, index);
  std::string source = device.info().arch == "cpu" ? standIns(facts.imports) : "";
  CodeKey key;
  if (cache) {
    key = {"opencl " + device.info().description, device.driverVersion(), options, codeHash(module.image)};
    // Stand-ins are linked into the binary: those of another version make another one.
    if (!source.empty()) {
      std::string hash = codeHash(Bytes(std::vector<uint8_t>(source.begin(), source.end())));
      key.options += (options.empty() ? "stand-ins " : " stand-ins ") + hash;
    }
    if (ProgramHandle program = cachedProgram(device, key, options, *cache))
      return program;
  }
  Status status = Success;
  ProgramHandle program =
      device.api().createProgramWithIl(device.context(), module.image.data(), module.image.size(), &status);
  device.check(status, "reading " + name);
  DeviceId id = device.id();
  std::string log;
  if (source.empty()) {
    status = device.api().buildProgram(program, 1, &id, options.c_str(), nullptr, nullptr);
    log = buildLog(device, program);
  } else if (ProgramHandle linked =
                 linkStandIns(device.api(), id, device.context(), program, source, options, status, log)) {
    device.api().releaseProgram(program);
    program = linked;
  }
  if (status != Success) {
    device.api().releaseProgram(program);
    device.fail(status,
                "building " + name + " (options \"" + options + "\")" +
                    (log.empty() ? "; the compiler wrote no log" : "; the compiler wrote:\n" + log + "\n"));
  }
  if (!log.empty() && debugging())
    std::fprintf(stderr, "tgc: %s: building %s: %s\n", device.label().c_str(), name.c_str(), log.c_str());
  if (cache)
    keepBinary(device, program, key, *cache);
  return program;
}

template <typename T>
T groupInfo(const ClDevice &device, KernelHandle kernel, KernelGroupInfo what) {
  T value = 0;
  device.api().getKernelGroupInfo(kernel, device.id(), static_cast<uint32_t>(what), sizeof value, &value,
                                  nullptr);
  return value;
}

/// Looks a function up and compares it, and the launches of it, with what the build allows.
Kernel findKernel(const ClDevice &device, ProgramHandle program, const Function &function,
                  std::span<const Launch *const> launches) {
  const Api &api = device.api();
  Kernel kernel;
  kernel.name = function.name;
  kernel.program = program;
  kernel.block = function.block;
  Status status = Success;
  KernelHandle handle = api.createKernel(program, function.name.c_str(), &status);
  device.check(status, "looking for function \"" + function.name + "\"");
  spirv::FunctionFacts facts;
  auto parameters = static_cast<uint32_t>(KernelInfo::ArgumentCount);
  api.getKernelInfo(handle, parameters, sizeof facts.parameters, &facts.parameters, nullptr);
  facts.maxThreads = groupInfo<size_t>(device, handle, KernelGroupInfo::MaxWorkGroupSize);
  facts.sharedBytes = groupInfo<uint64_t>(device, handle, KernelGroupInfo::LocalMemory);
  api.releaseKernel(handle);
  spirv::requireSuits(device.can(), function, facts);
  for (const Launch *launch : launches)
    spirv::checkLaunch(function.name, facts, *launch);
  return kernel;
}

/// What the compiler must be asked for, of what the device has.
std::string buildOptions(const ClDevice &device, const Package &package, size_t module) {
  std::string options;
  if (device.dividesExactly())
    options += " -cl-fp32-correctly-rounded-divide-sqrt";
  if (device.info().arch != "cpu" && spirv::largestAllocation(package) >= uint64_t(1) << 32)
    options += " -cl-intel-greater-than-4GB-buffer-required";
  if (device.info().arch != "cpu" && spirv::wantsLargeRegisters(package, module))
    options += " -cl-intel-256-GRF-per-thread";
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

std::shared_ptr<const LoadedCode> loadCode(std::shared_ptr<ClDevice> shared, const Package &package,
                                           CodeCache *cache) {
  const ClDevice &device = *shared;
  auto code = std::make_shared<LoadedCode>(shared);
  code->programs.resize(package.modules.size());
  parallelFor(package.modules.size(), [&](uint64_t i) {
    code->programs[i] = buildModule(device, package.modules[i], i, buildOptions(device, package, i), cache);
  });
  std::vector<std::vector<const Launch *>> launches(package.functions.size());
  for (const auto *list : {&package.prepare, &package.run})
    for (const Launch &launch : *list)
      launches[launch.function].push_back(&launch);
  for (size_t i = 0; i < package.functions.size(); ++i) {
    const Function &function = package.functions[i];
    code->kernels.push_back(findKernel(device, code->programs[function.module], function, launches[i]));
  }
  return code;
}

} // namespace tgc::runtime::opencl
