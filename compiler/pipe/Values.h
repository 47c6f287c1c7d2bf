// Emits a kernel's values and stores at points of its axes, scalar or with lanes.
#pragma once
#include "compiler/pipe/Memory.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace tgc::pipe {

/// What the emission of one kernel shares: its buffers, and values that do not come from the kernel's own
/// operations (the sums of a contraction, once they lie in memory).
class Values {
public:
  /// A value at a point: a scalar, or a vector of the point's lanes if it depends on the lane.
  using Source = std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, const Point &)>;

  /// `buffers` stand for the kernel's, in order.
  Values(kernel::FuncOp kernel, mlir::ValueRange buffers);
  void define(mlir::Value value, Source source) { sources[value] = std::move(source); }

  mutable kernel::FuncOp kernel; // its accessors are not const
  kernel::AxisSets axes;
  llvm::SmallVector<mlir::Value> buffers;
  llvm::DenseMap<mlir::Value, Source> sources;

  bool dependsOn(mlir::Value value, int axis) const { return axis >= 0 && axes.of(value).test(axis); }
};

/// Emission at one point; values are computed once. Everything is emitted at the builder's place, so that a
/// later pass moves out of loops what does not depend on them.
class PointEmitter {
public:
  PointEmitter(const Values &values, mlir::OpBuilder &builder, const Point &point)
      : values(values), builder(builder), point(point) {}

  /// Throws tgc::Error (Internal) for argmax, argmin and softmax that no source defines: plans refuse them.
  mlir::Value value(mlir::Value value);
  /// The same as a vector of the point's lanes, if it has lanes.
  mlir::Value valueInLanes(mlir::Value value);
  void store(kernel::StoreOp store);

private:
  mlir::Value compute(mlir::Value value);
  mlir::Value load(kernel::LoadOp load);
  mlir::Value loadPieces(kernel::LoadOp load, unsigned piece, mlir::Value fill);
  mlir::Value gather(kernel::GatherOp gather);
  mlir::Value remap(kernel::RemapOp remap);
  mlir::Value elementwise(mlir::Operation *op);
  mlir::Value perLane(mlir::Value value);
  mlir::Value constant(mlir::Location loc, mlir::TypedAttr number);
  mlir::Value splat(mlir::Location loc, mlir::Value scalar);

  /// A loop over one axis; with a step above 1 the step's points are lanes.
  struct Level {
    int axis;
    int64_t from, to, step;
  };
  mlir::Value overBox(mlir::Location loc, llvm::ArrayRef<Level> levels, const Point &at, mlir::Value carried,
                      llvm::function_ref<mlir::Value(const Point &, mlir::Value)> body);
  /// Σ, Π, max or min of `element` over axes, in `type`.
  mlir::Value reduce(mlir::Value result, mlir::ValueRange over, mlir::vector::CombiningKind kind,
                     mlir::Type type, llvm::function_ref<mlir::Value(PointEmitter &)> element);
  mlir::Value reduce(kernel::ReduceOp reduce);
  mlir::Value moment(kernel::MomentsOp moments, bool variance);

  const Values &values;
  mlir::OpBuilder &builder;
  Point point;
  llvm::DenseMap<mlir::Value, mlir::Value> known;
};

} // namespace tgc::pipe
