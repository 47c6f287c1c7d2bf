#include "compiler/pipe/Values.h"

#include "compiler/affine/Ranges.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc::pipe {

Values::Values(kernel::FuncOp kernel, ValueRange buffers) : kernel(kernel), axes(kernel), buffers(buffers) {}

namespace {

/// A predicate's value where it may be known while compiling.
std::optional<bool> knownBit(Value bit) {
  APInt constant;
  if (bit && matchPattern(bit, m_ConstantInt(&constant)))
    return constant.getBoolValue();
  return std::nullopt;
}

Value toIndexed(OpBuilder &builder, Location loc, Value index, Type wanted) {
  Type shaped = wanted;
  if (auto vector = dyn_cast<VectorType>(index.getType()))
    shaped = vector.clone(wanted);
  return builder.createOrFold<arith::IndexCastOp>(loc, shaped, index);
}

} // namespace

Value PointEmitter::constant(Location loc, TypedAttr number) {
  return builder.create<arith::ConstantOp>(loc, number);
}

Value PointEmitter::splat(Location loc, Value scalar) {
  if (point.laneAxis < 0 || isa<VectorType>(scalar.getType()))
    return scalar;
  return builder.createOrFold<vector::BroadcastOp>(loc, VectorType::get({point.lanes}, scalar.getType()),
                                                   scalar);
}

Value PointEmitter::value(Value value) {
  if (Value have = known.lookup(value))
    return have;
  Value computed = compute(value);
  known[value] = computed;
  return computed;
}

Value PointEmitter::valueInLanes(Value value) { return splat(value.getLoc(), this->value(value)); }

Value PointEmitter::compute(Value value) {
  if (auto source = values.sources.find(value); source != values.sources.end())
    return source->second(builder, value.getLoc(), point);
  Operation *op = value.getDefiningOp();
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](kernel::LoadOp load) { return this->load(load); })
      .Case([&](kernel::GatherOp gather) { return this->gather(gather); })
      .Case([&](kernel::RemapOp remap) { return this->remap(remap); })
      .Case([&](kernel::ReduceOp reduce) { return this->reduce(reduce); })
      .Case([&](kernel::MomentsOp moments) { return moment(moments, value == moments.getVariance()); })
      .Case([&](kernel::ContractOp contract) {
        Type type = contract.getResult().getType();
        return reduce(
            value, contract.getOver(), vector::CombiningKind::ADD, type, [&](PointEmitter &at) -> Value {
              Value left = at.value(contract.getLhs()), right = at.value(contract.getRhs());
              auto widen = [&](Value side) -> Value {
                side = at.splat(op->getLoc(), side);
                Type shaped = type;
                if (auto vector = dyn_cast<VectorType>(side.getType()))
                  shaped = vector.clone(type);
                if (side.getType() == shaped)
                  return side;
                return isa<FloatType>(type)
                           ? at.builder.create<arith::ExtFOp>(op->getLoc(), shaped, side).getResult()
                           : at.builder.create<arith::ExtSIOp>(op->getLoc(), shaped, side).getResult();
              };
              left = widen(left);
              right = widen(right);
              return isa<FloatType>(type)
                         ? at.builder.create<arith::MulFOp>(op->getLoc(), left, right).getResult()
                         : at.builder.create<arith::MulIOp>(op->getLoc(), left, right).getResult();
            });
      })
      .Case([&](kernel::CoordOp coord) {
        IndexEmitter index(builder, coord.getLoc(), values.kernel, coord.getAxes(), point);
        AffineExpr expr = coord.getMap().getResult(0);
        Value at = index.dependsOnLane(expr) ? index.all(expr) : index.first(expr);
        return toIndexed(builder, coord.getLoc(), at, coord.getResult().getType());
      })
      .Case([&](kernel::TestOp test) -> Value {
        IndexEmitter index(builder, test.getLoc(), values.kernel, test.getAxes(), point);
        IndexEmitter::Condition condition = index.holds(test.getCondition());
        if (!condition.same && !condition.perLane)
          return constant(test.getLoc(), builder.getBoolAttr(true));
        if (!condition.perLane)
          return condition.same;
        if (!condition.same)
          return condition.perLane;
        return builder.create<arith::AndIOp>(test.getLoc(), splat(test.getLoc(), condition.same),
                                             condition.perLane);
      })
      .Case([&](arith::ConstantOp number) { return constant(number.getLoc(), number.getValue()); })
      .Default([&](Operation *other) {
        if (isa<kernel::KernelDialect>(other->getDialect()))
          internalError("{} cannot be emitted at a point", other->getName().getStringRef().str());
        return elementwise(other);
      });
}

Value PointEmitter::elementwise(Operation *op) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(value(operand));
  // A source may give a vector where the point has no lanes of an axis; the others follow.
  VectorType shape;
  for (Value operand : operands)
    if (auto vector = dyn_cast<VectorType>(operand.getType()))
      shape = vector;
  OperationState state(op->getLoc(), op->getName());
  for (Value operand : operands) {
    if (shape && !isa<VectorType>(operand.getType()))
      operand =
          builder.createOrFold<vector::BroadcastOp>(op->getLoc(), shape.clone(operand.getType()), operand);
    state.addOperands(operand);
  }
  state.addAttributes(op->getAttrs());
  for (Type type : op->getResultTypes())
    state.addTypes(shape ? Type(shape.clone(type)) : type);
  Operation *made = builder.create(state);
  for (auto [from, to] : llvm::zip(op->getResults(), made->getResults()))
    known[from] = to;
  return made->getResult(cast<OpResult>(op->getResult(0)).getResultNumber());
}

Value PointEmitter::load(kernel::LoadOp load) {
  if (load.getFill())
    return loadPieces(load, 0, constant(load.getLoc(), *load.getFill()));
  MemoryEmitter memory(builder, load.getLoc(), values.kernel, load.getAxes(), point);
  Value buffer = values.buffers[cast<BlockArgument>(load.getBuffers()[0]).getArgNumber()];
  return memory.load({buffer, load.getMap(0)});
}

// Conditions that all lanes share become branches; others masks, whose pieces are loaded last to first, so that
// the first that holds wins.
Value PointEmitter::loadPieces(kernel::LoadOp load, unsigned piece, Value fill) {
  if (piece == load.getNumPieces())
    return fill;
  Location loc = load.getLoc();
  MemoryEmitter memory(builder, loc, values.kernel, load.getAxes(), point);
  Value source = load.getBuffers()[piece];
  Value buffer = values.buffers[cast<BlockArgument>(source).getArgNumber()];
  Place place{buffer, load.getMap(piece)};
  IntegerSet inside =
      affine::withBounds(load.getCondition(piece), place.map, cast<MemRefType>(source.getType()).getShape(),
                         memory.indices().extents());
  if (affine::neverHolds(inside))
    return loadPieces(load, piece + 1, fill);
  IndexEmitter::Condition condition = memory.indices().holds(inside);
  std::optional<bool> same = condition.same ? knownBit(condition.same) : true;
  if (same == false)
    return loadPieces(load, piece + 1, fill);
  if (condition.perLane) {
    Value mask = condition.perLane;
    if (!same)
      mask = builder.create<arith::AndIOp>(loc, mask, memory.splat(condition.same));
    return memory.load(place, mask, loadPieces(load, piece + 1, fill));
  }
  if (same)
    return memory.load(place);
  bool lanes = point.laneAxis >= 0 && values.dependsOn(load.getResult(), point.laneAxis);
  Type type = load.getResult().getType();
  if (lanes)
    type = VectorType::get({point.lanes}, type);
  auto branch = builder.create<scf::IfOp>(loc, type, condition.same, /*withElse=*/true);
  auto yield = [&](Block *block, llvm::function_ref<Value()> make) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(block);
    Value made = make();
    builder.create<scf::YieldOp>(loc, lanes ? splat(loc, made) : made);
  };
  yield(branch.thenBlock(), [&] {
    MemoryEmitter here(builder, loc, values.kernel, load.getAxes(), point);
    return here.load(place);
  });
  yield(branch.elseBlock(), [&] { return loadPieces(load, piece + 1, fill); });
  return branch.getResult(0);
}

Value PointEmitter::perLane(Value value) {
  Location loc = value.getLoc();
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < point.lanes; ++lane) {
    Point one = point.withoutLanes();
    Value &coord = one.coords[point.laneAxis];
    coord =
        builder.createOrFold<arith::AddIOp>(loc, coord, builder.create<arith::ConstantIndexOp>(loc, lane));
    elements.push_back(PointEmitter(values, builder, one).value(value));
  }
  return builder.create<vector::FromElementsOp>(loc, VectorType::get({point.lanes}, value.getType()),
                                                elements);
}

Value PointEmitter::gather(kernel::GatherOp gather) {
  if (point.laneAxis >= 0 && values.dependsOn(gather.getResult(), point.laneAxis))
    return perLane(gather.getResult());
  Location loc = gather.getLoc();
  auto type = cast<MemRefType>(gather.getBuffer().getType());
  IndexEmitter index(builder, loc, values.kernel, gather.getAxes(), point);
  Value at = toIndexed(builder, loc, value(gather.getIndex()), builder.getIndexType());
  Value size = builder.create<arith::ConstantIndexOp>(loc, type.getShape()[gather.getDim()]);
  // Unsigned: a negative index is a large one.
  Value inside = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ult, at, size);
  IntegerSet others = affine::withBounds(kernel::alwaysTrue(builder.getContext(), gather.getAxes().size()),
                                         gather.getMap(), type.getShape(), index.extents());
  if (IndexEmitter::Condition condition = index.holds(others); condition.same)
    inside = builder.create<arith::AndIOp>(loc, inside, condition.same);
  SmallVector<Value> indices;
  for (AffineExpr expr : gather.getMap().getResults())
    indices.push_back(index.first(expr));
  indices[gather.getDim()] = at;
  Value buffer = values.buffers[cast<BlockArgument>(gather.getBuffer()).getArgNumber()];
  auto branch = builder.create<scf::IfOp>(
      loc, inside,
      [&](OpBuilder &inner, Location) {
        inner.create<scf::YieldOp>(loc, inner.create<memref::LoadOp>(loc, buffer, indices).getResult());
      },
      [&](OpBuilder &inner, Location) {
        inner.create<scf::YieldOp>(loc, inner.create<arith::ConstantOp>(loc, gather.getFill()).getResult());
      });
  return branch.getResult(0);
}

Value PointEmitter::remap(kernel::RemapOp remap) {
  int axis = values.kernel.axisIndex(remap.getAxis());
  if (!values.dependsOn(remap.getSource(), axis))
    return value(remap.getSource());
  IndexEmitter index(builder, remap.getLoc(), values.kernel, remap.getAxes(), point);
  AffineExpr expr = remap.getMap().getResult(0);
  bool moves = index.dependsOnLane(expr);
  if (moves && (axis != point.laneAxis || index.step(expr) != 1))
    return perLane(remap.getResult());
  Point there = point;
  if (axis == point.laneAxis && !moves)
    there = point.withoutLanes();
  there.coords[axis] = index.first(expr);
  return PointEmitter(values, builder, there).value(remap.getSource());
}

void PointEmitter::store(kernel::StoreOp store) {
  Location loc = store.getLoc();
  Value stored = value(store.getValue());
  OpBuilder::InsertionGuard guard(builder);
  MemoryEmitter memory(builder, loc, values.kernel, store.getAxes(), point);
  IndexEmitter::Condition condition = memory.indices().holds(store.getCondition());
  std::optional<bool> same = condition.same ? knownBit(condition.same) : true;
  if (same == false)
    return;
  if (!same) {
    auto branch = builder.create<scf::IfOp>(loc, condition.same, /*withElse=*/false);
    builder.setInsertionPoint(branch.thenYield());
  }
  Value buffer = values.buffers[cast<BlockArgument>(store.getBuffer()).getArgNumber()];
  memory.store(stored, {buffer, store.getMap()}, condition.perLane);
}

// Reductions

namespace {

Value combine(OpBuilder &builder, Location loc, vector::CombiningKind kind, Value a, Value b) {
  using Kind = vector::CombiningKind;
  switch (kind) {
  case Kind::ADD:
    return isa<FloatType>(getElementTypeOrSelf(a)) ? builder.create<arith::AddFOp>(loc, a, b).getResult()
                                                   : builder.create<arith::AddIOp>(loc, a, b).getResult();
  case Kind::MUL:
    return isa<FloatType>(getElementTypeOrSelf(a)) ? builder.create<arith::MulFOp>(loc, a, b).getResult()
                                                   : builder.create<arith::MulIOp>(loc, a, b).getResult();
  case Kind::MAXIMUMF:
    return builder.create<arith::MaximumFOp>(loc, a, b);
  case Kind::MINIMUMF:
    return builder.create<arith::MinimumFOp>(loc, a, b);
  case Kind::MAXSI:
    return builder.create<arith::MaxSIOp>(loc, a, b);
  case Kind::MINSI:
    return builder.create<arith::MinSIOp>(loc, a, b);
  case Kind::MAXUI:
    return builder.create<arith::MaxUIOp>(loc, a, b);
  case Kind::MINUI:
    return builder.create<arith::MinUIOp>(loc, a, b);
  default:
    internalError("unexpected reduction");
  }
}

arith::AtomicRMWKind identityKind(vector::CombiningKind kind, Type type) {
  using Kind = vector::CombiningKind;
  bool isFloat = isa<FloatType>(type);
  switch (kind) {
  case Kind::MUL:
    return isFloat ? arith::AtomicRMWKind::mulf : arith::AtomicRMWKind::muli;
  case Kind::MAXIMUMF:
    return arith::AtomicRMWKind::maximumf;
  case Kind::MINIMUMF:
    return arith::AtomicRMWKind::minimumf;
  case Kind::MAXSI:
    return arith::AtomicRMWKind::maxs;
  case Kind::MINSI:
    return arith::AtomicRMWKind::mins;
  case Kind::MAXUI:
    return arith::AtomicRMWKind::maxu;
  case Kind::MINUI:
    return arith::AtomicRMWKind::minu;
  default:
    return isFloat ? arith::AtomicRMWKind::addf : arith::AtomicRMWKind::addi;
  }
}

} // namespace

Value PointEmitter::overBox(Location loc, ArrayRef<Level> levels, const Point &at, Value carried,
                            function_ref<Value(const Point &, Value)> body) {
  if (levels.empty())
    return body(at, carried);
  const Level &level = levels.front();
  auto index = [&](int64_t number) { return builder.create<arith::ConstantIndexOp>(loc, number); };
  auto loop = builder.create<scf::ForOp>(loc, index(level.from), index(level.to), index(level.step),
                                         ValueRange(carried));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Point there = at;
  there.coords[level.axis] = loop.getInductionVar();
  if (level.step > 1) {
    there.laneAxis = level.axis;
    there.lanes = level.step;
  }
  builder.create<scf::YieldOp>(loc, overBox(loc, levels.drop_front(), there, loop.getRegionIterArg(0), body));
  return loop.getResult(0);
}

Value PointEmitter::reduce(Value result, ValueRange over, vector::CombiningKind kind, Type type,
                           function_ref<Value(PointEmitter &)> element) {
  Location loc = result.getLoc();
  bool keepsLanes = values.dependsOn(result, point.laneAxis);
  // Where the lanes' axis is reduced, it is walked innermost in lanes, with one accumulator for each.
  int laneAxis = -1;
  SmallVector<Level> levels;
  for (Value axis : over) {
    int position = values.kernel.axisIndex(axis);
    if (position == point.laneAxis)
      laneAxis = position;
    else
      levels.push_back({position, 0, values.kernel.extentOf(axis), 1});
  }
  Value none = constant(
      loc, cast<TypedAttr>(arith::getIdentityValueAttr(identityKind(kind, type), type, builder, loc)));
  auto accumulate = [&](const Point &at, Value sum) -> Value {
    PointEmitter emitter(values, builder, at);
    Value term = element(emitter);
    return combine(builder, loc, kind, sum, isa<VectorType>(sum.getType()) ? emitter.splat(loc, term) : term);
  };
  if (keepsLanes)
    return overBox(loc, levels, point, splat(loc, none), accumulate);
  Point inside = point.withoutLanes();
  if (laneAxis < 0)
    return overBox(loc, levels, inside, none, accumulate);
  int64_t extent = values.kernel.getExtents()[laneAxis], whole = extent / point.lanes * point.lanes;
  Value total = none;
  if (whole > 0) {
    levels.push_back({laneAxis, 0, whole, point.lanes});
    Value sums = overBox(loc, levels, inside, splat(loc, none), accumulate);
    total = builder.create<vector::ReductionOp>(loc, kind, sums);
    levels.pop_back();
  }
  if (whole < extent) {
    levels.push_back({laneAxis, whole, extent, 1});
    total = overBox(loc, levels, inside, total, accumulate);
  }
  return total;
}

Value PointEmitter::reduce(kernel::ReduceOp reduction) {
  using Kind = vector::CombiningKind;
  Type type = reduction.getResult().getType();
  bool isFloat = isa<FloatType>(type), isUnsigned = reduction.getIsUnsigned();
  Kind kind = Kind::ADD;
  switch (reduction.getKind()) {
  case kernel::ReduceKind::Add:
    break;
  case kernel::ReduceKind::Mul:
    kind = Kind::MUL;
    break;
  case kernel::ReduceKind::Max:
    kind = isFloat ? Kind::MAXIMUMF : isUnsigned ? Kind::MAXUI : Kind::MAXSI;
    break;
  case kernel::ReduceKind::Min:
    kind = isFloat ? Kind::MINIMUMF : isUnsigned ? Kind::MINUI : Kind::MINSI;
    break;
  default:
    internalError("argmax and argmin have no place in a tile's epilogue");
  }
  return reduce(reduction.getResult(), reduction.getOver(), kind, type, [&](PointEmitter &at) -> Value {
    Value term = at.value(reduction.getSource());
    if (getElementTypeOrSelf(term.getType()) == type)
      return term;
    Type shaped = type;
    if (auto vector = dyn_cast<VectorType>(term.getType()))
      shaped = vector.clone(type);
    if (isFloat)
      return at.builder.create<arith::ExtFOp>(reduction.getLoc(), shaped, term);
    if (isUnsigned)
      return at.builder.create<arith::ExtUIOp>(reduction.getLoc(), shaped, term);
    return at.builder.create<arith::ExtSIOp>(reduction.getLoc(), shaped, term);
  });
}

// The mean first, then the mean square distance from it.
Value PointEmitter::moment(kernel::MomentsOp moments, bool variance) {
  Location loc = moments.getLoc();
  Type type = moments.getMean().getType();
  int64_t count = 1;
  for (Value axis : moments.getOver())
    count *= values.kernel.extentOf(axis);
  auto source = [&](PointEmitter &at) -> Value {
    Value x = at.value(moments.getSource());
    Type shaped = type;
    if (auto vector = dyn_cast<VectorType>(x.getType()))
      shaped = vector.clone(type);
    return x.getType() == shaped ? x : at.builder.create<arith::ExtFOp>(loc, shaped, x).getResult();
  };
  auto divided = [&](Value sum) -> Value {
    Value number = constant(loc, builder.getFloatAttr(type, double(count)));
    if (isa<VectorType>(sum.getType()))
      number = splat(loc, number);
    return builder.create<arith::DivFOp>(loc, sum, number);
  };
  Value centre = known.lookup(moments.getMean());
  if (!centre) {
    centre = divided(reduce(moments.getMean(), moments.getOver(), vector::CombiningKind::ADD, type, source));
    known[moments.getMean()] = centre;
  }
  if (!variance)
    return centre;
  return divided(reduce(moments.getVariance(), moments.getOver(), vector::CombiningKind::ADD, type,
                        [&](PointEmitter &at) -> Value {
                          Value x = source(at), around = centre;
                          if (isa<VectorType>(x.getType()) && !isa<VectorType>(centre.getType()))
                            around = at.builder.createOrFold<vector::BroadcastOp>(loc, x.getType(), centre);
                          else if (isa<VectorType>(centre.getType()))
                            x = at.splat(loc, x);
                          Value distance = at.builder.create<arith::SubFOp>(loc, x, around);
                          return at.builder.create<arith::MulFOp>(loc, distance, distance);
                        }));
}

} // namespace tgc::pipe
