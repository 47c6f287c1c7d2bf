// A point of a kernel's axes, or a row of neighbours along one axis, and index arithmetic there.
#pragma once
#include "compiler/kernel/Kernel.h"

namespace tgc::pipe {

/// Where a value is computed: a coordinate (index) for every axis that is bound there, null for the others. With
/// lanes, the point stands for `lanes` points along `laneAxis`, whose coordinate is that of the first.
struct Point {
  llvm::SmallVector<mlir::Value> coords;
  int laneAxis = -1;
  int64_t lanes = 1;

  Point withoutLanes() const {
    Point point = *this;
    point.laneAxis = -1;
    point.lanes = 1;
    return point;
  }
};

/// Quasi-affine expressions over some axes of a kernel, emitted at a point. Dimension d of an expression is the
/// axis at position axes[d].
class IndexEmitter {
public:
  IndexEmitter(mlir::OpBuilder &builder, mlir::Location loc, kernel::FuncOp kernel, mlir::ValueRange axes,
               const Point &point);

  /// The expression at the first lane.
  mlir::Value first(mlir::AffineExpr expr);
  /// What the expression gains from lane to lane; nullopt where that is not the same everywhere.
  std::optional<int64_t> step(mlir::AffineExpr expr);
  /// The expression in every lane, as vector<lanes x index>.
  mlir::Value all(mlir::AffineExpr expr);
  bool dependsOnLane(mlir::AffineExpr expr) const {
    return laneDim >= 0 && expr.isFunctionOfDim(unsigned(laneDim));
  }

  /// Whether the set holds: the part that is the same in all lanes (i1) and the part that is not (a vector of
  /// i1); null where a part always holds.
  struct Condition {
    mlir::Value same, perLane;
  };
  Condition holds(mlir::IntegerSet set);

  llvm::ArrayRef<int64_t> extents() const { return extents_; }

private:
  mlir::Value iota();
  mlir::Value splat(mlir::Value index);
  mlir::Value splat(int64_t value);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  llvm::SmallVector<mlir::Value> coords;
  llvm::SmallVector<int64_t> extents_;
  int laneDim = -1;
  int64_t lanes;
};

} // namespace tgc::pipe
