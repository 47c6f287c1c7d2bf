// Lowers the tile stage's copies, maps and dots to loops of one thread.
#pragma once
#include "codegen/cpu/CpuTarget.h"
#include "compiler/tile/Tile.h"

namespace tgc::cpu {

/// Where a tile lies: elements from `offset` on in a memref of static strides, by the layout's parts.
struct TilePlace {
  mlir::Value memref;
  mlir::Value offset; ///< elements from the memref's base pointer; null for 0
  llvm::SmallVector<llvm::SmallVector<tile::LayoutAttr::Part>> dims;
};

/// Follows views to the memory behind them; code goes to the builder's place.
TilePlace placeOf(mlir::OpBuilder &builder, mlir::Value tile);

/// Every tile.dot below `root` becomes the register-tiled outer product. Throws tgc::Error (Internal) for layouts
/// that it does not take.
void lowerDots(mlir::Operation *root, const CpuTarget &target);

/// Every tile.copy and tile.map below `root` becomes loops; what does not depend on an inner loop moves out of it,
/// and conditions that do not become branches around it.
void lowerNests(mlir::Operation *root);

/// All of it, walks and views and scratch of special layout included: what is left are tile.func, tile.scratch
/// of plain memrefs, and the dialects of the thread stage.
void lowerTileOperations(mlir::Operation *root, const CpuTarget &target);

} // namespace tgc::cpu
