// Convolutions by minimal filtering: fewer multiplications for more additions.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "search/Plan.h"

namespace tgc {

/// Replaces `kernel` and its launches by four kernels without schedules, which it gives: the weights transformed
/// (launched once), the data transformed, their product, and the results transformed back with all that the kernel
/// does to them. `kernel` is erased; `info` describes it. Lavin and Gray, "Fast Algorithms for Convolutional Neural
/// Networks" (2015), F(2×2, 3×3) and F(4×4, 3×3); in f32 the latter's error is some ten times that of the sum.
llvm::SmallVector<kernel::FuncOp> applyWinograd(mlir::ModuleOp module, kernel::FuncOp kernel,
                                                const KernelInfo &info, const WinogradPlan &plan);

} // namespace tgc
