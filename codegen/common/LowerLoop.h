// Lowers a block program of the loop generator to the program of one thread of a GPU.
#pragma once
#include "compiler/tile/Tile.h"
#include "search/DeviceInfo.h"

namespace tgc {

/// Replaces the tile.func by
///   func.func @k(buffers…) attributes {tgc.kernel, tgc.threads, tgc.shared_bytes}
/// whose body finds block and thread by the gpu dialect and has its shared memory in
/// gpu.dynamic_shared_memory. Throws tgc::Error (Internal).
void lowerLoopProgram(tile::FuncOp program, const DeviceInfo &device);

} // namespace tgc
