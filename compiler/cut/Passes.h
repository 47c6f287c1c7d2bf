// The passes from the graph stage to the kernel stage, and their one order.
#pragma once
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace tgc::cut {

struct Choices;

/// Replaces @main by kernels, each launched once, and the program that launches them. Decides as `choices` says, which
/// outlives the pass and learns what was decided; null: by cost alone.
std::unique_ptr<mlir::Pass> createCutPass(Choices *choices = nullptr);
/// Intermediate buffers keep only what some kernel loads.
std::unique_ptr<mlir::Pass> createShrinkBuffersPass();
/// Intermediate buffers get the order of dimensions that the kernels want.
std::unique_ptr<mlir::Pass> createChooseLayoutsPass();

/// All of them, in order, on a module.
void addCutPasses(mlir::OpPassManager &manager, Choices *choices = nullptr);
/// Each pass by its name, and the pipeline `tgc-graph-to-kernel`.
void registerCutPasses();

} // namespace tgc::cut
