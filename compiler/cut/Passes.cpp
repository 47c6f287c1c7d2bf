#include "compiler/cut/Passes.h"

#include "mlir/Pass/PassRegistry.h"

namespace tgc::cut {

void addCutPasses(mlir::OpPassManager &manager, Choices *choices) {
  manager.addPass(createCutPass(choices));
  // These want kernels that are launched once: before equal kernels become one.
  manager.addPass(createShrinkBuffersPass());
  manager.addPass(createChooseLayoutsPass());
}

void registerCutPasses() {
  mlir::registerPass([] { return createCutPass(); });
  mlir::registerPass(createShrinkBuffersPass);
  mlir::registerPass(createChooseLayoutsPass);
  mlir::PassPipelineRegistration<>("tgc-graph-to-kernel", "the graph stage to the kernel stage",
                                   [](mlir::OpPassManager &manager) { addCutPasses(manager); });
}

} // namespace tgc::cut
