// Fused multiply-add where the flags allow it: SPIR-V has no flag for one operation, so that whole kernels forbid
// it (ContractionOff) and it is written out.
//  In:  arith.addf and subf with the flag `contract` one of whose operands is a product with that flag.
//  Out: math.fma; the product goes if nothing else uses it.
//  1. For every such sum, in order, take the product that is used once, else any.
//  2. a·b - c is fma(a, b, -c), c - a·b is fma(-a, b, c).
#include "codegen/spirv/LowerThread.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace tgc::spv {
namespace {

bool contracts(arith::FastMathFlags flags) {
  return arith::bitEnumContainsAny(flags, arith::FastMathFlags::contract);
}

/// The product that the value is, if it may be contracted.
arith::MulFOp productOf(Value value) {
  auto product = value.getDefiningOp<arith::MulFOp>();
  return product && contracts(product.getFastmath()) ? product : arith::MulFOp();
}

struct FuseMultiplyAdd : PassWrapper<FuseMultiplyAdd, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FuseMultiplyAdd)
  StringRef getArgument() const override { return "tgc-spirv-fuse-multiply-add"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<math::MathDialect>();
  }

  void runOnOperation() override {
    SmallVector<Operation *> sums;
    getOperation().walk([&](Operation *op) {
      if (isa<arith::AddFOp, arith::SubFOp>(op) &&
          contracts(cast<arith::ArithFastMathInterface>(op).getFastMathFlagsAttr().getValue()))
        sums.push_back(op);
    });
    for (Operation *sum : sums)
      fuse(sum);
  }

  static void fuse(Operation *sum) {
    Type element = getElementTypeOrSelf(sum->getResult(0).getType());
    if (!element.isF32() && !element.isF64())
      return;
    arith::MulFOp left = productOf(sum->getOperand(0)), right = productOf(sum->getOperand(1));
    bool takesRight = right && (!left || (right->hasOneUse() && !left->hasOneUse()));
    arith::MulFOp product = takesRight ? right : left;
    if (!product)
      return;
    OpBuilder builder(sum);
    Location loc = sum->getLoc();
    Value a = product.getLhs(), other = sum->getOperand(takesRight ? 0 : 1);
    if (isa<arith::SubFOp>(sum)) {
      Value &negated = takesRight ? a : other;
      negated = builder.create<arith::NegFOp>(loc, negated);
    }
    sum->replaceAllUsesWith(
        ValueRange(builder.create<math::FmaOp>(loc, a, product.getRhs(), other).getResult()));
    sum->erase();
    if (product->use_empty())
      product.erase();
  }
};

} // namespace

std::unique_ptr<Pass> createFuseMultiplyAddPass() { return std::make_unique<FuseMultiplyAdd>(); }

} // namespace tgc::spv
