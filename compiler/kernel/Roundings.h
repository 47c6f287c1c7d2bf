// Which of a kernel's roundings are part of its meaning.
#pragma once
#include "compiler/kernel/Kernel.h"

namespace tgc::kernel {

/// The truncf operations whose rounding has to happen: those on an element-wise path to an operation that a
/// small change of its operand can turn over (sin, cos, floor, ceil, round, a comparison, a conversion to
/// integers, a remainder, argmax). Every other value may stay as wide as it was computed.
llvm::DenseSet<mlir::Operation *> keptRoundings(FuncOp func);

} // namespace tgc::kernel
