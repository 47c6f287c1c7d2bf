// Lowers block programs with roles, rings and fragments to one thread's program for sm_90a.
#pragma once
#include "compiler/tile/Tile.h"

namespace tgc::ptx {

/// Whether the program uses asynchronous atoms, so that lowerPipe is its lowering.
bool isPipe(tile::FuncOp tile);

/// Replaces `tile` by func.func @k(buffers…, tensor maps…) attributes {tgc.kernel, tgc.threads, tgc.shared_bytes,
/// tgc.tensor_maps}. Every tensor map is a !llvm.ptr to 128 bytes by value, in the order of tgc.tensor_maps, whose
/// elements say buffer (number), offset, sizes, strides, box, steps (dimensions outermost first, in elements) and
/// swizzle (bytes). Its shared memory is gpu.dynamic_shared_memory.
void lowerPipe(tile::FuncOp tile);

} // namespace tgc::ptx
