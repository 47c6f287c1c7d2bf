// Input: contractions of integers of 32 bits. Output: those of the 8 bits that their operands were extended from.
//
// 1. An operand is followed through views to a sign extension from 8 bits, or to a constant that 8 bits hold (a weight
//    whose zero point was subtracted already); a fill must have a value of 8 bits.
// 2. Where both operands have one, the contraction is that of the narrow tensors under the same views: products and
//    sums of contractions are in the result's type, so that nothing changes but what is read.
// Tensors without sign and zero points that are not 0 stay: their differences have 9 bits.
#include "compiler/graph/transforms/Movement.h"
#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace tgc::graph {
namespace {

/// Views from a sign extension on, the last one first; nothing if the value is not made so.
std::optional<SmallVector<ViewOp>> viewsOf(Value &value) {
  SmallVector<ViewOp> views;
  while (auto view = value.getDefiningOp<ViewOp>()) {
    if (auto fill = dyn_cast_or_null<IntegerAttr>(view.getFill().value_or(TypedAttr()));
        fill && !fill.getValue().isSignedIntN(8))
      return std::nullopt;
    views.push_back(view);
    value = view.getSource();
  }
  DenseIntElementsAttr numbers;
  if (matchPattern(value, m_Constant(&numbers))) {
    if (!llvm::all_of(numbers, [](const APInt &number) { return number.isSignedIntN(8); }))
      return std::nullopt;
    return views;
  }
  auto extend = value.getDefiningOp<arith::ExtSIOp>();
  if (!extend || !elementOf(extend.getIn()).isInteger(8))
    return std::nullopt;
  value = extend.getIn();
  return views;
}

Value narrowed(Value value, ArrayRef<ViewOp> views) {
  DenseIntElementsAttr numbers;
  if (matchPattern(value, m_Constant(&numbers))) {
    OpBuilder builder(value.getDefiningOp());
    value = builder.create<arith::ConstantOp>(
        value.getLoc(),
        numbers.mapValues(builder.getI8Type(), [](const APInt &number) { return number.trunc(8); }));
  }
  for (ViewOp view : llvm::reverse(views)) {
    OpBuilder builder(view);
    Type type = builder.getI8Type();
    TypedAttr fill;
    if (auto wide = dyn_cast_or_null<IntegerAttr>(view.getFill().value_or(TypedAttr())))
      fill = builder.getIntegerAttr(type, wide.getValue().trunc(8));
    value = builder.create<ViewOp>(view.getLoc(), cast<RankedTensorType>(view.getType()).clone(type), value,
                                   view.getMapAttr(), view.getWhereAttr(), fill);
  }
  return value;
}

struct NarrowIntegersPass : PassWrapper<NarrowIntegersPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NarrowIntegersPass)
  StringRef getArgument() const final { return "tgc-narrow-integers"; }
  StringRef getDescription() const final { return "Multiply integers of 8 bits as such"; }

  void runOnOperation() final {
    for (ContractOp op : llvm::make_early_inc_range(getOperation().getOps<ContractOp>())) {
      Value lhs = op.getLhs(), rhs = op.getRhs();
      if (op.getKind() != ContractKind::Sum || !elementOf(op.getResult()).isInteger(32))
        continue;
      auto left = viewsOf(lhs), right = viewsOf(rhs);
      if (!left || !right)
        continue;
      op.getLhsMutable().assign(narrowed(lhs, *left));
      op.getRhsMutable().assign(narrowed(rhs, *right));
    }
  }
};

} // namespace

std::unique_ptr<Pass> createNarrowIntegersPass() { return std::make_unique<NarrowIntegersPass>(); }

} // namespace tgc::graph
