// Reductions across threads as shuffles and shared memory.
#pragma once
#include "codegen/ptx/SharedMemory.h"
#include "compiler/tile/Tile.h"

namespace tgc::ptx {

/// Replaces the operation. `threads` are those of a block, `subgroup` those that shuffle among themselves.
void lowerReduce(tile::ReduceOp op, mlir::Value thread, int64_t threads, int64_t subgroup, SharedMemory &shared);

} // namespace tgc::ptx
