// Input: p = e / l (or e · 1/l) with e = exp(t - m), l = Σ e and m = max t over one dimension, put back in
// place by views; then a contraction of p over that dimension. Output: graph.contract softmax on t.
//
// 1. From each contraction of the sum kind an operand is followed through casts and views without fill to the
//    quotient; the maps compose.
// 2. The quotient's parts are matched, through casts. A maximum is not needed for the value, but without one the
//    model's own exp may overflow, so that form is left alone.
// 3. The softmax's dimension must be the contraction's one reduced dimension, and nothing else of the quotient's
//    index may depend on it.
// 4. Results of more columns than the device's registers hold (`most-columns`) stay two products with a softmax between,
//    which is in memory: one pass over the keys would have to keep its rows outside of registers.
// The weights of the sum may be rounded to the values' type in the model; here they stay wider.
#include "compiler/affine/Ranges.h"
#include "compiler/graph/transforms/Movement.h"
#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tgc::graph {
namespace {

Value throughCasts(Value value) {
  while (value.getDefiningOp() && isa<arith::ExtFOp, arith::TruncFOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// The tensor reduced over `dim` alone that `value` holds put back in place, through casts; null if it is
/// none.
Value broadcastOver(Value value, int64_t dim) {
  value = throughCasts(value);
  auto view = value.getDefiningOp<ViewOp>();
  if (!view || view.getFill())
    return {};
  ArrayRef<int64_t> shape = shapeOf(view.getResult());
  // Dimensions of extent one may be kept or dropped by the exporter; the others must be in order.
  SmallVector<unsigned> wanted;
  for (unsigned d = 0; d < shape.size(); ++d)
    if (int64_t(d) != dim && shape[d] != 1)
      wanted.push_back(d);
  SmallVector<unsigned> found;
  for (auto [expr, extent] : llvm::zip(view.getMap().getResults(), shapeOf(view.getSource()))) {
    if (extent == 1)
      continue;
    auto at = dyn_cast<AffineDimExpr>(expr);
    if (!at || shape[at.getPosition()] != extent)
      return {};
    found.push_back(at.getPosition());
  }
  return found == wanted ? throughCasts(view.getSource()) : Value();
}

/// The reduction of `kind` over `dim` alone behind `value`, through views that add or drop dimensions of
/// extent one.
ReduceOp reductionOf(Value value, ReduceKind kind, int64_t dim) {
  while (value) {
    value = throughCasts(value);
    if (auto reduce = value.getDefiningOp<ReduceOp>()) {
      bool same = reduce.getKind() == kind && reduce.getDims() == ArrayRef<int64_t>(dim);
      return same ? reduce : ReduceOp();
    }
    auto view = value.getDefiningOp<ViewOp>();
    if (!view || view.getFill() ||
        ShapedType::getNumElements(shapeOf(view.getSource())) != ShapedType::getNumElements(shapeOf(value)))
      return {};
    value = view.getSource();
  }
  return {};
}

/// t of p = softmax(t) over `dim`.
Value logitsOf(Value p, int64_t dim) {
  Operation *op = p.getDefiningOp();
  Value weights, sum;
  if (auto div = dyn_cast_or_null<arith::DivFOp>(op)) {
    weights = div.getLhs();
    sum = broadcastOver(div.getRhs(), dim);
  } else if (auto mul = dyn_cast_or_null<arith::MulFOp>(op)) {
    for (unsigned side : {0u, 1u}) {
      Value inverse = broadcastOver(mul->getOperand(1 - side), dim);
      auto div = inverse ? inverse.getDefiningOp<arith::DivFOp>() : arith::DivFOp();
      auto one = div ? dyn_cast_or_null<FloatAttr>(splatOf(div.getLhs())) : FloatAttr();
      if (!one || one.getValueAsDouble() != 1)
        continue;
      weights = mul->getOperand(side);
      sum = div.getRhs();
    }
  }
  if (!weights || !sum)
    return {};
  ReduceOp total = reductionOf(sum, ReduceKind::Add, dim);
  auto exp = throughCasts(weights).getDefiningOp<math::ExpOp>();
  if (!total || !exp || throughCasts(total.getSource()) != exp.getResult())
    return {};
  auto shifted = throughCasts(exp.getOperand()).getDefiningOp<arith::SubFOp>();
  if (!shifted)
    return {};
  Value maximum = broadcastOver(shifted.getRhs(), dim);
  ReduceOp top = maximum ? reductionOf(maximum, ReduceKind::Max, dim) : ReduceOp();
  if (!top || throughCasts(top.getSource()) != throughCasts(shifted.getLhs()))
    return {};
  return shifted.getLhs();
}

class FindAttentionPass : public PassWrapper<FindAttentionPass, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FindAttentionPass)
  FindAttentionPass() = default;
  explicit FindAttentionPass(int64_t columns) { mostColumns = columns; }
  FindAttentionPass(const FindAttentionPass &other) : PassWrapper(other) { mostColumns = other.mostColumns; }
  Option<int64_t> mostColumns{*this, "most-columns", llvm::cl::desc("of a result's row; 0: any number"),
                              llvm::cl::init(0)};
  StringRef getArgument() const final { return "tgc-find-attention"; }
  StringRef getDescription() const final { return "Recognise softmax before a contraction"; }
  void runOnOperation() final {
    SmallVector<ContractOp> contracts(getOperation().getOps<ContractOp>());
    for (ContractOp op : contracts)
      if (op.getKind() == ContractKind::Sum &&
          !rewrite(op, op.getLhs(), op.getLhsMap(), op.getRhs(), op.getRhsMap()))
        rewrite(op, op.getRhs(), op.getRhsMap(), op.getLhs(), op.getLhsMap());
  }

private:
  bool rewrite(ContractOp op, Value weights, AffineMap map, Value values, AffineMap valuesMap) {
    ArrayRef<int64_t> extents = op.getExtents();
    for (;;) {
      weights = throughCasts(weights);
      auto view = weights.getDefiningOp<ViewOp>();
      if (!view || view.getFill())
        break;
      map = affine::simplify(view.getMap().compose(map), extents);
      weights = view.getSource();
    }
    unsigned kept = shapeOf(op.getResult()).size();
    std::optional<unsigned> reduced;
    for (unsigned d = kept; d < extents.size(); ++d)
      if (extents[d] > 1) {
        if (reduced)
          return false;
        reduced = d;
      }
    if (!reduced)
      return false;
    int64_t columns = 1;
    for (unsigned d = 0; d < kept; ++d)
      if (!map.isFunctionOfDim(d))
        columns *= extents[d];
    if (mostColumns > 0 && columns > mostColumns)
      return false;
    std::optional<int64_t> dim;
    for (auto [i, expr] : llvm::enumerate(map.getResults())) {
      if (!expr.isFunctionOfDim(*reduced))
        continue;
      if (dim || expr != getAffineDimExpr(*reduced, op.getContext()) ||
          shapeOf(weights)[i] != extents[*reduced])
        return false;
      dim = i;
    }
    Value logits = dim ? logitsOf(weights, *dim) : Value();
    if (!logits)
      return false;
    OpBuilder builder(op);
    Value result = builder.create<ContractOp>(op.getLoc(), op.getType(), ContractKind::Softmax, logits,
                                              values, extents, map, valuesMap);
    op.replaceAllUsesWith(result);
    op.erase();
    return true;
  }
};

} // namespace

std::unique_ptr<Pass> createFindAttentionPass(int64_t mostColumns) {
  return std::make_unique<FindAttentionPass>(mostColumns);
}
void registerFindAttentionPass() { PassRegistration<FindAttentionPass>(); }

} // namespace tgc::graph
