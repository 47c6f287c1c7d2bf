#include "codegen/spirv/SpirvBackend.h"

#include "codegen/common/LowerLoop.h"
#include "codegen/spirv/SpirvDevice.h"
#include "compiler/support/Error.h"
#include <algorithm>
#include <fmt/ranges.h>

namespace tgc::spv {
namespace {

/// The interfaces that reach a device; the code is the same for all.
constexpr std::string_view kinds[] = {"opencl", "level_zero"};

class SpirvBackend : public Target {
public:
  SpirvBackend(std::string_view kind, SpirvDevice device) : kind_(kind), device_(std::move(device)) {}

  const DeviceInfo &device() const override { return device_.info; }
  bool supports(ElementType type) const override { return type != ElementType::F64 || device_.hasDouble; }
  /// What code needs of a device it says itself.
  std::vector<std::string> requiredFeatures() const override { return {}; }
  std::string packageDevice() const override { return std::string(kind_); }
  std::string packageArchitecture() const override {
    return device_.info.name.substr(0, device_.info.name.find(','));
  }

  void lowerToThread(mlir::ModuleOp module) const override {
    for (auto program : llvm::make_early_inc_range(module.getOps<tile::FuncOp>()))
      lowerProgram(program, device_.info);
  }

  CompiledKernel compile(mlir::ModuleOp module) const override {
    SpirvKernel kernel = compileSpirvModule(module, device_.features);
    CompiledKernel result;
    result.module.format = "spirv";
    const auto *bytes = reinterpret_cast<const uint8_t *>(kernel.words.data());
    result.module.image =
        runtime::Bytes(std::vector<uint8_t>(bytes, bytes + kernel.words.size() * sizeof(uint32_t)));
    runtime::Function function;
    function.name = kernel.name;
    function.block = {uint32_t(kernel.threads), 1, 1};
    function.registers = uint32_t(kernel.registers);
    result.functions.push_back(std::move(function));
    return result;
  }

private:
  std::string_view kind_;
  SpirvDevice device_;
};

} // namespace

std::unique_ptr<Target> makeSpirvBackend(const std::string &device) {
  size_t colon = device.find(':');
  auto kind = std::find(std::begin(kinds), std::end(kinds), device.substr(0, colon));
  if (kind == std::end(kinds))
    return nullptr;
  std::optional<SpirvDevice> found = spirvDevice(colon == std::string::npos ? "" : device.substr(colon + 1));
  if (!found)
    usageError(
        "unknown device '{}'; there are {}:{}, and for drivers without blocks of memory ,blocks=off behind "
        "the name of a GPU",
        device, *kind, fmt::join(spirvDeviceNames(), fmt::format(", {}:", *kind)));
  return std::make_unique<SpirvBackend>(*kind, std::move(*found));
}

std::vector<std::pair<std::string, std::string>> spirvBackendNames() {
  std::vector<std::pair<std::string, std::string>> names;
  for (std::string_view kind : kinds)
    for (const std::string &name : spirvDeviceNames())
      names.push_back({fmt::format("{}:{}", kind, name), spirvDevice(name)->description});
  return names;
}

} // namespace tgc::spv
