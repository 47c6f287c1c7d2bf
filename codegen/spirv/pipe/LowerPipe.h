// Lowers a block program of the pipe generator to the program of one thread of an Intel GPU.
#pragma once
#include "compiler/tile/Tile.h"

namespace tgc::spv {

/// Whether the program has groups that multiply by matrix instructions.
bool isPipe(tile::FuncOp program);

/// Replaces such a program by
///   func.func @k(buffers…) attributes {tgc.kernel, tgc.threads, tgc.shared_bytes, tgc.subgroup, tgc.registers}
/// whose body calls imported functions of Intel's compilers by operations of the SPIR-V dialect, as the declarations
/// beside it say. Throws tgc::Error (Internal).
void lowerPipe(tile::FuncOp program);

} // namespace tgc::spv
