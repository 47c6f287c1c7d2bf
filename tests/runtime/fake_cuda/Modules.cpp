// The fake driver's modules, functions, launches and tensor maps.
#include "tests/runtime/fake_cuda/State.h"
#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

using namespace fake;

static void execute(const HostKernel &kernel, const LaunchConfig &config, const std::string &cluster,
                    std::vector<std::vector<uint64_t>> &storage) {
  launchLog += std::string(kernel.name) + " grid " + dims(config.grid) + " block " + dims(config.block) +
               " cluster " + cluster + " shared " + std::to_string(config.sharedBytes) + "\n";
  std::vector<void *> params;
  for (std::vector<uint64_t> &value : storage)
    params.push_back(value.data());
  if (Result code = injected(std::string("kernel ") + kernel.name); code != Success) {
    lose(code);
    return;
  }
  Dim grid{config.grid[0], config.grid[1], config.grid[2]};
  try {
    for (uint32_t z = 0; z < grid.z; ++z)
      for (uint32_t y = 0; y < grid.y; ++y)
        for (uint32_t x = 0; x < grid.x; ++x)
          kernel.run(params.data(), {x, y, z}, grid);
  } catch (IllegalAddress) {
    lose(IllegalAddress700);
  }
  now += double(grid.x) * grid.y * grid.z; // a microsecond a block
}
/// An image is text: "fake cubin" or "fake ptx", then a kernel's name a line.
FAKE_API Result cuModuleLoadDataEx(ModuleHandle *module, const void *image, unsigned options, const int *keys,
                                   void **values) {
  std::this_thread::sleep_for(std::chrono::milliseconds(number("FAKE_CUDA_LOAD_MS", 0)));
  ENTER("cuModuleLoadDataEx");
  std::string text(static_cast<const char *>(image));
  auto refuse = [&](Result code, const std::string &message) {
    size_t space = 0;
    char *log = nullptr;
    for (unsigned i = 0; i < options; ++i) {
      if (keys[i] == int(JitOption::ErrorLog))
        log = static_cast<char *>(values[i]);
      if (keys[i] == int(JitOption::ErrorLogBytes))
        space = reinterpret_cast<size_t>(values[i]);
    }
    if (log)
      std::strncpy(log, message.c_str(), space);
    return code;
  };
  if (text.rfind(".version", 0) == 0) { // real PTX: the kernels that have a host function
    *module = make<ModuleObject>();
    for (const HostKernel &kernel : hostKernels())
      if (text.find(std::string(".entry ") + kernel.name + "(") != std::string::npos)
        (*module)->kernels.push_back(&kernel);
    return Success;
  }
  if (text.rfind("fake cubin\n", 0) != 0 && text.rfind("fake ptx\n", 0) != 0)
    return refuse(text.rfind("cubin", 0) == 0 ? InvalidImage : 218, "line 1: nothing that the fake knows");
  std::vector<const HostKernel *> found;
  for (size_t begin = text.find('\n') + 1, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    std::string name = text.substr(begin, end - begin);
    auto at = std::find_if(hostKernels().begin(), hostKernels().end(),
                           [&](const HostKernel &kernel) { return name == kernel.name; });
    if (at == hostKernels().end())
      return refuse(218, "no host function " + name);
    found.push_back(&*at);
  }
  *module = make<ModuleObject>();
  (*module)->kernels = found;
  return Success;
}
FAKE_API Result cuModuleUnload(ModuleHandle module) {
  Guard guard(lock);
  for (auto &[kernel, function] : module->functions)
    delete function;
  return destroy(module);
}
FAKE_API Result cuModuleGetFunction(FunctionHandle *function, ModuleHandle module, const char *name) {
  ENTER("cuModuleGetFunction");
  for (const HostKernel *kernel : module->kernels)
    if (std::strcmp(kernel->name, name) == 0) {
      FunctionObject *&object = module->functions[kernel];
      if (!object)
        object = new FunctionObject{kernel};
      *function = object;
      return Success;
    }
  return NotFound;
}
FAKE_API Result cuFuncGetAttribute(int *value, int attribute, FunctionHandle function) {
  ENTER("cuFuncGetAttribute");
  *value = attribute == int(FunctionAttribute::MaxThreadsPerBlock)  ? 1024
           : attribute == int(FunctionAttribute::StaticSharedBytes) ? function->kernel->staticShared
                                                                    : 32;
  return Success;
}
FAKE_API Result cuFuncSetAttribute(FunctionHandle function, int attribute, int value) {
  ENTER("cuFuncSetAttribute");
  if (attribute == int(FunctionAttribute::MaxDynamicSharedBytes)) {
    if (value + function->kernel->staticShared > int(MostShared))
      return InvalidValue;
    function->allowedShared = uint32_t(value);
  }
  return Success;
}
FAKE_API Result cuFuncGetParamInfo(FunctionHandle function, size_t index, size_t *offset, size_t *bytes) {
  ENTER("cuFuncGetParamInfo");
  const std::vector<size_t> &all = function->kernel->parameterBytes;
  if (index >= all.size())
    return InvalidValue;
  *bytes = all[index];
  *offset = 0;
  return Success;
}
FAKE_API Result cuLaunchKernelEx(const LaunchConfig *config, FunctionHandle function, void **params,
                                 void **) {
  ENTER("cuLaunchKernelEx");
  std::string cluster = "1,1,1";
  for (uint32_t i = 0; i < config->attributeCount; ++i)
    if (config->attributes[i].id == LaunchAttribute::ClusterDimension) {
      for (int d = 0; d < 3; ++d)
        if (config->grid[d] % config->attributes[i].value[d] != 0)
          return 912;
      cluster = dims(config->attributes[i].value);
    }
  if (config->sharedBytes > function->allowedShared ||
      config->grid[0] * config->grid[1] * config->grid[2] == 0)
    return InvalidValue;
  // The values are taken now, as the driver does.
  std::vector<std::vector<uint64_t>> storage;
  for (size_t i = 0; i < function->kernel->parameterBytes.size(); ++i) {
    size_t bytes = function->kernel->parameterBytes[i];
    storage.emplace_back((bytes + 7) / 8);
    std::memcpy(storage.back().data(), params[i], bytes);
  }
  LaunchConfig copy = *config;
  const HostKernel *kernel = function->kernel;
  put(config->stream,
      {std::string("kernel ") + kernel->name, [=]() mutable { execute(*kernel, copy, cluster, storage); }});
  return Success;
}
FAKE_API Result cuTensorMapEncodeTiled(EncodedTensorMap *map, int type, uint32_t rank, DevicePointer address,
                                       const uint64_t *dims, const uint64_t *strides, const uint32_t *box,
                                       const uint32_t *elementStrides, int interleave, int swizzle,
                                       int promotion, int fill) {
  ENTER("cuTensorMapEncodeTiled");
  if (reinterpret_cast<uintptr_t>(map) % 64 != 0 || address % 16 != 0 || interleave != 0 || rank != 2 ||
      elementStrides[0] != 1 || !inDevice(address, 1))
    return InvalidValue;
  MapContent content{address, {dims[0], dims[1]}, strides[0], {box[0], box[1]}, rank, type,
                     swizzle, promotion,          fill};
  static_assert(sizeof content <= sizeof *map);
  std::memcpy(map, &content, sizeof content);
  return Success;
}
