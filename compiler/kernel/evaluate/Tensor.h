// What the evaluator computes with: values of an axis set over a box of coordinates.
#pragma once
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/SmallVector.h"

#include <cmath>
#include <cstdint>
#include <vector>

namespace tgc::kernel::evaluator {

/// A real with the size of what was summed to make it, or an integer.
struct Cell {
  union {
    double real;
    int64_t integer;
  };
  double scale;

  static Cell ofReal(double value, double scale = 0) {
    Cell cell;
    cell.real = value;
    cell.scale = scale;
    return cell;
  }
  static Cell ofInteger(int64_t value) {
    Cell cell;
    cell.integer = value;
    cell.scale = 0;
    return cell;
  }
  double size() const { return std::abs(real) + scale; }
};

/// Coordinates low … low + size - 1 of every axis of the kernel.
struct Box {
  llvm::SmallVector<int64_t> low, size;
};

/// A dense array over some axes of a box. The longest axis stands last, so that rows are long.
struct Tensor {
  Tensor(const llvm::SmallBitVector &axisSet, const Box &box);

  llvm::SmallVector<unsigned> axes;
  llvm::SmallVector<int64_t> low, size; ///< of each axis in `axes`
  llvm::SmallVector<int64_t> stride;    ///< of each axis of the kernel, 0 where it is not in `axes`
  std::vector<Cell> cells;

  int64_t rowLength() const { return axes.empty() ? 1 : size.back(); }
  /// Distance between a row's elements along `axis`, for a row of another tensor whose last axis it is.
  int64_t stepAlong(const Tensor &other) const { return other.axes.empty() ? 0 : stride[other.axes.back()]; }
};

/// Calls body(coordinates, first) for each row: the coordinates of every axis of the kernel at the row's
/// start (0 for axes that the tensor does not have) and the row's first cell.
template <typename Body>
void forEachRow(const Tensor &tensor, Body body) {
  llvm::SmallVector<int64_t> coordinates(tensor.stride.size(), 0);
  for (auto [axis, low] : llvm::zip(tensor.axes, tensor.low))
    coordinates[axis] = low;
  int64_t outer = tensor.axes.empty() ? 0 : int64_t(tensor.axes.size()) - 1;
  int64_t first = 0;
  while (true) {
    body(llvm::ArrayRef<int64_t>(coordinates), first);
    int64_t position = outer - 1;
    for (; position >= 0; --position) {
      unsigned axis = tensor.axes[position];
      first += tensor.stride[axis];
      if (++coordinates[axis] < tensor.low[position] + tensor.size[position])
        break;
      first -= tensor.stride[axis] * tensor.size[position];
      coordinates[axis] = tensor.low[position];
    }
    if (position < 0)
      return;
  }
}

/// Cell number of the tensor at coordinates of another tensor's row.
inline int64_t cellAt(const Tensor &tensor, llvm::ArrayRef<int64_t> coordinates) {
  int64_t cell = 0;
  for (auto [axis, low] : llvm::zip(tensor.axes, tensor.low))
    cell += (coordinates[axis] - low) * tensor.stride[axis];
  return cell;
}

/// A quasi-affine expression prepared for evaluation along rows: its linear part as steps, divisions as
/// tables over the axes that they use.
class IndexFunction {
public:
  /// Dimension d of `expr` is axis axes[d] of the kernel.
  IndexFunction(mlir::AffineExpr expr, llvm::ArrayRef<unsigned> axes, const Box &box);

  /// The values along a row that starts at `coordinates` and runs along `axis` (none for a single element).
  void row(llvm::ArrayRef<int64_t> coordinates, std::optional<unsigned> axis, int64_t length,
           int64_t *out) const;

private:
  struct Table {
    int64_t factor = 1;
    llvm::SmallVector<unsigned> axes;
    llvm::SmallVector<int64_t> low, stride;
    std::vector<int64_t> values;
  };
  void addTerm(mlir::AffineExpr expr, int64_t factor, llvm::ArrayRef<unsigned> axes, const Box &box);

  int64_t constant_ = 0;
  llvm::SmallVector<int64_t> steps_;
  std::vector<Table> tables_;
};

/// Bounds of an expression over a box; may be wider than what it reaches.
std::pair<int64_t, int64_t> boundsOf(mlir::AffineExpr expr, llvm::ArrayRef<unsigned> axes, const Box &box);

} // namespace tgc::kernel::evaluator
