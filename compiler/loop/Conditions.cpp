// Conditions on axes as branches and lane masks, and coordinates as values.
#include "compiler/loop/Generator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using llvm::SmallBitVector;

namespace tgc::loop {

void Generator::addInside(Condition &condition, const SmallBitVector &set, const Registers &registers,
                          Scope *from) {
  for (unsigned axis : set.set_bits()) {
    if (bindingOf(axis, from).complete)
      continue;
    AffineExpr last = scopes.constant(axes[axis].extent - 1);
    // Innermost registers that divide the extent lie inside or beyond it together; one test serves all.
    Registers tested = registers;
    if (int64_t side = axes[axis].innermost; !axes[axis].hasLanes && axes[axis].extent % side == 0)
      tested[axis] -= tested[axis] % side;
    condition.constraints.push_back({last - coordinate(axis, tested, from), false});
  }
}

Condition Generator::conditionOf(IntegerSet set, ValueRange axisValues, const Registers &registers,
                                 Scope *from) {
  Condition condition;
  if (kernel::isAlwaysTrue(set))
    return condition;
  for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags()))
    condition.constraints.push_back({substitute(expr, axisValues, registers, from), equality});
  return scopes.simplify(condition);
}

Value Generator::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return builder.create<arith::AndIOp>(loc, a, b);
}

Value Generator::laneOf(Value vector, int64_t lane) {
  if (!isa<VectorType>(vector.getType()))
    return vector;
  return builder.create<vector::ExtractOp>(loc, vector, lane);
}

Value Generator::fromLanes(ArrayRef<Value> values) {
  Value vector = constantOf(builder.getZeroAttr(values.front().getType()), true);
  for (auto [lane, value] : llvm::enumerate(values))
    vector = builder.create<vector::InsertOp>(loc, value, vector, int64_t(lane));
  return vector;
}

Value Generator::scalarTest(AffineExpr expr, bool equality, Scope *scope) {
  Value index = scopes.index(expr, scope), zero = scopes.indexConstant(0);
  scopes.insertAt(scope);
  auto predicate = equality ? arith::CmpIPredicate::eq : arith::CmpIPredicate::sge;
  return builder.create<arith::CmpIOp>(loc, predicate, index, zero);
}

/// 1. Where every lane's outcome is known, a constant.
/// 2. Where lanes have a constant stride, a comparison of vectors.
/// 3. Else a test a lane.
Value Generator::maskOf(AffineExpr expr, bool equality, Scope *scope) {
  SmallVector<AffineExpr> each;
  SmallVector<bool> known;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    each.push_back(scopes.simplify(expr.replace(scopes.lane(), scopes.constant(lane))));
    affine::Range range = scopes.rangeOf(each.back());
    if (equality ? range.min == 0 && range.max == 0 : range.min >= 0)
      known.push_back(true);
    else if (equality ? range.min > 0 || range.max < 0 : range.max < 0)
      known.push_back(false);
  }
  if (known.size() == size_t(lanes))
    return scopes.constantValue(
        DenseElementsAttr::get(cast<VectorType>(vectorOf(builder.getI1Type())), ArrayRef<bool>(known)));
  if (auto split = splitLane(expr)) {
    auto [base, stride] = *split;
    Type type = scopes.fitsInt32(expr) && scopes.fitsInt32(base) ? Type(builder.getI32Type())
                                                                 : Type(builder.getI64Type());
    Value start = scopes.index(base, scope);
    SmallVector<APInt> steps;
    for (int64_t lane = 0; lane < lanes; ++lane)
      steps.push_back(APInt(type.getIntOrFloatBitWidth(), uint64_t(stride * lane), true));
    auto shape = cast<VectorType>(vectorOf(type));
    Value iota = scopes.constantValue(DenseElementsAttr::get(shape, steps));
    Value zero = constantOf(builder.getZeroAttr(type), true);
    scopes.insertAt(scope);
    Value cast = builder.create<arith::IndexCastOp>(loc, type, start);
    Value all =
        builder.create<arith::AddIOp>(loc, builder.create<vector::BroadcastOp>(loc, shape, cast), iota);
    auto predicate = equality ? arith::CmpIPredicate::eq : arith::CmpIPredicate::sge;
    return builder.create<arith::CmpIOp>(loc, predicate, all, zero);
  }
  SmallVector<Value> tests;
  for (AffineExpr lane : each)
    tests.push_back(scalarTest(lane, equality, scope));
  scopes.insertAt(scope);
  return fromLanes(tests);
}

Guard Generator::guardOf(const Condition &condition, Scope *scope) {
  Guard guard;
  guard.never = condition.never;
  if (guard.never)
    return guard;
  for (auto &[expr, equality] : condition.constraints) {
    bool vector = scopes.usesLane(expr);
    Value test = vector ? maskOf(expr, equality, scope) : scalarTest(expr, equality, scope);
    scopes.insertAt(scope);
    Value &part = vector ? guard.mask : guard.uniform;
    part = both(part, test);
  }
  return guard;
}

Value Generator::computeTest(kernel::TestOp op, const Registers &registers, Scope *scope) {
  Guard guard = guardOf(conditionOf(op.getCondition(), op.getAxes(), registers, scope), scope);
  if (guard.never || guard.always())
    return scopes.constantValue(builder.getBoolAttr(!guard.never));
  if (!guard.mask)
    return guard.uniform;
  scopes.insertAt(scope);
  return guard.uniform ? both(guard.mask, broadcast(guard.uniform)) : guard.mask;
}

Value Generator::computeCoord(kernel::CoordOp op, const Registers &registers, Scope *scope) {
  return coordinateValue(substitute(op.getMap().getResult(0), op.getAxes(), registers, scope), op.getType(),
                         scope);
}

Value Generator::coordinateValue(AffineExpr expr, Type type, Scope *scope) {
  auto scalar = [&](AffineExpr part) -> Value {
    if (auto constant = dyn_cast<AffineConstantExpr>(part))
      return scopes.constantValue(builder.getIntegerAttr(type, constant.getValue()));
    Value index = scopes.index(part, scope);
    scopes.insertAt(scope);
    return builder.create<arith::IndexCastOp>(loc, type, index);
  };
  if (!scopes.usesLane(expr))
    return scalar(expr);
  if (auto split = splitLane(expr)) {
    SmallVector<APInt> steps;
    for (int64_t lane = 0; lane < lanes; ++lane)
      steps.push_back(APInt(type.getIntOrFloatBitWidth(), uint64_t(split->second * lane), true));
    Value iota = scopes.constantValue(DenseElementsAttr::get(cast<VectorType>(vectorOf(type)), steps));
    Value base = scalar(split->first);
    scopes.insertAt(scope);
    return builder.create<arith::AddIOp>(loc, broadcast(base), iota);
  }
  SmallVector<Value> each;
  for (int64_t lane = 0; lane < lanes; ++lane)
    each.push_back(scalar(scopes.simplify(expr.replace(scopes.lane(), scopes.constant(lane)))));
  scopes.insertAt(scope);
  return fromLanes(each);
}

} // namespace tgc::loop
