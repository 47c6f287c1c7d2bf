// Where each value of a kernel is needed: what the conditions of the stores behind it have in common.
#pragma once
#include "compiler/kernel/Kernel.h"

namespace tgc::kernel {

/// For every value a condition over all axes outside which it may be left uncomputed.
llvm::DenseMap<mlir::Value, mlir::IntegerSet> neededDomains(FuncOp func);

} // namespace tgc::kernel
