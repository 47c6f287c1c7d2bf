// kernel-dedupe
//
// In: kernels in canonical form and their launches. Out: equal kernels are one, and every kernel's symbol is
// its shape class and the first half of the hash of its text, as in @contract_m4096n320k320_1a2b3c4d.
// 1. Kernels are grouped by exact text, order of buffers and schedule; launches of a group name its first
// kernel, the others go.
// 2. Kernels are renamed; where a name is taken, which two kernels of one hash would do, a number follows.
#include "compiler/kernel/Canonical.h"
#include "compiler/kernel/Passes.h"
#include "compiler/kernel/transforms/Launches.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace tgc::kernel {
namespace {

struct DedupePass : PassWrapper<DedupePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DedupePass)
  StringRef getArgument() const override { return "kernel-dedupe"; }
  StringRef getDescription() const override { return "equal kernels become one, named by shape and hash"; }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto launches = launchesByKernel(module);
    llvm::StringMap<std::string> nameOfText; // by text, schedule and order of buffers
    llvm::StringSet<> taken;
    for (Operation &op : module.getBody()->getOperations())
      if (!isa<FuncOp>(op))
        if (auto symbol = dyn_cast<SymbolOpInterface>(op))
          taken.insert(symbol.getName());
    for (FuncOp func : llvm::make_early_inc_range(module.getOps<FuncOp>())) {
      SmallVector<unsigned> order;
      std::string text = exactText(func, order), key = text + func.getSchedule().value_or("").str();
      for (unsigned from : order)
        key += " " + std::to_string(from);
      auto [known, fresh] = nameOfText.try_emplace(key);
      if (fresh)
        known->second = freshName(func, text, taken);
      for (LaunchOp launch : launches[func.getSymName()])
        launch.setKernel(known->second);
      if (fresh)
        func.setSymName(known->second);
      else
        func.erase();
    }
  }

private:
  static std::string freshName(FuncOp func, StringRef text, llvm::StringSet<> &taken) {
    std::string base = shapeClass(func) + llvm::formatv("_{0:x-8}", uint32_t(stableHash(text) >> 32)).str();
    std::string name = base;
    for (unsigned i = 2; !taken.insert(name).second; ++i)
      name = base + "_" + std::to_string(i);
    return name;
  }
};

} // namespace

std::unique_ptr<Pass> createDedupePass() { return std::make_unique<DedupePass>(); }

} // namespace tgc::kernel
