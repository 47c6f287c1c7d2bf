// Evaluates values of a kernel over boxes of coordinates, each value once per box.
#pragma once
#include "compiler/kernel/Evaluate.h"
#include "compiler/kernel/evaluate/Tensor.h"

#include <memory>

namespace tgc::kernel::evaluator {

class Interpreter {
public:
  /// `scales`: whether the sizes of sums are wanted too.
  Interpreter(FuncOp func, llvm::ArrayRef<Bytes> buffers, bool scales);

  using TensorPtr = std::shared_ptr<const Tensor>;

  /// The value over the part of `box` that its axes span.
  TensorPtr value(mlir::Value value, const Box &box);

  /// All coordinates of every axis.
  Box wholeBox() const;

  /// Cells that evaluating `value` over `box` computes, its operands' included.
  int64_t cellsFor(mlir::Value value, const Box &box);

  /// Forgets what was computed for a part of `axes`; what spans them wholly stays.
  void forgetParts(const llvm::SmallBitVector &axes);
  void forgetAll();
  int64_t heldCells() const { return heldCells_; }

  llvm::SmallVector<unsigned> axesOf(mlir::ValueRange axes);
  const AxisSets &axisSets() const { return sets_; }

private:
  struct Key {
    const void *value;
    llvm::SmallVector<int64_t> box;
    bool operator<(const Key &other) const { return std::tie(value, box) < std::tie(other.value, other.box); }
  };
  Key keyOf(mlir::Value value, const Box &box);

  void compute(mlir::Operation *op, const Box &box, llvm::MutableArrayRef<std::shared_ptr<Tensor>> results);
  void load(LoadOp op, const Box &box, Tensor &result);
  void gather(GatherOp op, const Box &box, Tensor &result);
  void coord(CoordOp op, const Box &box, Tensor &result);
  void test(TestOp op, const Box &box, Tensor &result);
  void remap(RemapOp op, const Box &box, Tensor &result);
  void elementwise(mlir::Operation *op, const Box &box, Tensor &result);
  Box widened(const Box &box, llvm::ArrayRef<unsigned> axes);

  FuncOp func_;
  llvm::SmallVector<Bytes> buffers_;
  bool scales_;
  double widest_ = 0; ///< σ of the types that are stored: what scales are measured in
  AxisSets sets_;
  llvm::DenseSet<mlir::Operation *> kept_;
  std::map<Key, TensorPtr> cache_;
  int64_t heldCells_ = 0;
};

/// Where an element lies in its buffer: the distance from the base in elements, over the map's dimensions.
mlir::AffineExpr elementOffset(mlir::MemRefType type, mlir::AffineMap map);

/// Conditions of a set prepared for evaluation along rows.
class RowConditions {
public:
  /// Keeps the constraints that do not hold all over the box.
  void add(mlir::IntegerSet set, llvm::ArrayRef<unsigned> axes, const Box &box);
  /// The constraint expr >= 0, or == 0.
  void add(mlir::AffineExpr expr, bool equality, llvm::ArrayRef<unsigned> axes, const Box &box);

  bool always() const { return functions_.empty() && !never_; }
  /// holds[i] &= the conditions at element i of the row.
  void row(llvm::ArrayRef<int64_t> coordinates, std::optional<unsigned> axis, int64_t length, char *holds);

private:
  std::vector<std::pair<IndexFunction, bool>> functions_;
  std::vector<int64_t> values_;
  bool never_ = false;
};

} // namespace tgc::kernel::evaluator
