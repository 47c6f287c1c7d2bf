// kernel-drop-roundings
//
// In: a kernel with the graph's roundings.
// Out: the kernel as it is computed: a value is only rounded where it is stored, where an operation wants the
//     narrower type, or where the rounding is part of the meaning.
// 1. keptRoundings finds those that have to happen.
// 2. A widening of a rounding of a value at least as wide takes the value itself; also through operations that are
//    exact in any type (negation, choice, maximum), which are done in the wider type then.
#include "compiler/kernel/Passes.h"
#include "compiler/kernel/Roundings.h"

using namespace mlir;

namespace tgc::kernel {
namespace {

/// Gives an operand's number unchanged or leaves the choice to other operands.
bool isExact(Operation *op) {
  return isa<arith::NegFOp, arith::SelectOp, arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
             arith::MinNumFOp, math::AbsFOp, math::CopySignOp, RemapOp>(op);
}

class RoundingDropper {
public:
  explicit RoundingDropper(FuncOp func) : func_(func), kept_(keptRoundings(func)) {}

  void run() {
    for (auto widen : llvm::make_early_inc_range(func_.getBlock()->getOps<arith::ExtFOp>())) {
      if (!hasDroppable(widen.getIn()))
        continue;
      OpBuilder builder(widen);
      DenseMap<Value, Value> done;
      Value wide = widened(widen.getIn(), widen.getType(), builder, done);
      widen.getResult().replaceAllUsesWith(wide);
      widen.erase();
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*func_.getBlock())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

private:
  /// A rounding behind `value` that need not happen, with exact operations between at most.
  bool hasDroppable(Value value) {
    Operation *op = value.getDefiningOp();
    if (isa<arith::TruncFOp>(op))
      return !kept_.contains(op);
    return isExact(op) && llvm::any_of(op->getOperands(), [&](Value operand) {
             return operand.getType() == value.getType() && hasDroppable(operand);
           });
  }

  Value widened(Value value, Type type, OpBuilder &builder, DenseMap<Value, Value> &done) {
    if (auto known = done.find(value); known != done.end())
      return known->second;
    Operation *op = value.getDefiningOp();
    Location loc = op->getLoc();
    Value wide;
    if (auto round = dyn_cast<arith::TruncFOp>(op); round && !kept_.contains(op)) {
      Value source = round.getIn();
      unsigned have = source.getType().getIntOrFloatBitWidth(), want = type.getIntOrFloatBitWidth();
      wide = have == want  ? source
             : have < want ? builder.create<arith::ExtFOp>(loc, type, source).getResult()
                           : builder.create<arith::TruncFOp>(loc, type, source).getResult();
    } else if (isExact(op) && hasDroppable(value)) {
      IRMapping operands;
      for (Value operand : op->getOperands())
        if (operand.getType() == value.getType())
          operands.map(operand, widened(operand, type, builder, done));
      Operation *clone = builder.clone(*op, operands);
      clone->getResult(0).setType(type);
      wide = clone->getResult(0);
    } else {
      wide = builder.create<arith::ExtFOp>(loc, type, value);
    }
    return done[value] = wide;
  }

  FuncOp func_;
  llvm::DenseSet<Operation *> kept_;
};

struct DropRoundingsPass : PassWrapper<DropRoundingsPass, OperationPass<FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DropRoundingsPass)
  StringRef getArgument() const override { return "kernel-drop-roundings"; }
  StringRef getDescription() const override {
    return "delete pairs of rounding and widening that need not happen";
  }
  void runOnOperation() override { dropRoundings(getOperation()); }
};

} // namespace

void dropRoundings(FuncOp func) { RoundingDropper(func).run(); }

std::unique_ptr<Pass> createDropRoundingsPass() { return std::make_unique<DropRoundingsPass>(); }

} // namespace tgc::kernel
