// Input: contractions. Output: contractions whose operands have no constant factor, and those of quantised
// tensors without scales for rows and columns.
//
// 1. An operand is followed through casts between floating-point types and views without fill to a product with
//    a constant.
// 2. The operand becomes what the product scales, under the composed map; where that was extended from a narrower
//    type the narrow tensor itself.
// 3. The product of all factors taken out, in double precision, scales the result.
// 4. Where both operands are tensors of 8 bits times scales that do not depend on what is summed, the contraction is
//    that of the tensors, and the scales multiply its result.
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

/// A tensor of 8 bits, and what multiplies its elements.
struct Dequantised {
  Value value;
  AffineMap map; ///< from the contraction's space
  double factor = 1;
  SmallVector<std::pair<Value, AffineMap>> scales; ///< none moves with what is summed
};

/// The tensor that a scale is read from, if it does not move with dimensions from `rank` on.
std::optional<std::pair<Value, AffineMap>> scaleOf(Value value, AffineMap map, ArrayRef<int64_t> extents,
                                                   unsigned rank) {
  while (true) {
    bool moves = false;
    for (unsigned d = rank; d < extents.size(); ++d)
      moves |= map.isFunctionOfDim(d);
    if (!moves)
      return std::pair(value, map);
    Operation *op = value.getDefiningOp();
    auto view = dyn_cast_or_null<ViewOp>(op);
    if (view && !view.getFill())
      map = affine::simplify(view.getMap().compose(map), extents);
    else if (!isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(op))
      return std::nullopt;
    value = op->getOperand(0);
  }
}

std::optional<Dequantised> dequantised(Value operand, AffineMap map, ArrayRef<int64_t> extents,
                                       unsigned rank) {
  Dequantised at{operand, map, 1, {}};
  while (!elementOf(at.value).isFloat8E4M3FN()) {
    Operation *op = at.value.getDefiningOp();
    if (auto view = dyn_cast_or_null<ViewOp>(op); view && !view.getFill()) {
      at.map = affine::simplify(view.getMap().compose(at.map), extents);
    } else if (isa_and_nonnull<arith::MulFOp>(op)) {
      unsigned data = 0;
      for (; data < 2; ++data) {
        Value other = op->getOperand(1 - data);
        if (std::optional<double> number = constantOf(other)) {
          at.factor *= *number;
          break;
        }
        if (auto scale = scaleOf(other, at.map, extents, rank)) {
          at.scales.push_back(*scale);
          break;
        }
      }
      if (data == 2)
        return std::nullopt;
      at.value = op->getOperand(data);
      continue;
    } else if (!isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(op)) {
      return std::nullopt;
    }
    at.value = op->getOperand(0);
  }
  return at;
}

class ExtractScalesPass : public PassWrapper<ExtractScalesPass, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExtractScalesPass)
  StringRef getArgument() const final { return "tgc-extract-scales"; }
  StringRef getDescription() const final {
    return "Move constant factors and scales of contractions to their results";
  }
  void runOnOperation() final {
    SmallVector<ContractOp> contracts(getOperation().getOps<ContractOp>());
    for (ContractOp op : contracts)
      if (op.getKind() == ContractKind::Sum && isa<FloatType>(elementOf(op.getResult())))
        rewrite(op);
  }

private:
  static bool rewriteQuantised(ContractOp op) {
    auto type = cast<RankedTensorType>(op.getType());
    unsigned rank = type.getRank();
    auto lhs = dequantised(op.getLhs(), op.getLhsMap(), op.getExtents(), rank);
    auto rhs = dequantised(op.getRhs(), op.getRhsMap(), op.getExtents(), rank);
    if (!lhs || !rhs || !type.getElementType().isF32() ||
        (lhs->value == op.getLhs() && rhs->value == op.getRhs()))
      return false;
    OpBuilder builder(op);
    Location loc = op.getLoc();
    Value result = builder.create<ContractOp>(loc, type, op.getKind(), lhs->value, rhs->value,
                                              op.getExtents(), lhs->map, rhs->map);
    if (double factor = lhs->factor * rhs->factor; factor != 1)
      result = builder.create<arith::MulFOp>(
          loc, result, buildSplat(builder, loc, type, builder.getFloatAttr(type.getElementType(), factor)));
    SmallVector<AffineExpr> dims; // the scales' maps, over the result's dimensions
    for (unsigned d = 0; d < op.getExtents().size(); ++d)
      dims.push_back(d < rank ? builder.getAffineDimExpr(d) : builder.getAffineConstantExpr(0));
    for (const Dequantised *operand : {&*lhs, &*rhs})
      for (auto [scale, map] : operand->scales) {
        if (elementOf(scale) != type.getElementType())
          scale = builder.create<arith::ExtFOp>(
              loc, cast<RankedTensorType>(scale.getType()).clone(type.getElementType()), scale);
        Value along =
            buildView(builder, loc, scale, map.replaceDimsAndSymbols(dims, {}, rank, 0), type.getShape());
        result = builder.create<arith::MulFOp>(loc, result, along);
      }
    op.replaceAllUsesWith(result);
    op.erase();
    return true;
  }

  static void rewrite(ContractOp op) {
    if (rewriteQuantised(op))
      return;
    std::optional<Scaled> lhs = strip(op.getLhs(), op.getLhsMap(), op.getExtents());
    std::optional<Scaled> rhs = strip(op.getRhs(), op.getRhsMap(), op.getExtents());
    if (!lhs && !rhs)
      return;
    OpBuilder builder(op);
    double factor = (lhs ? lhs->factor : 1) * (rhs ? rhs->factor : 1);
    Value result = builder.create<ContractOp>(op.getLoc(), op.getType(), op.getKind(),
                                              lhs ? lhs->value : op.getLhs(), rhs ? rhs->value : op.getRhs(),
                                              op.getExtents(), lhs ? lhs->map : op.getLhsMap(),
                                              rhs ? rhs->map : op.getRhsMap(), op.getTf32());
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
