// Approximations that a 16-bit result does not show.
//  In:  arith.divf, math.exp and math.tanh on f32 and vectors of it.
//  Out: the same by ex2.approx, rcp.approx and div.full where it is allowed, lane by lane.
// 1. An operation qualifies if every use leads, through additions, multiplications, divisions, negations, selected
//    values and lanes of vectors alone, to a rounding to f16 or bf16: comparisons and integers would show a last bit.
// 2. exp(x) is 2^(x·log2 e): the product's rounding makes an error of |x|·2^-24, at most 2^-17.
// 3. tanh(x) is 1 - 2 / (1 + e^2x), near 0 (where that cancels) x - x³/3.
#include "codegen/ptx/LowerThread.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace tgc::ptx {
namespace {

struct ApproximateNarrow : PassWrapper<ApproximateNarrow, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ApproximateNarrow)
  StringRef getArgument() const override { return "tgc-ptx-approximate-narrow"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect>();
  }

  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation().walk([&](Operation *op) {
      if (isa<arith::DivFOp, math::ExpOp, math::TanhOp>(op) && isLanes(op->getResult(0).getType()) &&
          narrow(op->getResult(0)))
        work.push_back(op);
    });
    for (Operation *op : work) {
      OpBuilder builder(op);
      op->replaceAllUsesWith(ValueRange(approximateLanes(builder, op)));
      op->erase();
    }
  }

private:
  static bool isLanes(Type type) {
    auto vector = dyn_cast<VectorType>(type);
    return getElementTypeOrSelf(type).isF32() && (!vector || vector.getRank() == 1);
  }

  /// Whether all that the value leads to is rounded to 16 bits.
  bool narrow(Value value) {
    auto [known, fresh] = narrowValues.try_emplace(value, false);
    if (!fresh)
      return known->second;
    bool all = !value.use_empty() && llvm::all_of(value.getUses(), [&](OpOperand &use) {
      Operation *user = use.getOwner();
      if (isa<arith::TruncFOp>(user))
        return getElementTypeOrSelf(user->getResult(0).getType()).getIntOrFloatBitWidth() == 16;
      if (auto pair = dyn_cast<LLVM::CallIntrinsicOp>(user)) // two values rounded into one register
        return pair.getIntrin() == "llvm.nvvm.ff2bf16x2.rn" || pair.getIntrin() == "llvm.nvvm.ff2f16x2.rn";
      if (isa<arith::SelectOp>(user) && use.getOperandNumber() == 0)
        return false;
      return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp, arith::SelectOp,
                 math::FmaOp, vector::ExtractOp, vector::FromElementsOp, vector::BroadcastOp>(user) &&
             narrow(user->getResult(0));
    });
    narrowValues[value] = all;
    return all;
  }

  static Value number(OpBuilder &builder, Location loc, double value) {
    return builder.create<arith::ConstantOp>(loc, builder.getF32FloatAttr(float(value)));
  }

  static Value instruction(OpBuilder &builder, Location loc, StringRef text, ValueRange operands) {
    std::string constraints = "=f";
    for (size_t i = 0; i < operands.size(); ++i)
      constraints += ",f";
    return builder
        .create<LLVM::InlineAsmOp>(loc, TypeRange(builder.getF32Type()), operands, text, constraints,
                                   /*has_side_effects=*/false, /*is_align_stack=*/false,
                                   LLVM::AsmDialectAttr(), ArrayAttr())
        .getResult(0);
  }

  static Value exp2(OpBuilder &builder, Location loc, Value x, double factor) {
    Value power = builder.create<arith::MulFOp>(loc, x, number(builder, loc, factor));
    return instruction(builder, loc, "ex2.approx.ftz.f32 $0, $1;", power);
  }

  static Value approximateLanes(OpBuilder &builder, Operation *op) {
    auto type = dyn_cast<VectorType>(op->getResult(0).getType());
    if (!type)
      return approximate(builder, op, op->getOperands());
    SmallVector<Value> lanes;
    for (int64_t lane = 0; lane < type.getNumElements(); ++lane) {
      SmallVector<Value> operands;
      for (Value operand : op->getOperands())
        operands.push_back(builder.create<vector::ExtractOp>(op->getLoc(), operand, lane));
      lanes.push_back(approximate(builder, op, operands));
    }
    return builder.create<vector::FromElementsOp>(op->getLoc(), type, lanes);
  }

  /// One lane of the operation.
  static Value approximate(OpBuilder &builder, Operation *op, ValueRange operands) {
    constexpr double log2e = 1.4426950408889634;
    Location loc = op->getLoc();
    Value x = operands[0];
    if (isa<arith::DivFOp>(op))
      return instruction(builder, loc, "div.full.f32 $0, $1, $2;", operands);
    if (isa<math::ExpOp>(op))
      return exp2(builder, loc, x, log2e);
    Value one = number(builder, loc, 1);
    Value sum = builder.create<arith::AddFOp>(loc, exp2(builder, loc, x, 2 * log2e), one);
    Value inverse = instruction(builder, loc, "rcp.approx.ftz.f32 $0, $1;", sum);
    Value far = builder.create<math::FmaOp>(loc, inverse, number(builder, loc, -2), one);
    Value square = builder.create<arith::MulFOp>(loc, x, x);
    Value cube = builder.create<arith::MulFOp>(loc, square, x);
    Value near = builder.create<math::FmaOp>(loc, cube, number(builder, loc, -1.0 / 3), x);
    // On squares; NaN goes the far way and stays.
    Value small = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OLT, square,
                                                number(builder, loc, 0.04 * 0.04));
    return builder.create<arith::SelectOp>(loc, small, near, far);
  }

  llvm::DenseMap<Value, bool> narrowValues;
};

} // namespace

std::unique_ptr<Pass> createApproximateNarrowPass() { return std::make_unique<ApproximateNarrow>(); }

} // namespace tgc::ptx
