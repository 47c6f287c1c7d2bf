#include "runtime/devices/cuda/CudaCode.h"
#include "runtime/format/Error.h"
#include "runtime/io/Threads.h"
#include <algorithm>
#include <cstdlib>

namespace tgc::runtime::cuda {

namespace {
/// Above this a kernel must allow it itself.
constexpr uint32_t PortableClusterBlocks = 8;
constexpr uint32_t MaxClusterBlocks = 16;

/// "sm_90a": code for exactly that GPU; "sm_80": machine code for GPUs of the same major version.
struct Arch {
  int capability = 0;
  bool specific = false;
};

Arch parseArch(const std::string &text) {
  Arch arch;
  char *end = nullptr;
  if (text.rfind("sm_", 0) == 0)
    arch.capability = static_cast<int>(std::strtol(text.c_str() + 3, &end, 10));
  arch.specific = end && *end == 'a' && end[1] == '\0';
  if (arch.capability < 10 || arch.capability > 999 || (*end != '\0' && !arch.specific))
    badInput("the package's architecture \"" + text + "\" is none of CUDA's, like sm_80 or sm_90a");
  return arch;
}

void requireArch(const Gpu &gpu, const Package &package) {
  Arch arch = parseArch(package.arch);
  int capability = gpu.computeCapability();
  bool cubin = std::any_of(package.modules.begin(), package.modules.end(),
                           [](const Module &module) { return module.format == "cubin"; });
  bool suits = arch.specific ? capability == arch.capability
               : cubin       ? capability / 10 == arch.capability / 10 && capability >= arch.capability
                             : capability >= arch.capability;
  if (!suits)
    unsupported("the package was compiled for " + package.arch + ", " + gpu.label() + " is " +
                gpu.info().arch + ": compile it for this device");
}

ModuleHandle loadModule(const Gpu &gpu, const Module &module, size_t index) {
  std::string where = "module " + std::to_string(index);
  if (module.format != "cubin" && module.format != "ptx")
    unsupported("the package's " + where + " has the format \"" + module.format +
                "\"; CUDA takes cubin and ptx");
  std::vector<char> log(16384, '\0');
  const int keys[] = {static_cast<int>(JitOption::ErrorLog), static_cast<int>(JitOption::ErrorLogBytes)};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size() - 1)};
  // PTX must end with a zero byte.
  std::string text;
  const void *image = module.image.data();
  if (module.format == "ptx") {
    text.assign(reinterpret_cast<const char *>(module.image.data()), module.image.size());
    image = text.c_str();
  }
  ModuleHandle handle = nullptr;
  if (Result result = gpu.api().moduleLoadDataEx(&handle, image, 2, keys, values); result != Success)
    gpu.fail(result, "loading the package's " + where + (log[0] ? ":\n" + std::string(log.data()) : ""));
  return handle;
}

Kernel findKernel(const Gpu &gpu, ModuleHandle module, const Function &function) {
  const Api &api = gpu.api();
  std::string where = "function \"" + function.name + "\"";
  Kernel kernel;
  kernel.name = function.name;
  kernel.block = function.block;
  kernel.cluster = function.cluster;
  uint64_t threads = 1, blocks = 1;
  for (int i = 0; i < 3; ++i) {
    threads *= std::min<uint64_t>(function.block[i], 4096);
    blocks *= std::min<uint64_t>(function.cluster[i], 4096);
  }
  if (threads < 1 || threads > 1024 || blocks < 1 || blocks > MaxClusterBlocks)
    badInput("the package's " + where + " has " + std::to_string(threads) + " threads a block and " +
             std::to_string(blocks) + " blocks a cluster");
  gpu.check(api.moduleGetFunction(&kernel.handle, module, function.name.c_str()), "looking for " + where);
  // Asking for an attribute also has the driver load the function now, not while launches are recorded.
  int limit = 0, fixed = 0;
  gpu.check(
      api.funcGetAttribute(&limit, static_cast<int>(FunctionAttribute::MaxThreadsPerBlock), kernel.handle),
      "loading " + where);
  gpu.check(
      api.funcGetAttribute(&fixed, static_cast<int>(FunctionAttribute::StaticSharedBytes), kernel.handle),
      "loading " + where);
  if (threads > static_cast<uint64_t>(limit))
    badInput("the package's " + where + " is launched with " + std::to_string(threads) +
             " threads a block, its code allows " + std::to_string(limit));
  auto most = static_cast<uint64_t>(gpu.attribute(DeviceAttribute::SharedBytesPerBlock));
  if (function.sharedBytes + static_cast<uint64_t>(fixed) > most)
    unsupported("the package's " + where + " needs " +
                std::to_string(function.sharedBytes + uint64_t(fixed)) + " bytes of shared memory a block, " +
                gpu.label() + " has " + std::to_string(most));
  kernel.sharedBytes = static_cast<uint32_t>(function.sharedBytes);
  auto set = [&](FunctionAttribute which, int value) {
    gpu.check(api.funcSetAttribute(kernel.handle, static_cast<int>(which), value), "preparing " + where);
  };
  if (kernel.sharedBytes > 0)
    set(FunctionAttribute::MaxDynamicSharedBytes, static_cast<int>(kernel.sharedBytes));
  if (blocks > PortableClusterBlocks)
    set(FunctionAttribute::NonPortableClusterSizeAllowed, 1);
  if (api.funcGetParamInfo) {
    kernel.knowsParameters = true;
    size_t offset = 0, bytes = 0;
    for (size_t i = 0; api.funcGetParamInfo(kernel.handle, i, &offset, &bytes) == Success; ++i)
      kernel.parameterBytes.push_back(bytes);
  }
  return kernel;
}
} // namespace

LoadedCode::~LoadedCode() {
  Gpu::Current current(shared->gpu, std::nothrow);
  for (ModuleHandle module : modules)
    if (module)
      shared->gpu.api().moduleUnload(module);
}

std::shared_ptr<const LoadedCode> loadCode(std::shared_ptr<Shared> shared, const Package &package) {
  const Gpu &gpu = shared->gpu;
  requireArch(gpu, package);
  auto code = std::make_shared<LoadedCode>(shared);
  code->modules.resize(package.modules.size());
  // The driver compiles PTX here, which takes its time.
  parallelFor(package.modules.size(), [&](uint64_t i) {
    Gpu::Current current(gpu);
    code->modules[i] = loadModule(gpu, package.modules[i], i);
  });
  Gpu::Current current(gpu);
  for (const Function &function : package.functions)
    code->kernels.push_back(findKernel(gpu, code->modules[function.module], function));
  for (const auto *launches : {&package.prepare, &package.run})
    for (const Launch &launch : *launches)
      checkLaunch(gpu, code->kernels[launch.function], launch);
  return code;
}

void checkLaunch(const Gpu &gpu, const Kernel &kernel, const Launch &launch) {
  auto fail = [&](const std::string &what) {
    badInput("the package's launch of \"" + kernel.name + "\" " + what);
  };
  constexpr uint64_t Most[] = {0x7fffffff, 65535, 65535};
  for (int i = 0; i < 3; ++i) {
    if (launch.grid[i] > Most[i])
      fail("has " + std::to_string(launch.grid[i]) + " blocks along dimension " + std::to_string(i));
    if (launch.grid[i] % kernel.cluster[i] != 0)
      fail("has " + std::to_string(launch.grid[i]) + " blocks in clusters of " +
           std::to_string(kernel.cluster[i]));
  }
  for (const Param &param : launch.params)
    if (param.kind == ParamKind::TensorMap && gpu.computeCapability() < 90)
      unsupported("the package's launch of \"" + kernel.name + "\" has tensor maps, which " + gpu.label() +
                  " has not");
  if (!kernel.knowsParameters)
    return;
  if (launch.params.size() != kernel.parameterBytes.size())
    fail("gives " + std::to_string(launch.params.size()) + " parameters, its code takes " +
         std::to_string(kernel.parameterBytes.size()));
  for (size_t i = 0; i < launch.params.size(); ++i) {
    size_t given =
        launch.params[i].kind == ParamKind::TensorMap ? sizeof(EncodedTensorMap) : sizeof(uint64_t);
    bool scalar = launch.params[i].kind == ParamKind::Scalar; // a kernel may take its low part
    if (scalar ? kernel.parameterBytes[i] > given : kernel.parameterBytes[i] != given)
      fail("gives " + std::to_string(given) + " bytes for parameter " + std::to_string(i) +
           ", its code takes " + std::to_string(kernel.parameterBytes[i]));
  }
}

} // namespace tgc::runtime::cuda
