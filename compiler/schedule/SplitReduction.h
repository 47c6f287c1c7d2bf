// Takes a kernel apart at a reduction: parts that are reduced side by side, and what is done with them.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "search/Plan.h"

namespace tgc {

/// Replaces `kernel` and its launches by two or three kernels without schedules, which it gives: one that
/// reduces every part of the axis into a workspace, one that joins the parts and computes what depends on the
/// results but not on the axis, and, if something stored does depend on the axis, one for that. `kernel` is
/// erased; `info` describes it. The workspaces are buffers of the program.
llvm::SmallVector<kernel::FuncOp> splitReduction(mlir::ModuleOp module, kernel::FuncOp kernel,
                                                 const KernelInfo &info, const SplitPlan &plan);

} // namespace tgc
