#include "compiler/pipe/Point.h"

#include "compiler/affine/Ranges.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace tgc::pipe {

IndexEmitter::IndexEmitter(OpBuilder &builder, Location loc, kernel::FuncOp kernel, ValueRange axes,
                           const Point &point)
    : builder(builder), loc(loc), lanes(point.lanes) {
  for (auto [d, axis] : llvm::enumerate(axes)) {
    unsigned index = kernel.axisIndex(axis);
    coords.push_back(point.coords[index]);
    extents_.push_back(kernel.getExtents()[index]);
    if (int(index) == point.laneAxis)
      laneDim = int(d);
  }
}

Value IndexEmitter::first(AffineExpr expr) {
  SmallVector<OpFoldResult> operands;
  for (auto [d, coord] : llvm::enumerate(coords)) {
    if (!coord && expr.isFunctionOfDim(d))
      internalError("an index uses an axis that is not bound there");
    operands.push_back(coord ? OpFoldResult(coord) : OpFoldResult(builder.getIndexAttr(0)));
  }
  AffineMap map = AffineMap::get(coords.size(), 0, affine::simplify(expr, extents_));
  OpFoldResult folded = mlir::affine::makeComposedFoldedAffineApply(builder, loc, map, operands);
  return getValueOrCreateConstantIndexOp(builder, loc, folded);
}

std::optional<int64_t> IndexEmitter::step(AffineExpr expr) {
  if (!dependsOnLane(expr))
    return 0;
  AffineExpr dim = getAffineDimExpr(laneDim, expr.getContext());
  SmallVector<int64_t> inside(extents_);
  inside[laneDim] = std::max<int64_t>(1, inside[laneDim] - 1);
  AffineExpr difference = affine::simplify(expr.replace(dim, dim + 1) - expr, inside);
  if (auto constant = dyn_cast<AffineConstantExpr>(difference))
    return constant.getValue();
  return std::nullopt;
}

Value IndexEmitter::splat(Value index) {
  return builder.createOrFold<vector::BroadcastOp>(loc, VectorType::get({lanes}, builder.getIndexType()),
                                                   index);
}

Value IndexEmitter::splat(int64_t value) {
  auto type = VectorType::get({lanes}, builder.getIndexType());
  return builder.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, builder.getIndexAttr(value)));
}

Value IndexEmitter::iota() {
  auto type = VectorType::get({lanes}, builder.getIndexType());
  SmallVector<Attribute> values;
  for (int64_t lane = 0; lane < lanes; ++lane)
    values.push_back(builder.getIndexAttr(lane));
  return builder.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, values));
}

Value IndexEmitter::all(AffineExpr expr) {
  if (std::optional<int64_t> gain = step(expr)) {
    Value start = splat(first(expr));
    if (*gain == 0)
      return start;
    Value steps = builder.createOrFold<arith::MulIOp>(loc, iota(), splat(*gain));
    return builder.create<arith::AddIOp>(loc, start, steps);
  }
  auto binary = cast<AffineBinaryOpExpr>(expr); // dimensions and constants have a step
  Value left = all(binary.getLHS());
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return builder.create<arith::AddIOp>(loc, left, all(binary.getRHS()));
  case AffineExprKind::Mul:
    return builder.create<arith::MulIOp>(loc, left, all(binary.getRHS()));
  default:
    break;
  }
  // floor(a / c) = ((a ^ s) / c) ^ s, where s is a's sign in all bits.
  Value divisor = all(binary.getRHS());
  Value sign = builder.create<arith::ShRSIOp>(loc, left, splat(63));
  Value flipped = builder.create<arith::XOrIOp>(loc, left, sign);
  Value quotient =
      builder.create<arith::XOrIOp>(loc, builder.create<arith::DivUIOp>(loc, flipped, divisor), sign);
  if (binary.getKind() == AffineExprKind::FloorDiv)
    return quotient;
  if (binary.getKind() == AffineExprKind::Mod)
    return builder.create<arith::SubIOp>(loc, left, builder.create<arith::MulIOp>(loc, quotient, divisor));
  internalError("an index rounds upwards");
}

IndexEmitter::Condition IndexEmitter::holds(IntegerSet set) {
  Condition condition;
  if (kernel::isAlwaysTrue(set))
    return condition;
  auto conjoin = [&](Value &all, Value more) {
    all = all ? builder.createOrFold<arith::AndIOp>(loc, all, more) : more;
  };
  for (auto [expr, equal] : llvm::zip(set.getConstraints(), set.getEqFlags())) {
    arith::CmpIPredicate predicate = equal ? arith::CmpIPredicate::eq : arith::CmpIPredicate::sge;
    if (dependsOnLane(expr))
      conjoin(condition.perLane, builder.create<arith::CmpIOp>(loc, predicate, all(expr), splat(int64_t(0))));
    else
      conjoin(condition.same,
              builder.createOrFold<arith::CmpIOp>(loc, predicate, first(expr),
                                                  builder.create<arith::ConstantIndexOp>(loc, 0)));
  }
  return condition;
}

} // namespace tgc::pipe
