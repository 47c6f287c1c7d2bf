// Lowers block programs with roles or groups, rings and fragments to one thread's program.
#pragma once
#include "compiler/tile/Tile.h"

namespace tgc::ptx {

/// Whether the program has roles or groups, so that lowerPipe is its lowering.
bool isPipe(tile::FuncOp tile);

/// Replaces `tile` by func.func @k(buffers…, tensor maps…) attributes {tgc.kernel, tgc.threads, tgc.shared_bytes,
/// tgc.tensor_maps}. Every tensor map is a !llvm.ptr to 128 bytes by value, in the order of tgc.tensor_maps, whose
/// elements say buffer (number), offset, sizes, strides, box, steps (dimensions outermost first, in elements) and
/// swizzle (bytes). Its shared memory is gpu.dynamic_shared_memory. tgc.cluster is there if blocks come in clusters. With
/// `matrixStores` the machine has stmatrix, which roles need and groups like.
void lowerPipe(tile::FuncOp tile, bool matrixStores);

} // namespace tgc::ptx
