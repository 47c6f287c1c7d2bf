// Finds index expressions for tables of constant indices.
#pragma once
#include "mlir/IR/AffineExpr.h"
#include <optional>
#include <vector>

namespace tgc::onnx {

/// An expression e of `dims` with e(point) = values[point] for every point of a row-major table of shape
/// `shape`: a sum over the dimensions of affine, floordiv and mod forms. None where the table has no such
/// form.
std::optional<mlir::AffineExpr> fitIndex(llvm::ArrayRef<mlir::AffineExpr> dims,
                                         llvm::ArrayRef<int64_t> values, llvm::ArrayRef<int64_t> shape);

/// values[i] = expr(i) for start <= i < start + length.
struct IndexSegment {
  int64_t start, length;
  mlir::AffineExpr expr;
};
/// At most `most` segments that cover the table in order; none where it needs more.
std::optional<std::vector<IndexSegment>> fitSegments(mlir::AffineExpr dim, llvm::ArrayRef<int64_t> values,
                                                     size_t most);

} // namespace tgc::onnx
