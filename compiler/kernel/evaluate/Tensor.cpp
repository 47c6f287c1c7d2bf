#include "compiler/kernel/evaluate/Tensor.h"

#include "compiler/affine/Normalize.h"
#include "compiler/support/Error.h"

using namespace mlir;
using namespace tgc::kernel::evaluator;
using tgc::affine::floorDivide;
using tgc::affine::floorModulo;

Tensor::Tensor(const llvm::SmallBitVector &axisSet, const Box &box) : stride(box.size.size(), 0) {
  for (unsigned axis : axisSet.set_bits())
    axes.push_back(axis);
  // Ties keep the later axis last.
  std::optional<size_t> longest;
  for (size_t i = 0; i < axes.size(); ++i)
    if (!longest || box.size[axes[i]] >= box.size[axes[*longest]])
      longest = i;
  if (longest)
    std::rotate(axes.begin() + *longest, axes.begin() + *longest + 1, axes.end());
  int64_t count = 1;
  for (unsigned axis : llvm::reverse(axes)) {
    stride[axis] = count;
    count *= box.size[axis];
  }
  for (unsigned axis : axes) {
    low.push_back(box.low[axis]);
    size.push_back(box.size[axis]);
  }
  cells.resize(count);
}

namespace {

int64_t evaluateExpr(AffineExpr expr, ArrayRef<unsigned> axes, ArrayRef<int64_t> coordinates) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return coordinates[axes[dim.getPosition()]];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t lhs = evaluateExpr(binary.getLHS(), axes, coordinates);
  int64_t rhs = evaluateExpr(binary.getRHS(), axes, coordinates);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return lhs + rhs;
  case AffineExprKind::Mul:
    return lhs * rhs;
  case AffineExprKind::FloorDiv:
    return floorDivide(lhs, rhs);
  case AffineExprKind::CeilDiv:
    return -floorDivide(-lhs, rhs);
  case AffineExprKind::Mod:
    return floorModulo(lhs, rhs);
  default:
    tgc::internalError("an index expression of an unknown kind");
  }
}

} // namespace

IndexFunction::IndexFunction(AffineExpr expr, ArrayRef<unsigned> axes, const Box &box)
    : steps_(box.size.size(), 0) {
  addTerm(expr, 1, axes, box);
}

void IndexFunction::addTerm(AffineExpr expr, int64_t factor, ArrayRef<unsigned> axes, const Box &box) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    constant_ += factor * constant.getValue();
    return;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    steps_[axes[dim.getPosition()]] += factor;
    return;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    internalError("an index expression with symbols");
  if (expr.getKind() == AffineExprKind::Add) {
    addTerm(binary.getLHS(), factor, axes, box);
    addTerm(binary.getRHS(), factor, axes, box);
    return;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
      constant && expr.getKind() == AffineExprKind::Mul) {
    addTerm(binary.getLHS(), factor * constant.getValue(), axes, box);
    return;
  }
  llvm::SmallBitVector used(box.size.size());
  expr.walk([&](AffineExpr part) {
    if (auto dim = dyn_cast<AffineDimExpr>(part))
      used.set(axes[dim.getPosition()]);
  });
  Table table;
  table.factor = factor;
  int64_t count = 1;
  for (unsigned axis : used.set_bits()) {
    table.axes.push_back(axis);
    table.low.push_back(box.low[axis]);
    table.stride.push_back(count);
    count *= box.size[axis];
  }
  table.values.resize(count);
  SmallVector<int64_t> coordinates(box.low);
  for (int64_t &value : table.values) {
    value = evaluateExpr(expr, axes, coordinates);
    for (unsigned axis : table.axes) {
      if (++coordinates[axis] < box.low[axis] + box.size[axis])
        break;
      coordinates[axis] = box.low[axis];
    }
  }
  tables_.push_back(std::move(table));
}

void IndexFunction::row(ArrayRef<int64_t> coordinates, std::optional<unsigned> axis, int64_t length,
                        int64_t *out) const {
  int64_t start = constant_;
  for (auto [coordinate, step] : llvm::zip(coordinates, steps_))
    start += coordinate * step;
  int64_t step = axis ? steps_[*axis] : 0;
  for (int64_t i = 0; i < length; ++i)
    out[i] = start + i * step;
  for (const Table &table : tables_) {
    int64_t first = 0, tableStep = 0;
    for (size_t d = 0; d < table.axes.size(); ++d) {
      first += (coordinates[table.axes[d]] - table.low[d]) * table.stride[d];
      if (axis && table.axes[d] == *axis)
        tableStep = table.stride[d];
    }
    for (int64_t i = 0; i < length; ++i)
      out[i] += table.factor * table.values[first + i * tableStep];
  }
}

std::pair<int64_t, int64_t> tgc::kernel::evaluator::boundsOf(AffineExpr expr, ArrayRef<unsigned> axes,
                                                             const Box &box) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    unsigned axis = axes[dim.getPosition()];
    return {box.low[axis], box.low[axis] + box.size[axis] - 1};
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue(), constant.getValue()};
  auto binary = cast<AffineBinaryOpExpr>(expr);
  auto [a, b] = boundsOf(binary.getLHS(), axes, box);
  auto [c, d] = boundsOf(binary.getRHS(), axes, box);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return {a + c, b + d};
  case AffineExprKind::Mul:
    return {std::min({a * c, a * d, b * c, b * d}), std::max({a * c, a * d, b * c, b * d})};
  case AffineExprKind::FloorDiv:
    return {floorDivide(a, c), floorDivide(b, c)};
  case AffineExprKind::CeilDiv:
    return {-floorDivide(-a, c), -floorDivide(-b, c)};
  case AffineExprKind::Mod:
    if (floorDivide(a, c) == floorDivide(b, c))
      return {floorModulo(a, c), floorModulo(b, c)};
    return {0, c - 1};
  default:
    tgc::internalError("an index expression of an unknown kind");
  }
}
