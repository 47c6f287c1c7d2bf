// Where the elements of a tensor lie on the axes of a kernel: affine placements and how they are found.
#pragma once
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/IntegerSet.h"
#include <optional>

namespace tgc::cut {

using Extents = llvm::ArrayRef<int64_t>;
using Exprs = llvm::SmallVector<mlir::AffineExpr>;

/// A conjunction of constraints `expr == 0` or `expr >= 0`.
struct Conditions {
  Exprs exprs;
  llvm::SmallVector<bool> equalities;

  bool empty() const { return exprs.empty(); }
  void add(mlir::AffineExpr expr, bool equality);
  void add(const Conditions &other);
  /// Constraints of `set` at `index`; a null set has none.
  void add(mlir::IntegerSet set, llvm::ArrayRef<mlir::AffineExpr> index);
  Conditions replaced(llvm::ArrayRef<mlir::AffineExpr> dims) const;
  /// Normal form over dimensions of these extents: without constraints that always hold; a conjunction that
  /// never holds becomes -1 >= 0.
  void simplify(Extents extents);
  bool neverHold() const;
  mlir::IntegerSet toSet(mlir::MLIRContext *context, unsigned dims) const;
  bool operator==(const Conditions &other) const {
    return exprs == other.exprs && equalities == other.equalities;
  }
};

/// Element index(axes) of a tensor, where the conditions hold; every element of the tensor has one such
/// point.
struct Placement {
  Exprs index;
  Conditions where;
};

/// An axis replaced by two: outer · inner extent + inner. The new axis stands right after the old one.
struct Split {
  unsigned axis;
  int64_t inner;
};
/// What the old axes are after the split, over the new ones; `extents` becomes those of the new axes.
Exprs applySplit(Split split, llvm::SmallVectorImpl<int64_t> &extents, mlir::MLIRContext *context);

/// Splits, one after the other, after which `exprs` over dimensions of these extents have no floordiv or mod
/// left that a split can remove; nothing if breaks do not divide each other.
std::optional<llvm::SmallVector<Split>> digitSplits(llvm::ArrayRef<mlir::AffineExpr> exprs, Extents extents);

/// Dimensions of extent 1 come out with stride 0, which does not matter and which a memref's text cannot say.
inline void fillIdleStrides(llvm::MutableArrayRef<int64_t> strides) {
  for (int64_t &stride : strides)
    stride = stride == 0 ? 1 : stride;
}

/// constant + Σ coefficients[d] · d, where `expr` has that form.
struct LinearForm {
  int64_t constant = 0;
  llvm::SmallVector<int64_t> coefficients;
};
std::optional<LinearForm> linearForm(mlir::AffineExpr expr, unsigned dims);

Exprs replaceDims(llvm::ArrayRef<mlir::AffineExpr> exprs, llvm::ArrayRef<mlir::AffineExpr> dims);
Exprs simplified(llvm::ArrayRef<mlir::AffineExpr> exprs, Extents extents);
/// d0, d1, …, but 0 for a dimension of extent 1.
Exprs identityIndex(Extents extents, mlir::MLIRContext *context);
/// Row-major position of an index in a tensor, and the index at a position.
mlir::AffineExpr linearise(llvm::ArrayRef<mlir::AffineExpr> index, Extents shape, mlir::MLIRContext *context);
Exprs delinearise(mlir::AffineExpr position, Extents shape);

/// The placement of a tensor of shape `domain` whose element d goes with element access(d) of a tensor placed
/// at `target` on `axes`, and the splits of axes that it needs (target is not rewritten by them). Nothing if
/// access is not one-to-one or needs more than mixed-radix digits, offsets and permutations.
struct Unified {
  Placement placement;
  llvm::SmallVector<Split> splits;
  llvm::SmallVector<int64_t> axes; ///< extents after the splits
};
/// With `extend`, digits that the access does not tell apart take axes that the target does not use, where the
/// extents agree: a tensor put together from its even and its odd elements.
std::optional<Unified> unify(Extents domain, llvm::ArrayRef<mlir::AffineExpr> access, const Placement &target,
                             Extents axes, mlir::MLIRContext *context, bool extend = false);

} // namespace tgc::cut
