// Input: contractions. Output: contractions whose operands have no constant factor.
//
// 1. An operand is followed through casts between floating-point types and views without fill to a product
// with
//    a constant.
// 2. The operand becomes what the product scales, under the composed map; where that was extended from a
// narrower
//    type the narrow tensor itself.
// 3. The product of all factors taken out, in double precision, scales the result.
// A factor may round the operand in the model (q times a bf16 number, rounded to bf16); without it the
// operand is exact, so that no value becomes narrower than the model says.
#include "compiler/affine/Ranges.h"
#include "compiler/graph/transforms/Movement.h"
#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace tgc::graph {
namespace {

struct Scaled {
  Value value;
  AffineMap map; ///< from the contraction's space
  double factor = 1;
};

std::optional<double> constantOf(Value value) {
  if (auto number = dyn_cast_or_null<FloatAttr>(splatOf(value)))
    return number.getValueAsDouble();
  return std::nullopt;
}

/// The operand without its constant factors, of the same element type; nothing if there are none.
std::optional<Scaled> strip(Value operand, AffineMap map, ArrayRef<int64_t> extents) {
  Type type = elementOf(operand);
  Scaled at{operand, map, 1};
  std::optional<Scaled> best;
  while (Operation *op = at.value.getDefiningOp()) {
    if (auto view = dyn_cast<ViewOp>(op); view && !view.getFill()) {
      at.map = affine::simplify(view.getMap().compose(at.map), extents);
      at.value = view.getSource();
    } else if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
      at.value = op->getOperand(0);
    } else if (isa<arith::MulFOp>(op)) {
      std::optional<double> right = constantOf(op->getOperand(1)), left = constantOf(op->getOperand(0));
      if (!right && !left)
        break;
      at.factor *= right ? *right : *left;
      at.value = op->getOperand(right ? 0 : 1);
    } else {
      break;
    }
    if (at.factor != 1 && elementOf(at.value) == type)
      best = at;
  }
  return best;
}

class ExtractScalesPass : public PassWrapper<ExtractScalesPass, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExtractScalesPass)
  StringRef getArgument() const final { return "tgc-extract-scales"; }
  StringRef getDescription() const final { return "Move constant factors of contractions to their results"; }
  void runOnOperation() final {
    SmallVector<ContractOp> contracts(getOperation().getOps<ContractOp>());
    for (ContractOp op : contracts)
      if (op.getKind() == ContractKind::Sum && isa<FloatType>(elementOf(op.getResult())))
        rewrite(op);
  }

private:
  static void rewrite(ContractOp op) {
    std::optional<Scaled> lhs = strip(op.getLhs(), op.getLhsMap(), op.getExtents());
    std::optional<Scaled> rhs = strip(op.getRhs(), op.getRhsMap(), op.getExtents());
    if (!lhs && !rhs)
      return;
    OpBuilder builder(op);
    double factor = (lhs ? lhs->factor : 1) * (rhs ? rhs->factor : 1);
    Value result =
        builder.create<ContractOp>(op.getLoc(), op.getType(), op.getKind(), lhs ? lhs->value : op.getLhs(),
                                   rhs ? rhs->value : op.getRhs(), op.getExtents(),
                                   lhs ? lhs->map : op.getLhsMap(), rhs ? rhs->map : op.getRhsMap());
    auto type = cast<RankedTensorType>(op.getType());
    Value scale = buildSplat(builder, op.getLoc(), type, builder.getFloatAttr(type.getElementType(), factor));
    result = builder.create<arith::MulFOp>(op.getLoc(), result, scale);
    op.replaceAllUsesWith(result);
    op.erase();
  }
};

} // namespace

std::unique_ptr<Pass> createExtractScalesPass() { return std::make_unique<ExtractScalesPass>(); }

} // namespace tgc::graph
