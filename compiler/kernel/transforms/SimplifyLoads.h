// Simplification of one load's pieces.
#pragma once
#include "compiler/kernel/Kernel.h"

namespace tgc::kernel {

/// Pieces that never hold go, equal neighbours become one, conditions and the else value go where they are
/// not needed. `need`: where the value is needed, over all axes. Says whether the load changed; it may be
/// gone.
bool simplifyLoad(FuncOp func, LoadOp load, mlir::IntegerSet need);

} // namespace tgc::kernel
