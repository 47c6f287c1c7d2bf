// Comparisons of sums of indices without subtractions.
//  In:  arith.cmpi, signed or of equality, on index: 1002 - 256·b - t >= 0.
//  Out: the same with every term on the side where it is positive: 1002 >= 256·b + t.
//  Index arithmetic is exact, so that terms may change sides. The sum on the right is usually there already, as the
//  index that the comparison guards. And Intel's runtime for processors, which makes bounds of its loops over a block's
//  threads out of such comparisons, gets them wrong where a thread's number is subtracted (2026.22).
//  1. Take both sides apart into a constant and products of values and constants, through sums, differences and
//     products with constants.
//  2. If some product is negative, write both sides again.
#include "codegen/spirv/LowerThread.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace tgc::spv {
namespace {

struct Sum {
  llvm::MapVector<Value, int64_t> terms;
  int64_t constant = 0;

  void add(Value value, int64_t factor, int depth = 0) {
    APInt number;
    Operation *op = value.getDefiningOp();
    if (matchPattern(value, m_ConstantInt(&number)))
      constant += factor * number.getSExtValue();
    else if (depth < 16 && isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op)) {
      add(op->getOperand(0), factor, depth + 1);
      add(op->getOperand(1), isa<arith::SubIOp>(op) ? -factor : factor, depth + 1);
    } else if (isa_and_nonnull<arith::MulIOp>(op) &&
               matchPattern(op->getOperand(1), m_ConstantInt(&number))) {
      add(op->getOperand(0), factor * number.getSExtValue(), depth + 1);
    } else {
      terms[value] += factor;
    }
  }
};

struct BalanceComparisons : PassWrapper<BalanceComparisons, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BalanceComparisons)
  StringRef getArgument() const override { return "tgc-spirv-balance-comparisons"; }

  void runOnOperation() override {
    getOperation().walk([](arith::CmpIOp op) {
      if (op.getLhs().getType().isIndex() && isSigned(op.getPredicate()))
        balance(op);
    });
  }

private:
  static bool isSigned(arith::CmpIPredicate predicate) {
    using P = arith::CmpIPredicate;
    return llvm::is_contained({P::eq, P::ne, P::slt, P::sle, P::sgt, P::sge}, predicate);
  }

  static void balance(arith::CmpIOp op) {
    Sum sum;
    sum.add(op.getLhs(), 1);
    sum.add(op.getRhs(), -1);
    if (llvm::none_of(sum.terms, [](auto &term) { return term.second < 0; }))
      return;
    OpBuilder builder(op);
    op.getLhsMutable().assign(side(builder, op.getLoc(), sum, 1));
    op.getRhsMutable().assign(side(builder, op.getLoc(), sum, -1));
  }

  /// The terms of one sign, made positive.
  static Value side(OpBuilder &builder, Location loc, const Sum &sum, int64_t sign) {
    auto number = [&](int64_t value) {
      return builder.create<arith::ConstantIndexOp>(loc, value).getResult();
    };
    Value made;
    auto add = [&](Value term) {
      made = made ? builder.create<arith::AddIOp>(loc, made, term).getResult() : term;
    };
    for (auto [value, factor] : sum.terms) {
      int64_t times = factor * sign;
      if (times > 0)
        add(times == 1 ? value : builder.create<arith::MulIOp>(loc, value, number(times)).getResult());
    }
    if (int64_t constant = sum.constant * sign; constant > 0 || !made)
      add(number(std::max<int64_t>(constant, 0)));
    return made;
  }
};

} // namespace

std::unique_ptr<Pass> createBalanceComparisonsPass() { return std::make_unique<BalanceComparisons>(); }

} // namespace tgc::spv
