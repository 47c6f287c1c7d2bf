// The one list of targets.
#include "codegen/Target.h"
#include "codegen/cpu/CpuBackend.h"
#include "codegen/ptx/PtxBackend.h"
#include "codegen/spirv/SpirvBackend.h"
#include "compiler/support/Error.h"

namespace tgc {
namespace {

struct TargetEntry {
  std::unique_ptr<Target> (*make)(const std::string &device); ///< null when the name is not this target's
  std::vector<std::pair<std::string, std::string>> (*names)();
  void (*registerDialects)(mlir::DialectRegistry &registry);
  /// Whose devices differ in more than their architecture; null where the first target of that is the device's.
  std::string (*nameFor)(const FoundDevice &device);
};

const TargetEntry entries[] = {
    {cpu::makeCpuBackend, cpu::cpuBackendNames, cpu::registerCpuDialects, nullptr},
    {ptx::makePtxBackend, ptx::ptxBackendNames, ptx::registerPtxDialects, ptx::ptxBackendFor},
    {spv::makeSpirvBackend, spv::spirvBackendNames, spv::registerSpirvDialects, nullptr},
};

} // namespace

std::unique_ptr<Target> makeTarget(const std::string &device) {
  for (const TargetEntry &entry : entries)
    if (auto target = entry.make(device))
      return target;
  std::string names;
  for (const auto &[name, description] : targetNames())
    names += (names.empty() ? "" : ", ") + name;
  usageError("unknown device '{}'; there are {}", device, names);
}

std::vector<std::pair<std::string, std::string>> targetNames() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const TargetEntry &entry : entries)
    for (auto &name : entry.names())
      names.push_back(name);
  return names;
}

std::string targetFor(const FoundDevice &device) {
  for (const TargetEntry &entry : entries) {
    if (entry.nameFor) {
      if (std::string name = entry.nameFor(device); !name.empty())
        return name;
      continue;
    }
    for (const auto &[name, description] : entry.names())
      if (name.rfind(device.kind + ":", 0) == 0 &&
          makeTarget(name)->packageArchitecture() == device.architecture)
        return name;
  }
  return "";
}

void registerTargetDialects(mlir::DialectRegistry &registry) {
  for (const TargetEntry &entry : entries)
    entry.registerDialects(registry);
}

} // namespace tgc
