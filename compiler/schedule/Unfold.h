// Computes operands of a contraction ahead, as rows of the depth.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "search/Plan.h"

namespace tgc {

/// As takeApart.
llvm::SmallVector<kernel::FuncOp> applyUnfold(mlir::ModuleOp module, kernel::FuncOp kernel,
                                              const KernelInfo &info, const UnfoldPlan &plan);

} // namespace tgc
