// The tile dialect's operations: one block's program.
#pragma once
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "compiler/tile/TileDialect.h.inc"
#include "compiler/tile/TileEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/tile/TileAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/tile/TileTypes.h.inc"
#define GET_OP_CLASSES
#include "compiler/tile/Tile.h.inc"

namespace tgc::tile {

/// The layout of any tile as parts, whatever its attribute; nullopt when it is neither strided nor a
/// #tile.layout. Strides are in elements; where the tile begins is not part of it.
std::optional<llvm::SmallVector<llvm::SmallVector<LayoutAttr::Part>>> layoutOf(mlir::MemRefType type);

/// Elements of memory from the tile's first to behind its last.
int64_t spanOf(mlir::MemRefType type);

} // namespace tgc::tile
