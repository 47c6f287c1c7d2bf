// Input: the thread stage. Output: machine code of every kernel (Compilation::compiled_); the module stays.
// Kernels are compiled side by side, each in a module of its own.
#include "compiler/pipeline/Stages.h"

using namespace mlir;

namespace tgc {

void codeStage(StageAccess access) {
  std::vector<func::FuncOp> functions(access.module()->getOps<func::FuncOp>().begin(),
                                      access.module()->getOps<func::FuncOp>().end());
  std::vector<CompiledKernel> results(functions.size());
  std::vector<OwningOpRef<ModuleOp>> modules;
  for (func::FuncOp function : functions) {
    modules.push_back(ModuleOp::create(function.getLoc()));
    modules.back()->push_back(function->clone());
  }
  inParallel(access, "code", functions.size(), [&](size_t i) { results[i] = access.target().compile(*modules[i]); });
  for (auto [function, result] : llvm::zip(functions, results)) {
    std::string name = function.getSymName().str();
    KernelReport &report = access.reports()[name];
    report.code = result.log;
    for (const runtime::Function &entry : result.functions)
      report.registers = std::max(report.registers, entry.registers);
    access.compiled()[name] = std::move(result);
  }
}

} // namespace tgc
