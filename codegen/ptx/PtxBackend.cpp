#include "codegen/ptx/PtxBackend.h"

#include "codegen/ptx/Assemble.h"
#include "codegen/ptx/LowerTile.h"
#include "codegen/ptx/PtxDevice.h"
#include "compiler/support/Error.h"
#include <fmt/ranges.h>

namespace tgc::ptx {
namespace {

runtime::DType dtypeOf(mlir::Type element) {
  if (element.isBF16())
    return runtime::DType::BF16;
  if (element.isF16())
    return runtime::DType::F16;
  if (element.isF32())
    return runtime::DType::F32;
  if (element.isFloat8E4M3FN() || element.isInteger(8))
    return runtime::DType::U8;
  internalError("the copy engine moves no such elements");
}

/// What the lowering says of the kernel's parameters behind its buffers, in the package's terms.
std::vector<KernelTensorMap> tensorMapsOf(mlir::ModuleOp module) {
  std::vector<KernelTensorMap> maps;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    auto described = function->getAttrOfType<mlir::ArrayAttr>("tgc.tensor_maps");
    if (!described)
      continue;
    for (auto map : described.getAsRange<mlir::DictionaryAttr>()) {
      auto number = [&](llvm::StringRef name) { return map.getAs<mlir::IntegerAttr>(name).getInt(); };
      auto list = [&](llvm::StringRef name) { return map.getAs<mlir::DenseI64ArrayAttr>(name).asArrayRef(); };
      KernelTensorMap &made = maps.emplace_back();
      made.buffer = unsigned(number("buffer"));
      mlir::Type element =
          mlir::cast<mlir::MemRefType>(function.getArgumentTypes()[made.buffer]).getElementType();
      int64_t bytes = element.getIntOrFloatBitWidth() / 8;
      made.offset = uint64_t(number("offset") * bytes);
      made.map.dtype = dtypeOf(element);
      made.map.swizzle = uint32_t(number("swizzle"));
      // The package begins with the contiguous dimension, and counts boxes in elements of the tensor.
      for (size_t i = list("sizes").size(); i-- > 0;) {
        int64_t step = list("steps")[i];
        made.map.dims.push_back(uint64_t(list("sizes")[i]));
        if (i + 1 < list("sizes").size())
          made.map.strides.push_back(uint64_t(list("strides")[i] * bytes));
        made.map.box.push_back(uint32_t(list("box")[i] * step));
        made.map.elementStrides.push_back(uint32_t(step));
      }
    }
  }
  return maps;
}

class PtxBackend : public Target {
public:
  explicit PtxBackend(PtxDevice device) : device_(std::move(device)) {}

  const DeviceInfo &device() const override { return device_.info; }
  bool supports(ElementType) const override { return true; }
  std::vector<std::string> requiredFeatures() const override { return {}; }
  std::string packageDevice() const override { return "cuda"; }
  std::string packageArchitecture() const override { return device_.info.architecture; }
  void lowerToThread(mlir::ModuleOp module) const override { lowerTileModule(module, device_.info); }

  CompiledKernel compile(mlir::ModuleOp module) const override {
    PtxKernel kernel = compilePtxModule(module, device_.info.architecture);
    std::optional<Assembled> assembled;
    if (!device_.portable)
      assembled = assemble(kernel.ptx, device_.info.architecture);
    CompiledKernel result;
    runtime::Function function;
    function.name = kernel.name;
    function.block = {uint32_t(kernel.threads), 1, 1};
    function.cluster = {uint32_t(kernel.cluster), 1, 1};
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
    result.maps = tensorMapsOf(module);
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
    usageError("unknown GPU '{}'; there are cuda:{}, and what differs behind a name: ,units=N "
               ",bandwidth=GB/s ,l2=BYTES "
               ",shared=BYTES",
               device, fmt::join(ptxDeviceNames(), ", cuda:"));
  return std::make_unique<PtxBackend>(std::move(*found));
}

std::string ptxBackendFor(const FoundDevice &found) {
  if (found.kind != "cuda")
    return "";
  std::optional<std::string> text = ptxDeviceFor(found);
  return text ? "cuda:" + *text : "";
}

std::vector<std::pair<std::string, std::string>> ptxBackendNames() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const std::string &name : ptxDeviceNames())
    names.push_back({"cuda:" + name, ptxDevice(name)->description});
  return names;
}

} // namespace tgc::ptx
