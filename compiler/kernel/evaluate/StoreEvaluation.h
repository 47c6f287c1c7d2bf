// Everything that one store writes, in parts that fit memory.
#pragma once
#include "compiler/kernel/evaluate/Interpreter.h"

namespace tgc::kernel::evaluator {

/// Calls visit(position, value) for every point where the store's condition holds; `position` is the value of
/// the given expression, whose dimensions are the store's axes.
void forEachStored(FuncOp func, StoreOp store, Interpreter &interpreter, mlir::AffineExpr position,
                   llvm::function_ref<void(int64_t position, const Cell &cell)> visit);

} // namespace tgc::kernel::evaluator
