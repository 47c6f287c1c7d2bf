// In:  integer division and remainder of arith, on scalars and vectors.
// Out: the same with divisors that never trap.
// Lanes that a mask leaves out hold any value, zero among them, and x86 traps where the IR only says that the
// result is undefined: on division by zero, and on the smallest number divided by -1.
// 1. A divisor known not to be 0 or -1 stays.
// 2. Else 0 becomes 1, and for signed operations -1 becomes 1 with the result of -1 put in place: the negated
//    dividend (wrapping), or a remainder of 0.
#include "codegen/cpu/LowerThread.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

Value constantLike(OpBuilder &builder, Location loc, Type type, int64_t value) {
  TypedAttr attribute = builder.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto shaped = dyn_cast<ShapedType>(type))
    attribute = DenseElementsAttr::get(shaped, Attribute(attribute));
  return builder.create<arith::ConstantOp>(loc, attribute);
}

bool isSafe(Value divisor) {
  APInt value;
  return matchPattern(divisor, m_ConstantInt(&value)) && !value.isZero() && !value.isAllOnes();
}

void makeSafe(Operation *op) {
  Value divisor = op->getOperand(1);
  if (isSafe(divisor))
    return;
  bool isSigned = isa<arith::DivSIOp, arith::RemSIOp>(op);
  Location loc = op->getLoc();
  OpBuilder builder(op);
  Type type = divisor.getType();
  Value zero = constantLike(builder, loc, type, 0), one = constantLike(builder, loc, type, 1);
  auto equals = [&](int64_t value) -> Value {
    return builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, divisor,
                                         constantLike(builder, loc, type, value));
  };
  Value unsafe = equals(0), minusOne;
  if (isSigned) {
    minusOne = equals(-1);
    unsafe = builder.create<arith::OrIOp>(loc, unsafe, minusOne);
  }
  op->setOperand(1, builder.create<arith::SelectOp>(loc, unsafe, one, divisor));
  if (!isSigned)
    return;
  builder.setInsertionPointAfter(op);
  Value ofMinusOne = isa<arith::DivSIOp>(op)
                         ? builder.create<arith::SubIOp>(loc, zero, op->getOperand(0)).getResult()
                         : zero;
  auto result = builder.create<arith::SelectOp>(loc, minusOne, ofMinusOne, op->getResult(0));
  op->getResult(0).replaceAllUsesExcept(result, result);
}

struct SafeDivision : PassWrapper<SafeDivision, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SafeDivision)
  StringRef getArgument() const override { return "cpu-safe-division"; }
  void runOnOperation() override {
    SmallVector<Operation *> divisions;
    getOperation()->walk([&](Operation *op) {
      // Index arithmetic is ours and never divides by a variable.
      if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>(op) &&
          isa<IntegerType>(getElementTypeOrSelf(op->getResult(0).getType())))
        divisions.push_back(op);
    });
    llvm::for_each(divisions, makeSafe);
  }
};

} // namespace

std::unique_ptr<Pass> createSafeDivisionPass() { return std::make_unique<SafeDivision>(); }

} // namespace tgc::cpu
