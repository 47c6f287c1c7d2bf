// Input: the program and the machine code of its kernels. Output: the package.
#include "compiler/pipeline/Stages.h"
#include "compiler/support/Error.h"

using namespace mlir;

namespace tgc {

void packageStage(StageAccess access) {
  PackageParts parts;
  const Target &target = access.target();
  parts.device = target.packageDevice();
  parts.architecture = target.packageArchitecture();
  parts.features = target.requiredFeatures();
  parts.maxAllocation = target.device().maxAllocation;
  std::error_code error;
  parts.modelDirectory = std::filesystem::absolute(access.options().model, error).parent_path().string();
  parts.provenance = {{"compiler", std::string("tgc ") + TGC_VERSION},
                      {"model", access.options().model.filename().string()},
                      {"target", target.device().name}};
  for (auto function : access.module()->getOps<func::FuncOp>()) {
    std::string name = function.getSymName().str();
    CompiledKernel &compiled = access.compiled().at(name);
    if (compiled.functions.size() != 1)
      internalError("kernel {} has {} functions", name, compiled.functions.size());
    KernelCode code;
    code.module = parts.modules.size();
    code.function = compiled.functions.front();
    code.maps = compiled.maps;
    auto writes = function->getAttrOfType<DenseBoolArrayAttr>(kWritesAttr);
    auto blocks = function->getAttrOfType<IntegerAttr>(kBlocksAttr);
    if (!writes || !blocks)
      internalError("kernel {} does not say which buffers it writes or how many blocks it has", name);
    code.writes.assign(writes.asArrayRef().begin(), writes.asArrayRef().end());
    code.blocks = blocks.getInt();
    if (auto it = access.reports().find(name); it != access.reports().end()) {
      code.schedule = it->second.schedule;
      code.shape = nameOf(it->second.info.shape);
      code.flops = it->second.info.flops;
      code.bytes = it->second.info.bytes;
    }
    parts.kernels[name] = std::move(code);
    parts.modules.push_back(std::move(compiled.module));
  }
  access.package() = buildPackage(access.compilation.program(), std::move(parts));
}

} // namespace tgc
