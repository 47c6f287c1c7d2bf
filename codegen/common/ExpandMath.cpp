// Expands the math dialect.
//  In:  math ops on f16, bf16, f32, f64 and integers, scalars or vectors of any rank.
//  Out: arith, math.absf, copysign, sqrt, integer bit counts; math.fma and rounding ops if the target has
//  them.
//  1. Collect the ops of the table, so that what expansions emit is not expanded again.
//  2. An op on a narrower float is computed in f32 and rounded; so is one on f64 that only a C function could
//  do, where there is none.
//  3. Emit the expansion in front of the op, or calls of the C function for f64 without one, and replace the
//  op.
#include "codegen/common/ExpandMath.h"
#include "codegen/common/LaneCalls.h"
#include "codegen/common/MathCores.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace tgc {

namespace {

Num fma(MathBuilder &m, llvm::ArrayRef<Num> operands) { return m.fma(operands[0], operands[1], operands[2]); }

const llvm::StringMap<const Expansion *> &table() {
  static const llvm::StringMap<const Expansion *> all = [] {
    static const Expansion fused = {"math.fma", fma, fma, nullptr};
    llvm::StringMap<const Expansion *> map;
    map["math.fma"] = &fused;
    for (llvm::ArrayRef<Expansion> family :
         {exponentialExpansions(), logarithmExpansions(), trigonometricExpansions(), arcExpansions(),
          hyperbolicExpansions(), powerExpansions(), roundingExpansions(), errorFunctionExpansions()})
      for (const Expansion &expansion : family)
        map[expansion.op] = &expansion;
    return map;
  }();
  return all;
}

struct ExpandMath : PassWrapper<ExpandMath, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMath)
  explicit ExpandMath(const MathTarget &target) : target(target) {}
  StringRef getArgument() const override { return "tgc-expand-math"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, func::FuncDialect, math::MathDialect, scf::SCFDialect,
                    vector::VectorDialect>();
  }

  /// Ops that the target has as they are; expanding them would be the identity.
  bool keeps(Operation *op) const {
    if (isa<math::FloorOp, math::CeilOp, math::TruncOp, math::RoundEvenOp>(op))
      return target.rounding;
    return isa<math::FmaOp>(op) && target.fma;
  }

  void runOnOperation() override {
    std::vector<std::pair<Operation *, const Expansion *>> work;
    getOperation().walk([&](Operation *op) {
      if (auto power = dyn_cast<math::IPowIOp>(op))
        work.push_back({op, nullptr});
      else if (auto entry = table().find(op->getName().getStringRef()); entry != table().end())
        work.push_back({op, entry->second});
    });
    for (auto [op, expansion] : work) {
      if (!expansion)
        replaceIPow(cast<math::IPowIOp>(op));
      else if (!keeps(op) || getElementTypeOrSelf(op->getResult(0).getType()).getIntOrFloatBitWidth() < 32)
        replace(op, *expansion);
    }
  }

  static void replaceIPow(math::IPowIOp op) {
    OpBuilder builder(op);
    op.replaceAllUsesWith(expandIPow(builder, op.getLoc(), op.getLhs(), op.getRhs()));
    op.erase();
  }

  void replace(Operation *op, const Expansion &expansion) {
    OpBuilder builder(op);
    Location loc = op->getLoc();
    Type type = op->getResult(0).getType(), wide = type;
    bool lacking = getElementTypeOrSelf(type).isF64() && !expansion.f64 && !target.imports;
    if (lacking || getElementTypeOrSelf(type).getIntOrFloatBitWidth() < 32) {
      wide = builder.getF32Type();
      if (auto vector = dyn_cast<VectorType>(type))
        wide = vector.clone(wide);
    }
    MathBuilder m(builder, loc, wide, target);
    SmallVector<Num> operands;
    for (Value operand : op->getOperands()) {
      if (wide != type && isa<FloatType>(getElementTypeOrSelf(operand.getType())))
        operand = lacking ? builder.create<arith::TruncFOp>(loc, wide, operand).getResult()
                          : builder.create<arith::ExtFOp>(loc, wide, operand).getResult();
      operands.push_back(m.wrap(operand));
    }
    Value result;
    if (auto compute = m.isDouble() ? expansion.f64 : expansion.f32) {
      result = compute(m, operands).value;
    } else {
      SmallVector<Value> values;
      for (Num operand : operands)
        values.push_back(operand.value);
      result = mapLanes(builder, loc, values, wide, [&](OpBuilder &inner, Location at, ValueRange lane) {
        return SmallVector<Value>{callImport(inner, at, expansion.import, lane)};
      });
    }
    if (wide != type)
      result = lacking ? builder.create<arith::ExtFOp>(loc, type, result).getResult()
                       : builder.create<arith::TruncFOp>(loc, type, result).getResult();
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }

  MathTarget target;
};

} // namespace

std::unique_ptr<Pass> createExpandMathPass(const MathTarget &target) {
  return std::make_unique<ExpandMath>(target);
}

} // namespace tgc
