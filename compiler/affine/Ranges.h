// Simplification of quasi-affine expressions whose dimensions have known extents.
#pragma once
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/IntegerSet.h"

namespace tgc::affine {

/// Inclusive bounds of a value.
struct Range {
  int64_t min, max;
};

/// Bounds of `expr` when dimension d runs over 0 … extents[d] - 1. Exact for sums of single-use dimensions,
/// conservative otherwise.
Range rangeOf(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> extents);

/// An equal expression in normal form: sums of products sorted, floordiv and mod by constants removed where
/// the ranges and divisibility of their parts allow ((d0 * 128 + d1) floordiv 128 with d1 < 128 is d0).
mlir::AffineExpr simplify(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> extents);
mlir::AffineMap simplify(mlir::AffineMap map, llvm::ArrayRef<int64_t> extents);

/// Drops constraints that always hold. A set that never holds becomes the one constraint -1 >= 0; one that
/// always holds becomes 0 == 0.
mlir::IntegerSet simplify(mlir::IntegerSet set, llvm::ArrayRef<int64_t> extents);
bool neverHolds(mlir::IntegerSet set);

/// Whether map(d) lies inside `shape` for every point of `extents`.
bool alwaysInside(mlir::AffineMap map, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> extents);

/// The constraints 0 <= map(d) < shape that ranges cannot prove, conjoined with `set`.
mlir::IntegerSet withBounds(mlir::IntegerSet set, mlir::AffineMap map, llvm::ArrayRef<int64_t> shape,
                            llvm::ArrayRef<int64_t> extents);

} // namespace tgc::affine
