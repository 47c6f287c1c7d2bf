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
  for (auto [function, result] : llvm::zip(functions, results))
    access.compiled()[function.getSymName().str()] = std::move(result);
}

} // namespace tgc
