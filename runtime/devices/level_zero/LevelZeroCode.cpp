// How a package's code is loaded:
//  1. Every module is read: what it asks for is compared with what the device has (spirv/Suits.h), so that a package
//     for another device is told in the package's words and not in a compiler's.
//  2. Modules are built side by side: from the binary that an earlier load has left in the cache, else from SPIR-V,
//     and then the binary is left there. A binary that the driver refuses is made anew. The build's log is part of
//     every error.
//  3. Every function is looked up once; its block and shared memory are compared with what the build allows.
#include "runtime/devices/level_zero/LevelZeroCode.h"
#include "runtime/format/Error.h"
#include "runtime/io/Threads.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tgc::runtime::level_zero {

namespace {
/// The log's text; the log is gone afterwards.
std::string takeLog(const Api &api, LogHandle log) {
  if (!log)
    return "";
  size_t bytes = 0;
  std::string text;
  if (api.logText(log, &bytes, nullptr) == Success && bytes > 0) {
    text.resize(bytes);
    if (api.logText(log, &bytes, text.data()) != Success)
      text.clear();
  }
  api.logDestroy(log);
  text = text.c_str();
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return text;
}

ModuleHandle build(const ZeDevice &device, uint32_t format, const Bytes &image, const std::string &options,
                   Result &result, std::string &log) {
  ModuleDesc desc;
  desc.format = format;
  desc.inputSize = image.size();
  desc.inputModule = image.data();
  desc.buildFlags = options.c_str();
  ModuleHandle module = nullptr;
  LogHandle handle = nullptr;
  result = device.api().moduleCreate(device.context(), device.id(), &desc, &module, &handle);
  log = takeLog(device.api(), handle);
  return result == Success ? module : nullptr;
}

void keepBinary(const ZeDevice &device, ModuleHandle module, const CodeKey &key, CodeCache &cache) {
  size_t bytes = 0;
  if (device.api().moduleBinary(module, &bytes, nullptr) != Success || bytes == 0)
    return;
  std::vector<uint8_t> binary(bytes);
  if (device.api().moduleBinary(module, &bytes, binary.data()) == Success)
    cache.store(key, binary);
}

ModuleHandle buildModule(const ZeDevice &device, const Module &module, size_t index,
                         const std::string &options, CodeCache *cache) {
  std::string name = spirv::moduleName(index), log;
  spirv::requireSuits(device.can(), module, index);
  Result result = Success;
  CodeKey key;
  if (cache) {
    key = {"level_zero " + device.info().description, device.driverVersion(), options,
           codeHash(module.image)};
    if (std::optional<Bytes> binary = cache->find(key))
      if (ModuleHandle made = build(device, FormatNative, *binary, options, result, log))
        return made;
  }
  ModuleHandle made = build(device, FormatSpirv, module.image, options, result, log);
  if (!made)
    device.fail(result,
                "building " + name + " (options \"" + options + "\")" +
                    (log.empty() ? "; the compiler wrote no log" : "; the compiler wrote:\n" + log + "\n"));
  if (!log.empty() && debugging())
    std::fprintf(stderr, "tgc: %s: building %s: %s\n", device.label().c_str(), name.c_str(), log.c_str());
  if (cache)
    keepBinary(device, made, key, *cache);
  return made;
}

/// Looks a function up and compares it, and the launches of it, with what the build allows.
Kernel findKernel(const ZeDevice &device, ModuleHandle module, const Function &function,
                  std::span<const Launch *const> launches) {
  const Api &api = device.api();
  KernelDesc desc;
  desc.kernelName = function.name.c_str();
  KernelHandle handle = nullptr;
  device.check(api.kernelCreate(module, &desc, &handle), "looking for function \"" + function.name + "\"");
  KernelProperties properties{};
  Result result = api.kernelProperties(handle, &properties);
  api.kernelDestroy(handle);
  device.check(result, "asking about function \"" + function.name + "\"");
  if (properties.spillMemSize > 0 && debugging())
    std::fprintf(stderr, "tgc: %s: %s spills %u bytes of registers a thread\n", device.label().c_str(),
                 function.name.c_str(), properties.spillMemSize);
  spirv::FunctionFacts facts{properties.numKernelArgs, device.can().maxThreads, properties.localMemSize};
  spirv::requireSuits(device.can(), function, facts);
  for (const Launch *launch : launches) {
    spirv::checkLaunch(function.name, facts, *launch);
    for (int d = 0; d < 3; ++d)
      if (launch->grid[d] > device.maxBlocks()[d])
        unsupported("the package's launch of \"" + function.name + "\" has " +
                    std::to_string(launch->grid[d]) + " blocks along dimension " + std::to_string(d) + ", " +
                    device.label() + " runs at most " + std::to_string(device.maxBlocks()[d]));
  }
  return {function.name, module, function.block};
}

/// What the compiler must be asked for, of what the device has.
std::string buildOptions(const ZeDevice &device, const Package &package, size_t module) {
  std::string options;
  if (device.dividesExactly())
    options += " -ze-fp32-correctly-rounded-divide-sqrt";
  if (device.info().arch != "cpu" && spirv::largestAllocation(package) >= uint64_t(1) << 32)
    options += " -ze-opt-greater-than-4GB-buffer-required";
  if (device.info().arch != "cpu" && spirv::wantsLargeRegisters(package, module))
    options += " -ze-opt-large-register-file";
  return options.empty() ? options : options.substr(1);
}
} // namespace

bool debugging() {
  const char *text = std::getenv("TGC_LEVEL_ZERO_DEBUG");
  return text && *text && *text != '0';
}

LoadedCode::~LoadedCode() {
  for (ModuleHandle module : modules)
    if (module)
      device->api().moduleDestroy(module);
}

std::shared_ptr<const LoadedCode> loadCode(std::shared_ptr<ZeDevice> shared, const Package &package,
                                           CodeCache *cache) {
  const ZeDevice &device = *shared;
  device.requireAlive("loading a package");
  auto code = std::make_shared<LoadedCode>(shared);
  code->modules.resize(package.modules.size());
  parallelFor(package.modules.size(), [&](uint64_t i) {
    code->modules[i] = buildModule(device, package.modules[i], i, buildOptions(device, package, i), cache);
  });
  std::vector<std::vector<const Launch *>> launches(package.functions.size());
  for (const auto *list : {&package.prepare, &package.run})
    for (const Launch &launch : *list)
      launches[launch.function].push_back(&launch);
  for (size_t i = 0; i < package.functions.size(); ++i) {
    const Function &function = package.functions[i];
    code->kernels.push_back(findKernel(device, code->modules[function.module], function, launches[i]));
  }
  return code;
}

} // namespace tgc::runtime::level_zero
