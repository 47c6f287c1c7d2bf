#include "codegen/ptx/PtxBackend.h"

#include "codegen/ptx/Assemble.h"
#include "codegen/ptx/LowerTile.h"
#include "codegen/ptx/PtxDevice.h"
#include "compiler/support/Error.h"
#include <fmt/ranges.h>

namespace tgc::ptx {
namespace {

class PtxBackend : public Target {
public:
  explicit PtxBackend(PtxDevice device) : device_(std::move(device)) {}

  const DeviceInfo &device() const override { return device_.info; }
  bool supports(ElementType type) const override { return type != ElementType::F8E4M3; }
  std::vector<std::string> requiredFeatures() const override { return {}; }
  std::string packageDevice() const override { return "cuda"; }
  std::string packageArchitecture() const override { return device_.info.architecture; }
  void lowerToThread(mlir::ModuleOp module) const override { lowerTileModule(module, device_.info); }

  CompiledKernel compile(mlir::ModuleOp module) const override {
    PtxKernel kernel = compilePtxModule(module, device_.info.architecture);
    std::optional<Assembled> assembled = assemble(kernel.ptx, device_.info.architecture);
    CompiledKernel result;
    runtime::Function function;
    function.name = kernel.name;
    function.block = {uint32_t(kernel.threads), 1, 1};
    function.sharedBytes = uint64_t(kernel.sharedBytes);
    if (assembled) {
      result.module.format = "cubin";
      result.module.image = runtime::Bytes(std::move(assembled->cubin));
      function.registers = assembled->registers;
      result.log = std::move(assembled->log);
    } else {
      result.module.format = "ptx";
      result.module.image = runtime::Bytes(std::vector<uint8_t>(kernel.ptx.begin(), kernel.ptx.end()));
    }
    result.functions.push_back(std::move(function));
    return result;
  }

private:
  PtxDevice device_;
};

} // namespace

std::unique_ptr<Target> makePtxBackend(const std::string &device) {
  if (device.rfind("cuda", 0) != 0)
    return nullptr;
  std::optional<PtxDevice> found = ptxDevice(device.size() > 5 && device[4] == ':' ? device.substr(5) : "");
  if (!found)
    usageError("unknown GPU '{}'; there are cuda:{}", device, fmt::join(ptxDeviceNames(), ", cuda:"));
  return std::make_unique<PtxBackend>(std::move(*found));
}

std::vector<std::pair<std::string, std::string>> ptxBackendNames() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const std::string &name : ptxDeviceNames())
    names.push_back({"cuda:" + name, ptxDevice(name)->description});
  return names;
}

} // namespace tgc::ptx
