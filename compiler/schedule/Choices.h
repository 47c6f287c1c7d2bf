// An operand as a choice between loads.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "search/KernelInfo.h"

namespace tgc {

/// What a value of the kernel is chosen from; empty if it is more than a choice, or a condition is not linear.
/// `positionOf` gives the position of a load's first piece among the accesses.
std::vector<ChoiceInfo> choicesOf(kernel::FuncOp func, mlir::Value value,
                                  llvm::function_ref<int(mlir::Operation *)> positionOf);

} // namespace tgc
