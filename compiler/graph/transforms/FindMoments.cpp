// Input: variance written as sums: Σ (x - m)² / n with m = Σ x / n over the same dimensions, divided or
// multiplied by 1/n, with casts and views between. Output: graph.moments.
//
// 1. For each product d·d, or square, whose sum over some dimensions is scaled by 1/n, n their extent:
// 2. d must be x minus a view of the mean of x over the same dimensions that puts each mean back in its
// place.
// 3. Both scaled sums become results of one graph.moments.
#include "compiler/graph/transforms/Movement.h"
#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;

namespace tgc::graph {
namespace {

double numberOf(Value value) {
  auto number = dyn_cast_or_null<FloatAttr>(splatOf(value));
  return number ? number.getValueAsDouble() : std::nan("");
}

/// The reduction whose sum `value` is, scaled by one over the number of summed elements.
ReduceOp meanOf(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !isa<arith::MulFOp, arith::DivFOp>(op))
    return {};
  for (unsigned side : {0u, 1u}) {
    auto reduce = op->getOperand(side).getDefiningOp<ReduceOp>();
    double factor = numberOf(op->getOperand(1 - side));
    if (!reduce || reduce.getKind() != ReduceKind::Add || std::isnan(factor) ||
        (isa<arith::DivFOp>(op) && side == 1))
      continue;
    double count = 1;
    for (int64_t dim : reduce.getDims())
      count *= shapeOf(reduce.getSource())[dim];
    double expected = isa<arith::MulFOp>(op) ? 1 / count : count;
    // The factor was rounded to the tensor's type.
    if (std::abs(factor - expected) <= 1e-6 * expected)
      return reduce;
  }
  return {};
}

Value squared(Value value) {
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<arith::MulFOp>(op) && op->getOperand(0) == op->getOperand(1))
    return op->getOperand(0);
  if (isa_and_nonnull<math::PowFOp>(op) && numberOf(op->getOperand(1)) == 2)
    return op->getOperand(0);
  return {};
}

/// Whether `view` puts the reduced tensor's elements back at the places they were reduced from.
bool restores(Value value, ReduceOp reduce, Value mean) {
  auto view = value.getDefiningOp<ViewOp>();
  if (!view || view.getFill() || view.getSource() != mean ||
      shapeOf(view.getResult()) != shapeOf(reduce.getSource()))
    return false;
  SmallVector<AffineExpr> kept;
  for (unsigned dim = 0; dim < shapeOf(reduce.getSource()).size(); ++dim)
    if (!llvm::is_contained(reduce.getDims(), int64_t(dim)))
      kept.push_back(getAffineDimExpr(dim, view.getContext()));
  for (auto [expr, wanted] : llvm::zip(view.getMap().getResults(), kept))
    if (expr != wanted && shapeOf(reduce.getSource())[cast<AffineDimExpr>(wanted).getPosition()] != 1)
      return false;
  return true;
}

class FindMomentsPass : public PassWrapper<FindMomentsPass, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FindMomentsPass)
  StringRef getArgument() const final { return "tgc-find-moments"; }
  StringRef getDescription() const final { return "Recognise mean and variance"; }
  void runOnOperation() final {
    SmallVector<Operation *> scaled;
    getOperation().walk([&](Operation *op) {
      if (isa<arith::MulFOp, arith::DivFOp>(op))
        scaled.push_back(op);
    });
    for (Operation *op : scaled)
      rewrite(op->getResult(0));
  }

private:
  static void rewrite(Value variance) {
    ReduceOp squares = meanOf(variance);
    Value difference = squares ? squared(squares.getSource()) : Value();
    auto subtract = difference ? difference.getDefiningOp<arith::SubFOp>() : arith::SubFOp();
    if (!subtract)
      return;
    auto back = subtract.getRhs().getDefiningOp<ViewOp>();
    if (!back)
      return;
    Value mean = back.getSource();
    ReduceOp sum = meanOf(mean);
    if (!sum || sum.getSource() != subtract.getLhs() || sum.getDims() != squares.getDims() ||
        !restores(back, sum, mean))
      return;
    OpBuilder builder(mean.getDefiningOp());
    auto moments = builder.create<MomentsOp>(variance.getLoc(), mean.getType(), mean.getType(),
                                             sum.getSource(), sum.getDims());
    mean.replaceAllUsesWith(moments.getMean());
    variance.replaceAllUsesWith(moments.getVariance());
  }
};

} // namespace

std::unique_ptr<Pass> createFindMomentsPass() { return std::make_unique<FindMomentsPass>(); }

} // namespace tgc::graph
