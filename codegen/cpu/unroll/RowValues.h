// Vectors of rank 2 and more as lists of their rows.
#pragma once
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"

namespace tgc::cpu {

using Rows = llvm::SmallVector<mlir::Value>;

/// Whether values of this type are lists of rows: vectors of rank 2 and more.
bool hasRows(mlir::Type type);
mlir::VectorType rowType(mlir::VectorType type);
int64_t rowCount(mlir::VectorType type);

/// Index of a row from the leading coordinates, and back.
int64_t linear(llvm::ArrayRef<int64_t> at, llvm::ArrayRef<int64_t> shape);
llvm::SmallVector<int64_t> delinear(int64_t index, llvm::ArrayRef<int64_t> shape);

/// The rows of each value that has some; known in order of dominance.
class RowValues {
public:
  Rows of(mlir::Value value) const;
  void set(mlir::Value value, Rows rows) { known[value] = std::move(rows); }
  /// The values, in place of each that has rows these.
  llvm::SmallVector<mlir::Value> spread(mlir::ValueRange values) const;
  /// Takes as many of `values` as the old value has rows.
  void adopt(mlir::Value old, mlir::ValueRange &values);

private:
  llvm::DenseMap<mlir::Value, Rows> known;
};

/// The rows of a vector, and a vector of rows.
Rows takeApart(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value);
mlir::Value assemble(mlir::OpBuilder &builder, mlir::Location loc, const Rows &rows, mlir::VectorType type);

} // namespace tgc::cpu
