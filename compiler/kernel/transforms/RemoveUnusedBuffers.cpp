// kernel-remove-unused-buffers
//
// In: a program and its kernels. Out: no intermediate buffer that nothing loads, no store that only filled
// one, no launch without a store, no buffer argument without a use.
// 1. A stored argument is idle if at all launches the buffer behind it is an intermediate one that nothing
//    loads. Its stores go, with the values that only they used.
// 2. Arguments without a use leave the kernel and its launches; launches without a store go.
// 3. Casts and buffers without a use go. Again until nothing changes.
#include "compiler/kernel/Passes.h"
#include "compiler/kernel/transforms/Launches.h"

using namespace mlir;

namespace tgc::kernel {
namespace {

bool isStored(BlockArgument argument) {
  return llvm::any_of(argument.getUsers(), [](Operation *user) { return isa<StoreOp>(user); });
}

/// Buffers that some launch loads from, through whatever cast.
llvm::DenseSet<Value> loadedBuffers(ModuleOp module, SymbolTable &symbols) {
  llvm::DenseSet<Value> loaded;
  module.walk([&](LaunchOp launch) {
    auto func = symbols.lookup<FuncOp>(launch.getKernel());
    for (auto [i, buffer] : llvm::enumerate(launch.getBuffers())) {
      if (func && (isStored(func.getBuffers()[i]) || func.getBuffers()[i].use_empty()))
        continue;
      while (auto cast = buffer.getDefiningOp<memref::ReinterpretCastOp>())
        buffer = cast.getSource();
      loaded.insert(buffer);
    }
  });
  return loaded;
}

bool removeDead(FuncOp func) {
  bool removed = false;
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*func.getBlock())))
    if (isOpTriviallyDead(&op)) {
      op.erase();
      removed = true;
    }
  return removed;
}

struct RemoveUnusedBuffersPass : PassWrapper<RemoveUnusedBuffersPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RemoveUnusedBuffersPass)
  StringRef getArgument() const override { return "kernel-remove-unused-buffers"; }
  StringRef getDescription() const override {
    return "remove buffers that nothing reads, with what writes them";
  }

  void runOnOperation() override {
    while (round(getOperation()))
      ;
  }

  static bool round(ModuleOp module) {
    SymbolTable symbols(module);
    auto launches = launchesByKernel(module);
    llvm::DenseSet<Value> loaded = loadedBuffers(module, symbols);
    bool changed = false;
    for (FuncOp func : llvm::make_early_inc_range(module.getOps<FuncOp>())) {
      ArrayRef<LaunchOp> calls = launches[func.getSymName()];
      if (calls.empty())
        continue;
      for (auto [i, argument] : llvm::enumerate(func.getBuffers())) {
        bool idle = isStored(argument) && llvm::all_of(calls, [&, i = i](LaunchOp launch) {
                      Value buffer = launch.getBuffers()[i];
                      while (auto cast = buffer.getDefiningOp<memref::ReinterpretCastOp>())
                        buffer = cast.getSource();
                      return isa_and_nonnull<BufferOp>(buffer.getDefiningOp()) && !loaded.contains(buffer);
                    });
        if (!idle)
          continue;
        for (Operation *store : llvm::make_early_inc_range(argument.getUsers()))
          store->erase();
        changed = true;
      }
      changed |= removeDead(func);
      SmallVector<unsigned> used;
      for (BlockArgument argument : func.getBuffers())
        if (!argument.use_empty())
          used.push_back(argument.getArgNumber());
      if (used.size() != func.getNumBuffers()) {
        reorderBuffers(func, used, calls);
        changed = true;
      }
      if (func.getBlock()->getOps<StoreOp>().empty()) {
        for (LaunchOp launch : calls)
          launch.erase();
        func.erase();
        changed = true;
      }
    }
    eraseUnusedCasts(module);
    module.walk([&](BufferOp buffer) {
      if (buffer->use_empty()) {
        buffer.erase();
        changed = true;
      }
    });
    return changed;
  }
};

} // namespace

std::unique_ptr<Pass> createRemoveUnusedBuffersPass() { return std::make_unique<RemoveUnusedBuffersPass>(); }

} // namespace tgc::kernel
