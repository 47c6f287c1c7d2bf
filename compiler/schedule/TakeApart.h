// Kernels in the place of one whose schedule takes it apart.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "search/Plan.h"

namespace tgc {

/// Replaces `kernel`, which `info` describes, and its launches by the plan's parts, without schedules; gives those in
/// the order in which they run.
llvm::SmallVector<kernel::FuncOp> takeApart(mlir::ModuleOp module, kernel::FuncOp kernel,
                                            const KernelInfo &info, const PartsResult &parts);

} // namespace tgc
