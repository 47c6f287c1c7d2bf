// The graph dialect's operations, and the common form of its movement operations.
#pragma once
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "compiler/graph/GraphDialect.h.inc"
#include "compiler/graph/GraphEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/graph/GraphAttrs.h.inc"
#define GET_OP_CLASSES
#include "compiler/graph/Graph.h.inc"

namespace tgc::graph {

/// Names of the attributes of @main's arguments and results: the tensor's name in the model, and its
/// element type there when the signless MLIR type does not tell it ("u8", "u16", "u32", "u64").
inline constexpr llvm::StringLiteral kNameAttr = "graph.name";
inline constexpr llvm::StringLiteral kDtypeAttr = "graph.dtype";

/// One piece of a movement: result[d] = source[map(d)] where d is in `where` and the index in range.
struct Piece {
  mlir::Value source;
  mlir::AffineMap map;
  mlir::IntegerSet where; ///< over the result's dimensions; null means everywhere
};

/// The pieces of a view or piece operation in order; empty for any other operation.
llvm::SmallVector<Piece> getPieces(mlir::Operation *op);
/// The fill of a view or piece operation, null when there is none.
mlir::TypedAttr getFill(mlir::Operation *op);

} // namespace tgc::graph
