// Simplification of index expressions by the known ranges of the dimensions.
#pragma once
#include "mlir/IR/AffineMap.h"
#include <utility>

namespace tgc::graph {

/// The least and the greatest value that interval arithmetic gives `expr` for 0 <= d_i < extents[i]. Exact for sums
/// of distinct dimensions.
std::pair<int64_t, int64_t> indexRange(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> extents);

/// An equal expression for all 0 <= d_i < extents[i], with floordiv and mod removed or made smaller where the ranges
/// allow. Every extent is positive (with an empty domain any expression is right, and `expr` is returned).
mlir::AffineExpr simplifyIndex(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> extents);
mlir::AffineMap simplifyIndex(mlir::AffineMap map, llvm::ArrayRef<int64_t> extents);

} // namespace tgc::graph
