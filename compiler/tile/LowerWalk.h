// Turns tile.walk into index arithmetic where a block has one tile.
#pragma once
#include "mlir/IR/Operation.h"

namespace tgc::tile {

/// Every walk below `root` becomes its body, with coordinates computed from the ordinal.
void lowerWalks(mlir::Operation *root);

} // namespace tgc::tile
