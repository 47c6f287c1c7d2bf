// The loop generator: any kernel as plain loops over blocks, registers and vector lanes.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "compiler/tile/Tile.h"
#include "search/Plan.h"

namespace tgc {

/// Makes the block program of `kernel` by a plan whose body is a LoopPlan, at the builder's insertion point,
/// under the kernel's name. Buffers are flat inside; memrefs of i1 stay memrefs of i1, a target says how
/// memory holds them. Throws tgc::Error (Internal) if the plan is not one of this kernel.
tile::FuncOp generateLoop(mlir::OpBuilder &builder, kernel::FuncOp kernel, const KernelInfo &info,
                          const Plan &plan);

} // namespace tgc
