#include "compiler/kernel/Passes.h"

#include "mlir/Pass/PassRegistry.h"

namespace tgc::kernel {

void addKernelPasses(mlir::OpPassManager &manager) {
  manager.addNestedPass<FuncOp>(createDropRoundingsPass());
  manager.addNestedPass<FuncOp>(createSimplifyPass());
  // Divisions go first: axes that a division held apart may merge, axes that are merged may have hidden one.
  manager.addNestedPass<FuncOp>(createSplitAxesPass());
  manager.addNestedPass<FuncOp>(createSimplifyPass());
  manager.addPass(createWindowBuffersPass());
  manager.addPass(createMergeAxesPass());
  manager.addNestedPass<FuncOp>(createSimplifyPass());
  manager.addPass(createRemoveUnusedBuffersPass());
  manager.addPass(createCanonicalPass());
  manager.addPass(createDedupePass());
}

void registerKernelPasses() {
  mlir::registerPass(createSimplifyPass);
  mlir::registerPass(createDropRoundingsPass);
  mlir::registerPass(createSplitAxesPass);
  mlir::registerPass(createWindowBuffersPass);
  mlir::registerPass(createMergeAxesPass);
  mlir::registerPass(createCanonicalPass);
  mlir::registerPass(createDedupePass);
  mlir::registerPass(createRemoveUnusedBuffersPass);
  mlir::PassPipelineRegistration<>("tgc-kernel", "all passes of the kernel stage", addKernelPasses);
}

} // namespace tgc::kernel
