#include "codegen/cpu/CpuBackend.h"

#include "codegen/cpu/LowerTile.h"
#include "compiler/support/Error.h"
#include "mlir/Pass/PassManager.h"

namespace tgc::cpu {

namespace {

class CpuBackend : public Target {
public:
  explicit CpuBackend(CpuTarget target) : target_(std::move(target)), device_(deviceInfo(target_)) {}

  const DeviceInfo &device() const override { return device_; }
  bool supports(ElementType type) const override { return type != ElementType::F8E4M3; }
  std::string packageDevice() const override { return "cpu"; }
  std::string packageArchitecture() const override { return "x86_64"; }

  std::vector<std::string> requiredFeatures() const override {
    std::vector<std::string> features;
    for (size_t begin = 0; begin < target_.features.size();) {
      size_t end = std::min(target_.features.find(',', begin), target_.features.size());
      if (target_.features[begin] == '+')
        features.push_back(target_.features.substr(begin + 1, end - begin - 1));
      begin = end + 1;
    }
    return features;
  }

  void lowerToThread(mlir::ModuleOp module) const override { lowerTileModule(module, target_); }

  CompiledKernel compile(mlir::ModuleOp module) const override {
    CpuImage image = compileCpuModule(module, target_);
    CompiledKernel result;
    result.module.format = "cpu-image";
    result.module.image = runtime::Bytes(std::move(image.bytes));
    result.module.writableOffset = image.writableOffset;
    result.module.writableSize = image.writableSize;
    for (const CpuImport &import : image.imports)
      result.module.imports.push_back({import.symbol, import.offset});
    for (const CpuFunction &function : image.functions) {
      runtime::Function entry;
      entry.name = function.name;
      entry.entry = function.offset;
      entry.scratchBytes = function.scratchBytes;
      result.functions.push_back(std::move(entry));
    }
    return result;
  }

private:
  CpuTarget target_;
  DeviceInfo device_;
};

} // namespace

std::unique_ptr<Target> makeCpuBackend(const std::string &device) {
  if (device != "cpu" && device.rfind("cpu:", 0) != 0)
    return nullptr;
  std::string variant = device == "cpu" ? "native" : device.substr(4);
  std::optional<CpuTarget> target = cpuTarget(variant);
  if (!target)
    usageError("unknown CPU variant '{}'; there are {}", variant, fmt::join(cpuTargetNames(), ", "));
  return std::make_unique<CpuBackend>(std::move(*target));
}

std::vector<std::pair<std::string, std::string>> cpuBackendNames() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const std::string &name : cpuTargetNames()) {
    CpuTarget target = *cpuTarget(name);
    names.push_back({name == "native" ? "cpu" : "cpu:" + name,
                     fmt::format("{} cores, {}-bit vectors{}", target.cores, target.vectorBits,
                                 name == "native" ? ", this machine" : "")});
  }
  return names;
}

} // namespace tgc::cpu
