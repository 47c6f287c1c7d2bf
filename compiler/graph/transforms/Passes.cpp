#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

namespace tgc::graph {

void addGraphPasses(mlir::OpPassManager &manager, int64_t attendColumns) {
  manager.addPass(createFoldEmptyPass());
  manager.addPass(createComposeViewsPass());
  manager.addPass(mlir::createCSEPass());
  manager.addPass(createFindMomentsPass());
  manager.addPass(createExtractScalesPass());
  manager.addPass(createNarrowIntegersPass());
  manager.addPass(createFindAttentionPass(attendColumns));
  manager.addPass(createMergeContractionsPass());
  manager.addPass(createJoinSlicesPass());
  manager.addPass(createComposeViewsPass());
  manager.addPass(mlir::createCSEPass());
  manager.addPass(createSplitConcatsPass());
  // Slices of slices, and operands of what was merged.
  manager.addPass(createComposeViewsPass());
  manager.addPass(mlir::createCSEPass());
}

void registerGraphPasses() {
  registerFindAttentionPass();
  registerNarrowContractionsPass();
  registerAvoidDoublePass();
  mlir::registerPass(createFoldEmptyPass);
  mlir::registerPass(createComposeViewsPass);
  mlir::registerPass(createFindMomentsPass);
  mlir::registerPass(createExtractScalesPass);
  mlir::registerPass(createNarrowIntegersPass);
  mlir::registerPass(createMergeContractionsPass);
  mlir::registerPass(createJoinSlicesPass);
  mlir::registerPass(createSplitConcatsPass);
  mlir::PassPipelineRegistration<>(
      "tgc-graph", "all passes of the graph stage",
      [](mlir::OpPassManager &manager) { addGraphPasses(manager.nest<mlir::func::FuncOp>()); });
}

} // namespace tgc::graph
