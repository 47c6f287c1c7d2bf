// Reductions across threads as shuffles and shared memory.
#pragma once
#include "codegen/common/SharedMemory.h"
#include "compiler/tile/Tile.h"

namespace tgc {

/// Replaces all such operations of the function. `threads` are those of a block, `subgroup` those that shuffle among
/// themselves.
void lowerReduces(mlir::func::FuncOp function, mlir::Value thread, int64_t threads, int64_t subgroup,
                  SharedMemory &shared);

} // namespace tgc
