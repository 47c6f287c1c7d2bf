// Loads and stores of a kernel's buffers at a point, scalar or with lanes.
#pragma once
#include "compiler/pipe/Point.h"

namespace tgc::pipe {

/// Where the elements of one access lie: `buffer[map]` over some axes of the kernel.
struct Place {
  mlir::Value buffer;
  mlir::AffineMap map;
};

/// Loads and stores at one point; a value is a vector where its index depends on the lane, else a scalar.
class MemoryEmitter {
public:
  MemoryEmitter(mlir::OpBuilder &builder, mlir::Location loc, kernel::FuncOp kernel, mlir::ValueRange axes,
                const Point &point)
      : builder(builder), loc(loc), index(builder, loc, kernel, axes, point), lanes(point.lanes) {}

  /// The element(s), which must be in range in every lane.
  mlir::Value load(const Place &place);
  /// Lanes where `mask` is set; the others keep `otherwise` and touch no memory.
  mlir::Value load(const Place &place, mlir::Value mask, mlir::Value otherwise);
  /// `mask` may be null. The value is a vector exactly where the index depends on the lane.
  void store(mlir::Value value, const Place &place, mlir::Value mask);

  bool dependsOnLane(mlir::AffineMap map) const;
  IndexEmitter &indices() { return index; }
  mlir::Value splat(mlir::Value scalar);

private:
  /// How the lanes lie in memory.
  struct Access {
    bool contiguous = false;
    mlir::Value memref;
    llvm::SmallVector<mlir::Value> indices;
    mlir::Value lanes; ///< index vector, if not contiguous
  };
  Access accessOf(const Place &place);
  mlir::Value allLanes();

  mlir::OpBuilder &builder;
  mlir::Location loc;
  IndexEmitter index;
  int64_t lanes;
};

/// The buffer's memory as one row of elements from its base.
mlir::Value flatten(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value buffer);

} // namespace tgc::pipe
