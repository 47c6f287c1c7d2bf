// Describes a kernel to schedules and plans, which know nothing of MLIR.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "search/KernelInfo.h"

namespace tgc {

/// Accesses are in the order of the body, a load's pieces in theirs; reductions in the order of the body.
KernelInfo describeKernel(kernel::FuncOp kernel);

/// Throws tgc::Error (Unsupported) for a type that kernels do not have.
ElementType elementTypeOf(mlir::Type type);

/// Adds factor · expr to `index`; false if expr is not linear, then the dimensions it names get coefficient 1.
bool addLinear(mlir::AffineExpr expr, int64_t factor, LinearIndex &index);
/// Whether the number is 0 and has no sign.
bool isZero(mlir::Attribute number);

} // namespace tgc
