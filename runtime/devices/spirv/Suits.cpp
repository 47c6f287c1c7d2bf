#include "runtime/devices/spirv/Suits.h"
#include "runtime/format/Error.h"
#include <algorithm>

namespace tgc::runtime::spirv {

std::string moduleName(size_t index) { return "the package's module " + std::to_string(index); }

ModuleFacts requireSuits(const Abilities &device, const Module &module, size_t index) {
  std::string name = moduleName(index);
  if (module.format != "spirv")
    unsupported(name + " has the format \"" + module.format + "\", " + device.label + " takes spirv");
  ModuleFacts facts = readModule(module.image, name);
  auto lacks = [&](const std::string &what) {
    unsupported(name + " " + what + ", " + device.label + " has not: compile the model for this device");
  };
  if (facts.needs(CapabilityFloat16) && !device.half)
    lacks("computes in float16, which");
  if (facts.needs(CapabilityFloat64) && !device.real64)
    lacks("computes in float64, which");
  for (const EntryPoint &kernel : facts.kernels)
    if (kernel.subgroup != 0 && std::find(device.subgroups.begin(), device.subgroups.end(),
                                          kernel.subgroup) == device.subgroups.end())
      lacks("has subgroups of " + std::to_string(kernel.subgroup) + " threads, which");
  return facts;
}

void requireSuits(const Abilities &device, const Function &function, const FunctionFacts &facts) {
  std::string name = "the package's function \"" + function.name + "\"";
  uint64_t wanted = 1;
  for (uint32_t size : function.block)
    wanted *= std::min<uint64_t>(size, 65536);
  if (wanted < 1 || wanted > facts.maxThreads)
    unsupported(name + " has " + std::to_string(wanted) + " threads a block, " + device.label +
                " runs at most " + std::to_string(facts.maxThreads) + " of it");
  if (facts.sharedBytes > device.sharedBytes)
    unsupported(name + " needs " + std::to_string(facts.sharedBytes) + " bytes of shared memory a block, " +
                device.label + " has " + std::to_string(device.sharedBytes));
}

void checkLaunch(const std::string &function, const FunctionFacts &facts, const Launch &launch) {
  std::string name = "the package's launch of \"" + function + "\" ";
  for (const Param &param : launch.params)
    if (param.kind == ParamKind::TensorMap)
      unsupported(name + "has tensor maps, which this kind of device has not");
  if (launch.params.size() != facts.parameters)
    badInput(name + "gives " + std::to_string(launch.params.size()) + " parameters, its code takes " +
             std::to_string(facts.parameters));
  for (int i = 0; i < 3; ++i)
    if (launch.grid[i] > 0x7fffffff)
      badInput(name + "has " + std::to_string(launch.grid[i]) + " blocks along dimension " +
               std::to_string(i));
}

bool wantsLargeRegisters(const Package &package, size_t module) {
  constexpr uint32_t Usual = 128;
  return std::any_of(package.functions.begin(), package.functions.end(), [&](const Function &function) {
    return function.module == module && function.registers > Usual;
  });
}

uint64_t largestAllocation(const Package &package) {
  uint64_t largest = package.workspaceBytes;
  for (uint64_t bytes : package.arenas)
    largest = std::max(largest, bytes);
  for (const Slot &slot : package.slots)
    largest = std::max(largest, slot.bytes);
  return largest;
}

} // namespace tgc::runtime::spirv
