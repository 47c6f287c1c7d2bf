// How operations read: views without fill are composed away, so that what is left are values that a kernel
// computes and index expressions between them.
#pragma once
#include "compiler/cut/Index.h"
#include "compiler/graph/Graph.h"
#include "llvm/ADT/DenseSet.h"

namespace tgc::cut {

llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);
int64_t elementsOf(mlir::Value value);
/// Bytes in memory; a truth value takes one.
int64_t bytesOf(mlir::Value value);
mlir::Type elementOf(mlir::Value value);

/// Element d of the reader's domain uses element index(d) of `root`.
struct Read {
  mlir::Value root;
  Exprs index;
  bool identity = false; ///< same shape, index is d itself
};

/// Solid values are all but the results of views without fill; a view is made solid when it must be in memory
/// as it stands.
class Accesses {
public:
  void makeSolid(mlir::Operation *view) { solidViews_.insert(view); }
  bool isSolid(mlir::Operation *op) const;

  /// The solid value behind `value`, over the dimensions of `value`.
  const Read &resolve(mlir::Value value);
  /// What a solid operation reads, over domainOf(op), in the order of its operands.
  llvm::ArrayRef<Read> reads(mlir::Operation *op);

private:
  llvm::DenseMap<mlir::Value, Read> resolved_;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<Read>> reads_;
  llvm::DenseSet<mlir::Operation *> solidViews_;
};

/// The iteration space of an operation: its result's shape, a contraction's extents, a reduction's source.
llvm::ArrayRef<int64_t> domainOf(mlir::Operation *op);

/// Contractions, reductions and moments: what a kernel is built around.
bool isCore(mlir::Operation *op);
bool isContract(mlir::Operation *op);
/// Weights, and constants that are no splat.
bool isWeight(mlir::Operation *op);
/// A constant with one value for all elements.
bool isSplat(mlir::Operation *op);
/// Views and pieces: no arithmetic.
bool isMovement(mlir::Operation *op);

} // namespace tgc::cut
