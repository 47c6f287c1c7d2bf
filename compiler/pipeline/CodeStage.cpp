// Input: the thread stage. Output: machine code of every kernel (Compilation::compiled_); the module stays.
// Kernels are compiled side by side, each in a module of its own with what it names (globals).
#include "compiler/pipeline/Stages.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace tgc {

/// A module of the function and of the symbols that it uses.
static OwningOpRef<ModuleOp> moduleOf(func::FuncOp function, SymbolTable &symbols) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(function.getLoc());
  llvm::SetVector<Operation *> used;
  std::optional<SymbolTable::UseRange> uses = SymbolTable::getSymbolUses(function);
  for (SymbolTable::SymbolUse use : *uses)
    if (Operation *symbol = symbols.lookup(use.getSymbolRef().getRootReference()))
      used.insert(symbol);
  for (Operation *symbol : used)
    module->push_back(symbol->clone());
  module->push_back(function->clone());
  return module;
}

void codeStage(StageAccess access) {
  std::vector<func::FuncOp> functions(access.module()->getOps<func::FuncOp>().begin(),
                                      access.module()->getOps<func::FuncOp>().end());
  std::vector<CompiledKernel> results(functions.size());
  std::vector<OwningOpRef<ModuleOp>> modules;
  SymbolTable symbols(*access.module());
  for (func::FuncOp function : functions)
    modules.push_back(moduleOf(function, symbols));
  inParallel(access, "code", functions.size(),
             [&](size_t i) { results[i] = access.target().compile(*modules[i]); });
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
