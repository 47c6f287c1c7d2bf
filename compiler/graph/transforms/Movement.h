// Building and composing of views and pieces.
#pragma once
#include "compiler/graph/Graph.h"
#include "mlir/IR/PatternMatch.h"

namespace tgc::graph {

/// The pieces and fill of one movement.
struct Movement {
  llvm::SmallVector<Piece> pieces;
  mlir::TypedAttr fill;
};

llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);
mlir::Type elementOf(mlir::Value value);

/// The movement of a view or piece operation in normal form: maps and domains simplified, pieces that never
/// apply gone, pieces of one source that are one map united, no fill where nothing is filled.
Movement normalised(Movement movement, llvm::ArrayRef<int64_t> shape);
/// Pieces of one source that cover equal intervals of one quantity, each moved on from the last by one step, as one
/// map: halves exchanged, even and odd elements put back, frames taken from channels. `step` is the interval's
/// number, an expression of the result's dimensions.
struct United {
  mlir::AffineMap map;
  mlir::AffineExpr step;
};
std::optional<United> unite(llvm::SmallVector<Piece> pieces, llvm::ArrayRef<int64_t> shape);
Movement movementOf(mlir::Operation *op);

/// The value with the movement's elements: the source itself, a constant, a view or a piece.
mlir::Value buildMovement(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                          const Movement &movement);
mlir::Value buildView(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value source, mlir::AffineMap map,
                      llvm::ArrayRef<int64_t> shape);
bool isIdentityMap(mlir::AffineMap map, llvm::ArrayRef<int64_t> domain, llvm::ArrayRef<int64_t> source);

/// A constant of one value for all elements: that value; else null.
mlir::TypedAttr splatOf(mlir::Value value);
mlir::Value buildSplat(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                       mlir::TypedAttr value);

/// arith and math operations that map elements to elements.
bool isElementwise(mlir::Operation *op);
/// The operation on operands of another shape.
mlir::Value buildElementwise(mlir::OpBuilder &builder, mlir::Operation *like, mlir::ValueRange operands);

/// Whether the value depends on weights and constants alone.
bool isWeightOnly(mlir::Value value, llvm::DenseMap<mlir::Value, bool> &known);

} // namespace tgc::graph
