// Describes a kernel to schedules and plans, which know nothing of MLIR.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "search/KernelInfo.h"

namespace tgc {

/// Accesses are in the order of the body, a load's pieces in theirs; reductions in the order of the body.
KernelInfo describeKernel(kernel::FuncOp kernel);

/// Throws tgc::Error (Unsupported) for a type that kernels do not have.
ElementType elementTypeOf(mlir::Type type);

} // namespace tgc
