// Affine expressions over loop counters compiled for fast repeated evaluation on the host.
#pragma once
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/IntegerSet.h"
#include <optional>
#include <vector>

namespace tgc::graph {

/// One expression of dimensions (no symbols), as postfix code.
class IndexProgram {
public:
  explicit IndexProgram(mlir::AffineExpr expr);
  int64_t operator()(const int64_t *dims) const;

private:
  enum class Code : uint8_t { Constant, Dim, Add, Mul, Mod, FloorDiv, CeilDiv };
  struct Step {
    Code code;
    int64_t value;
  };
  void compile(mlir::AffineExpr expr);
  std::vector<Step> steps;
  mutable std::vector<int64_t> stack;
};

/// Row-major strides of a shape, in elements.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// The sum of the map's results weighted by `strides`, as one expression.
mlir::AffineExpr linearise(mlir::AffineMap map, llvm::ArrayRef<int64_t> strides);

/// expr = constant + Σ coefficients[d]·d, where it has that form.
struct LinearForm {
  int64_t constant = 0;
  llvm::SmallVector<int64_t> coefficients;
};
std::optional<LinearForm> linearForm(mlir::AffineExpr expr, unsigned dims);

/// Where a set's conditions hold.
class DomainProgram {
public:
  explicit DomainProgram(mlir::IntegerSet set);
  bool operator()(const int64_t *dims) const;

private:
  std::vector<IndexProgram> conditions;
  std::vector<bool> equalities;
};

/// Calls visit(dims, linear index) for every point of the extents in row-major order.
template <typename Visit>
void forEachPoint(llvm::ArrayRef<int64_t> extents, Visit &&visit) {
  for (int64_t extent : extents)
    if (extent == 0)
      return;
  std::vector<int64_t> dims(extents.size() + 1, 0);
  for (int64_t linear = 0;; ++linear) {
    visit(dims.data(), linear);
    int d = int(extents.size()) - 1;
    for (; d >= 0 && ++dims[d] == extents[d]; --d)
      dims[d] = 0;
    if (d < 0)
      return;
  }
}

} // namespace tgc::graph
