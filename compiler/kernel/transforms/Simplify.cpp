// kernel-simplify
//
// In: any kernel. Out: the same kernel, with maps and conditions in normal form, no value that is not used,
// no axis of extent 1 and none that nothing names.
// 1. Maps and conditions are simplified with the axes' extents and with what is known where a value is needed
//    (Need.h). Pieces of loads that never hold go, tests that are decided become constants.
// 2. Remaps of values that depend on loads alone are pushed into the loads.
// 3. Reductions along axes that their operand does not have, or of extent 1, are done away with.
// 4. arith's and math's own canonicalisation, folding and common subexpressions.
// 5. Axes that nothing names are removed. Again from 1 until nothing changes.
#include "compiler/affine/Ranges.h"
#include "compiler/kernel/Passes.h"
#include "compiler/kernel/transforms/Access.h"
#include "compiler/kernel/transforms/Need.h"
#include "compiler/kernel/transforms/SimplifyLoads.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc::kernel {
namespace {

void replaceByConstant(Operation *op, TypedAttr value) {
  OpBuilder builder(op);
  op->getResult(0).replaceAllUsesWith(builder.create<arith::ConstantOp>(op->getLoc(), value));
  op->erase();
}

class Simplifier {
public:
  explicit Simplifier(FuncOp func) : func_(func) {}

  /// One round; says whether anything changed.
  bool round() {
    changed_ = false;
    simplifyAccesses();
    pushRemaps();
    simplifyReductions();
    canonicalize();
    removeAxes();
    return changed_;
  }

private:
  IntegerSet always() { return alwaysTrue(func_.getContext(), func_.getNumAxes()); }

  void update(Operation *op, const Access &before, const Access &after) {
    if (before == after)
      return;
    setAccess(func_, op, after);
    changed_ = true;
  }

  void simplifyAccesses() {
    DenseMap<Value, IntegerSet> needs = neededDomains(func_);
    ArrayRef<int64_t> extents = func_.getExtents();
    for (Operation &op : llvm::make_early_inc_range(*func_.getBlock())) {
      if (!hasAccess(&op))
        continue;
      if (auto store = dyn_cast<StoreOp>(op)) {
        Access before = accessOf(func_, store), after;
        after.conditions = {affine::simplify(before.conditions[0], extents)};
        if (affine::neverHolds(after.conditions[0])) {
          store.erase();
          changed_ = true;
          continue;
        }
        after.maps = {
            affine::simplify(affine::simplifyGiven(before.maps[0], after.conditions[0], extents), extents)};
        update(store, before, after);
        continue;
      }
      auto known = needs.find(op.getResult(0));
      if (known == needs.end())
        continue; // nothing needs it; canonicalisation removes it
      IntegerSet need = known->second;
      if (auto load = dyn_cast<LoadOp>(op)) {
        changed_ |= simplifyLoad(func_, load, need);
        continue;
      }
      Access before = accessOf(func_, &op), after;
      for (AffineMap map : before.maps)
        after.maps.push_back(affine::simplify(affine::simplifyGiven(map, need, extents), extents));
      for (IntegerSet set : before.conditions)
        after.conditions.push_back(affine::simplifyGiven(affine::simplify(set, extents), need, extents));
      // Outside of where it is needed a remap still has to stay inside its axis.
      if (auto remap = dyn_cast<RemapOp>(op);
          remap && !affine::alwaysInside(after.maps[0], func_.extentOf(remap.getAxis()), extents))
        after.maps = {affine::simplify(before.maps[0], extents)};
      Builder builder(func_.getContext());
      if (isa<TestOp>(op) && (isAlwaysTrue(after.conditions[0]) || affine::neverHolds(after.conditions[0]))) {
        replaceByConstant(&op, builder.getBoolAttr(isAlwaysTrue(after.conditions[0])));
        changed_ = true;
      } else if (auto coord = dyn_cast<CoordOp>(op);
                 coord && isa<AffineConstantExpr>(after.maps[0].getResult(0))) {
        int64_t value = cast<AffineConstantExpr>(after.maps[0].getResult(0)).getValue();
        replaceByConstant(&op, builder.getIntegerAttr(coord.getType(), value));
        changed_ = true;
      } else {
        update(&op, before, after);
      }
    }
  }

  void pushRemaps() {
    for (auto remap : llvm::make_early_inc_range(func_.getBlock()->getOps<RemapOp>())) {
      AxisSets sets(func_);
      unsigned axis = func_.axisIndex(remap.getAxis());
      AffineExpr target = accessOf(func_, remap).maps[0].getResult(0);
      bool stays = target == getAffineDimExpr(axis, func_.getContext());
      DenseMap<Value, Value> moved;
      Value pushed = stays ? remap.getSource() : push(remap.getSource(), axis, target, sets, remap, moved);
      if (!pushed)
        continue;
      remap.getResult().replaceAllUsesWith(pushed);
      remap.erase();
      changed_ = true;
    }
  }

  /// `value` with `axis` replaced by `target`, computed anew before `at`; null if a reduction is in the way.
  Value push(Value value, unsigned axis, AffineExpr target, const AxisSets &sets, Operation *at,
             DenseMap<Value, Value> &moved) {
    if (!sets.of(value).test(axis))
      return value;
    if (auto known = moved.find(value); known != moved.end())
      return known->second;
    Operation *op = value.getDefiningOp();
    if (isa<RemapOp, ContractOp, ReduceOp, MomentsOp, SoftmaxOp>(op))
      return nullptr;
    IRMapping operands;
    for (Value operand : op->getOperands()) {
      if (!operand.getDefiningOp())
        continue;
      Value other = push(operand, axis, target, sets, at, moved);
      if (!other)
        return nullptr;
      operands.map(operand, other);
    }
    Operation *clone = OpBuilder(at).clone(*op, operands);
    if (hasAccess(op))
      setAccess(func_, clone, mapExprs(accessOf(func_, op), func_.getNumAxes(), [&](AffineExpr expr) {
                  return expr.replace(getAffineDimExpr(axis, func_.getContext()), target);
                }));
    if (auto load = dyn_cast<LoadOp>(clone))
      guardIfNeeded(func_, load);
    return moved[value] = clone->getResult(0);
  }

  void simplifyReductions() {
    AxisSets sets(func_);
    for (Operation &op : llvm::make_early_inc_range(*func_.getBlock())) {
      if (!isa<ContractOp, ReduceOp, MomentsOp, SoftmaxOp>(op))
        continue;
      llvm::SmallBitVector has(func_.getNumAxes());
      for (Value operand : op.getOperands())
        if (operand.getDefiningOp())
          has |= sets.of(operand);
      // Along an axis that the operands do not have all terms are equal.
      bool idempotent = isa<MomentsOp, SoftmaxOp>(op);
      if (auto reduce = dyn_cast<ReduceOp>(op))
        idempotent = reduce.getKind() == ReduceKind::Max || reduce.getKind() == ReduceKind::Min;
      SmallVector<Value> over;
      for (Value axis : reducedAxes(&op))
        if (func_.extentOf(axis) > 1 && (has.test(func_.axisIndex(axis)) || !idempotent))
          over.push_back(axis);
      if (over.empty()) {
        unreduce(&op);
        changed_ = true;
      } else if (over.size() != reducedAxes(&op).size()) {
        llvm::TypeSwitch<Operation *>(&op).Case<ContractOp, ReduceOp, MomentsOp, SoftmaxOp>(
            [&](auto reduction) { reduction.getOverMutable().assign(over); });
        changed_ = true;
      }
    }
  }

  /// A reduction of one term.
  void unreduce(Operation *op) {
    OpBuilder builder(op);
    Location loc = op->getLoc();
    auto widen = [&](Value value, Type type) -> Value {
      if (value.getType() == type)
        return value;
      if (isa<FloatType>(type))
        return type.getIntOrFloatBitWidth() > value.getType().getIntOrFloatBitWidth()
                   ? builder.create<arith::ExtFOp>(loc, type, value).getResult()
                   : builder.create<arith::TruncFOp>(loc, type, value).getResult();
      return builder.create<arith::ExtSIOp>(loc, type, value);
    };
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](ContractOp contract) {
          Type type = contract.getResult().getType();
          Value lhs = widen(contract.getLhs(), type), rhs = widen(contract.getRhs(), type);
          Value product = isa<FloatType>(type) ? builder.create<arith::MulFOp>(loc, lhs, rhs).getResult()
                                               : builder.create<arith::MulIOp>(loc, lhs, rhs).getResult();
          contract.getResult().replaceAllUsesWith(product);
        })
        .Case([&](ReduceOp reduce) {
          Type type = reduce.getResult().getType();
          bool index = reduce.getKind() == ReduceKind::ArgMax || reduce.getKind() == ReduceKind::ArgMin;
          reduce.getResult().replaceAllUsesWith(
              index ? builder.create<arith::ConstantOp>(loc, builder.getIntegerAttr(type, 0)).getResult()
                    : widen(reduce.getSource(), type));
        })
        .Case([&](MomentsOp moments) {
          moments.getMean().replaceAllUsesWith(widen(moments.getSource(), moments.getMean().getType()));
          // 0, and NaN of what is not finite
          Value none = builder.create<arith::SubFOp>(loc, moments.getSource(), moments.getSource());
          moments.getVariance().replaceAllUsesWith(widen(none, moments.getVariance().getType()));
        })
        .Case([&](SoftmaxOp softmax) {
          Type type = softmax.getResult().getType();
          Value none = builder.create<arith::SubFOp>(loc, softmax.getWeights(), softmax.getWeights());
          Value one = builder.create<math::ExpOp>(loc, widen(none, type));
          softmax.getResult().replaceAllUsesWith(
              builder.create<arith::MulFOp>(loc, one, widen(softmax.getValues(), type)));
        });
    op->erase();
  }

  void canonicalize() {
    MLIRContext *context = func_.getContext();
    RewritePatternSet patterns(context);
    for (RegisteredOperationName name : context->getRegisteredOperations())
      if (name.getDialectNamespace() == "arith" || name.getDialectNamespace() == "math")
        name.getCanonicalizationPatterns(patterns, context);
    bool rewritten = false;
    (void)applyPatternsAndFoldGreedily(func_.getBody(), std::move(patterns), GreedyRewriteConfig(),
                                       &rewritten);
    IRRewriter rewriter(context);
    DominanceInfo dominance(func_);
    bool shared = false;
    eliminateCommonSubExpressions(rewriter, dominance, func_, &shared);
    changed_ |= rewritten || shared;
  }

  void removeAxes() {
    AxisChange change;
    MLIRContext *context = func_.getContext();
    for (BlockArgument axis : func_.getAxes()) {
      if (axis.use_empty()) {
        change.oldAsNew.push_back(getAffineConstantExpr(0, context));
        continue;
      }
      change.oldAsNew.push_back(getAffineDimExpr(change.extents.size(), context));
      change.newAsOld.push_back(getAffineDimExpr(func_.axisIndex(axis), context));
      change.extents.push_back(func_.extentOf(axis));
      change.names.push_back(func_.axisName(axis).str());
    }
    if (change.extents.size() == func_.getNumAxes())
      return;
    changeAxes(func_, change);
    changed_ = true;
  }

  FuncOp func_;
  bool changed_ = false;
};

struct SimplifyPass : PassWrapper<SimplifyPass, OperationPass<FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SimplifyPass)
  StringRef getArgument() const override { return "kernel-simplify"; }
  StringRef getDescription() const override {
    return "maps and conditions in normal form, unused things removed";
  }
  void runOnOperation() override { simplifyKernel(getOperation()); }
};

} // namespace

void simplifyKernel(FuncOp func) {
  Simplifier simplifier(func);
  // Every round removes something or brings a form closer to its normal one; few are needed.
  for (unsigned round = 0; round < 16 && simplifier.round(); ++round)
    ;
}

std::unique_ptr<Pass> createSimplifyPass() { return std::make_unique<SimplifyPass>(); }

} // namespace tgc::kernel
