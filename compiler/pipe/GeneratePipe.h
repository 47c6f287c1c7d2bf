// The pipe generator: contractions and attention as a walk over tiles, with copies, dots and an epilogue.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "compiler/tile/Tile.h"
#include "search/Plan.h"

namespace tgc {

/// Makes the block program of `kernel` by a plan whose body is a PipePlan, at the builder's insertion point, under
/// the kernel's name. Operands that the plan packs ahead are already read from their packed buffer in `kernel`
/// (compiler/schedule/Pack.h); `info` may describe the kernel before or after. Throws tgc::Error (Internal) if
/// the plan is not one of this kernel.
tile::FuncOp generatePipe(mlir::OpBuilder &builder, kernel::FuncOp kernel, const KernelInfo &info,
                          const Plan &plan);

} // namespace tgc
