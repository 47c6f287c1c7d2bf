// The passes of the kernel stage, and their one order.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace tgc::kernel {

// On one kernel.
/// Maps and conditions in normal form; what never holds, always holds or is not used goes.
std::unique_ptr<mlir::Pass> createSimplifyPass();
/// Deletes pairs of rounding and widening that need not happen.
std::unique_ptr<mlir::Pass> createDropRoundingsPass();
/// Removes floordiv and mod by splitting axes.
std::unique_ptr<mlir::Pass> createSplitAxesPass();

// On the module: they change a kernel's arguments and its launches together.
/// Gives kernels only the parts of buffers that they use, so that kernels on different parts are equal.
std::unique_ptr<mlir::Pass> createWindowBuffersPass();
/// Joins axes that are only used together, and the buffers' dimensions behind them.
std::unique_ptr<mlir::Pass> createMergeAxesPass();
/// Canonical names and order of axes, buffers and operations.
std::unique_ptr<mlir::Pass> createCanonicalPass();
/// Makes equal kernels one, under names made of their shape and hash.
std::unique_ptr<mlir::Pass> createDedupePass();
/// Removes buffers that nothing reads, with what writes them.
std::unique_ptr<mlir::Pass> createRemoveUnusedBuffersPass();

/// All of them, in order, on a module.
void addKernelPasses(mlir::OpPassManager &manager);
/// Each pass by its name, and the pipeline `tgc-kernel`.
void registerKernelPasses();

// What the passes do, for callers that hold one kernel.
void simplifyKernel(FuncOp func);
void dropRoundings(FuncOp func);
void splitAxes(FuncOp func);

} // namespace tgc::kernel
