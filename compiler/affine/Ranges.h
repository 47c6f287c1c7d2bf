// Simplification of quasi-affine expressions whose dimensions have known extents.
#pragma once
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/IntegerSet.h"

#include <optional>

namespace tgc::affine {

/// Inclusive bounds of a value.
struct Range {
  int64_t min, max;
};

// Everywhere below dimension d runs over 0 … extents[d] - 1. Expressions with symbols, products of dimensions
// or divisors that are not positive constants are left as they are.

/// Bounds of `expr`. Exact for sums of single-use dimensions, conservative otherwise.
Range rangeOf(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> extents);

/// An equal expression in normal form: sums of products sorted, floordiv and mod by constants removed where
/// the ranges and divisibility of their parts allow ((d0 * 128 + d1) floordiv 128 with d1 < 128 is d0).
mlir::AffineExpr simplify(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> extents);
mlir::AffineMap simplify(mlir::AffineMap map, llvm::ArrayRef<int64_t> extents);

/// Drops constraints that always hold and tightens the others. A set that never holds becomes the one
/// constraint -1 >= 0; one that always holds becomes 0 == 0.
mlir::IntegerSet simplify(mlir::IntegerSet set, llvm::ArrayRef<int64_t> extents);
bool neverHolds(mlir::IntegerSet set);

/// The same for points where `given` holds; the results may differ elsewhere.
mlir::AffineMap simplifyGiven(mlir::AffineMap map, mlir::IntegerSet given, llvm::ArrayRef<int64_t> extents);
mlir::IntegerSet simplifyGiven(mlir::IntegerSet set, mlir::IntegerSet given, llvm::ArrayRef<int64_t> extents);

/// Bounds of each dimension where `given` holds, as far as constraints on single dimensions tell.
llvm::SmallVector<Range> dimRanges(mlir::IntegerSet given, llvm::ArrayRef<int64_t> extents);

/// Whether map(d) lies inside `shape` for every point of `extents`.
bool alwaysInside(mlir::AffineMap map, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> extents);

/// The constraints 0 <= map(d) < shape that ranges cannot prove, conjoined with `set`.
mlir::IntegerSet withBounds(mlir::IntegerSet set, mlir::AffineMap map, llvm::ArrayRef<int64_t> shape,
                            llvm::ArrayRef<int64_t> extents);

/// Constraints of both sets; the sets have equal dimensions.
mlir::IntegerSet conjoin(mlir::IntegerSet a, mlir::IntegerSet b);

/// `map` undone: `dims` takes coordinates inside `domain` to the one point of the extents that map takes to
/// them; coordinates inside `shape` but outside `domain` are no value of the map.
struct Inverse {
  mlir::AffineMap dims;
  mlir::IntegerSet domain;
};

/// The inverse of a map made of linearised, split, permuted, offset and strided dimensions (reshapes,
/// transposes, slices and their compositions) whose values lie inside `shape`. Nothing if the map is not
/// injective or not of that kind.
std::optional<Inverse> invert(mlir::AffineMap map, llvm::ArrayRef<int64_t> extents,
                              llvm::ArrayRef<int64_t> shape);

} // namespace tgc::affine
