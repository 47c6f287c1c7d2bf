// Lowers the tile stage to the CPU's thread stage.
#pragma once
#include "codegen/cpu/CpuTarget.h"
#include "mlir/IR/BuiltinOps.h"

namespace tgc::cpu {

/// Replaces every tile.func of the module by a func.func of the thread stage. Throws tgc::Error (Internal).
void lowerTileModule(mlir::ModuleOp module, const CpuTarget &target);

} // namespace tgc::cpu
