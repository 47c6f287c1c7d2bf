// Evaluates a kernel's values register by register, each in the outermost scope that binds all its axes.
#include "compiler/loop/Generator.h"

#include "compiler/loop/GenerateLoop.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using llvm::SmallBitVector;

namespace tgc {

tile::FuncOp generateLoop(OpBuilder &builder, kernel::FuncOp kernel, const KernelInfo &info,
                          const Plan &plan) {
  const LoopPlan &body = std::get<LoopPlan>(plan.body);
  const LaunchPlan &launch = plan.launches.front();
  if (body.axes.size() != kernel.getNumAxes())
    internalError("kernel {}: the loop generator got a plan of another kernel", kernel.getSymName().str());
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Type> types =
      llvm::map_to_vector(kernel.getBuffers(), [](Value buffer) { return buffer.getType(); });
  auto target =
      builder.create<tile::FuncOp>(kernel.getLoc(), kernel.getSymName(), types,
                                   kernel.getBufferNames().getValue(), launch.blocks, launch.threads);
  loop::Generator generator(builder, kernel, info, body, target);
  generator.bindThreads(plan);
  generator.run();
  return target;
}

namespace loop {

static AxisLayout layoutOf(const AxisPlan &plan) {
  AxisLayout layout;
  layout.extent = plan.extent;
  auto unrolled = [](const LoopLevel &level) {
    return level.kind == LoopLevel::Upcast || level.kind == LoopLevel::Unroll;
  };
  for (auto level = plan.levels.rbegin(); level != plan.levels.rend() && unrolled(*level); ++level)
    layout.innermost *= level->count;
  for (const LoopLevel &level : plan.levels) {
    switch (level.kind) {
    case LoopLevel::Grid:
      layout.grid = level.count;
      break;
    case LoopLevel::Serial:
      layout.serial = level.count;
      break;
    case LoopLevel::Unroll:
    case LoopLevel::Upcast:
      layout.registers.push_back(level);
      layout.registerCount *= level.count;
      layout.step *= level.count;
      break;
    case LoopLevel::Vector:
      layout.hasLanes = true;
      layout.step *= level.count;
      break;
    case LoopLevel::Local:
    case LoopLevel::Group:
      layout.threads.push_back(level);
      layout.step *= level.count;
      break;
    }
  }
  return layout;
}

Generator::Generator(OpBuilder &builder, kernel::FuncOp kernel, const KernelInfo &info, const LoopPlan &plan,
                     tile::FuncOp target)
    : builder(builder), kernel(kernel), info(info), sets(kernel), target(target), vectorAxis(plan.vectorAxis),
      lanes(plan.vectorWidth), accessBytes(plan.accessBytes), gridOrder(plan.gridOrder),
      scopes(builder, kernel.getLoc(), target.getBlock(), plan.vectorWidth), loc(kernel.getLoc()) {
  for (const AxisPlan &axis : plan.axes)
    axes.push_back(layoutOf(axis));
  threadIndex.resize(axes.size());
  llvm::DenseMap<Value, int> behind;
  for (Operation &op : *kernel.getBlock()) {
    int level = 0;
    for (Value operand : op.getOperands())
      level = std::max(level, behind.lookup(operand));
    if (!kernel::reducedAxes(&op).empty())
      levels[&op] = ++level;
    for (Value result : op.getResults())
      behind[result] = level;
  }
}

Location Generator::startOp(Operation *op) {
  Location previous = loc;
  loc = op->getLoc();
  scopes.setLocation(loc);
  return previous;
}

// Axes

Scope *Generator::scopeOfAxis(int axis, Scope *from) {
  for (Scope *scope = from; scope; scope = scope->parent)
    if (scope->bindings.count(axis))
      return scope;
  internalError("axis {} of kernel {} is not bound", info.axes[axis].name, info.name);
}

Scope *Generator::boundIn(const SmallBitVector &set, Scope *from) {
  Scope *home = scopes.root();
  for (unsigned axis : set.set_bits())
    if (Scope *scope = scopeOfAxis(axis, from); scope->depth > home->depth)
      home = scope;
  return home;
}

Scope *Generator::homeOf(const SmallBitVector &set, Scope *from) {
  Scope *home = boundIn(set, from);
  // What only branches lie between is needed in the innermost of them alone; a loop between is left.
  Scope *branch = nullptr;
  for (Scope *scope = from; scope != home; scope = scope->parent) {
    if (scope->block && !scope->branch)
      branch = nullptr;
    else if (scope->branch && !branch)
      branch = scope;
  }
  return branch ? branch : home;
}

bool Generator::isFrozen(int axis, Scope *from) {
  Scope *binding = scopeOfAxis(axis, from);
  for (Scope *scope = from;; scope = scope->parent) {
    if (scope->frozen)
      return true;
    if (scope == binding)
      return false;
  }
}

bool Generator::spreads(int axis, Scope *from) { return bindingOf(axis, from).spread; }

bool Generator::usesLanes(const SmallBitVector &set, Scope *from) {
  return llvm::any_of(set.set_bits(), [&](unsigned axis) {
    const Binding &binding = bindingOf(axis, from);
    return (binding.spread && axes[axis].hasLanes) || scopes.usesLane(binding.base);
  });
}

Registers Generator::restricted(const Registers &registers, const SmallBitVector &set, Scope *from) {
  Registers result(axes.size(), 0);
  for (unsigned axis : set.set_bits())
    if (spreads(axis, from))
      result[axis] = registers[axis];
  return result;
}

SmallVector<Registers> Generator::allRegisters(const SmallBitVector &set, const Registers &fixed,
                                               Scope *from) {
  SmallVector<Registers> all{restricted(fixed, set, from)};
  for (unsigned axis : set.set_bits()) {
    if (!spreads(axis, from) || isFrozen(axis, from) || axes[axis].registerCount == 1)
      continue;
    SmallVector<Registers> next;
    for (const Registers &registers : all)
      for (int64_t i = 0; i < axes[axis].registerCount; ++i) {
        next.push_back(registers);
        next.back()[axis] = i;
      }
    all = std::move(next);
  }
  return all;
}

AffineExpr Generator::coordinate(int axis, const Registers &registers, Scope *from) {
  const Binding &binding = bindingOf(axis, from);
  if (!binding.spread)
    return binding.base;
  AffineExpr expr = binding.base;
  if (threadIndex[axis])
    expr = expr + threadIndex[axis];
  int64_t index = registers[axis], offset = 0;
  for (const LoopLevel &level : llvm::reverse(axes[axis].registers)) {
    offset += index % level.count * level.step;
    index /= level.count;
  }
  if (offset)
    expr = expr + offset;
  return axes[axis].hasLanes ? expr + scopes.lane() : expr;
}

AffineExpr Generator::substitute(AffineExpr expr, ValueRange axisValues, const Registers &registers,
                                 Scope *from) {
  SmallVector<AffineExpr> coordinates;
  for (auto [d, axis] : llvm::enumerate(axisValues))
    coordinates.push_back(expr.isFunctionOfDim(d) ? coordinate(kernel.axisIndex(axis), registers, from)
                                                  : scopes.constant(0));
  return scopes.simplify(expr.replaceDims(coordinates));
}

// Values

Value Generator::broadcast(Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  Value &vector = broadcasts[value];
  if (!vector) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfterValue(value);
    vector = builder.create<vector::BroadcastOp>(loc, vectorOf(value.getType()), value);
  }
  return vector;
}

Value Generator::constantOf(TypedAttr attribute, bool vector) {
  if (vector)
    attribute = DenseElementsAttr::get(cast<ShapedType>(vectorOf(attribute.getType())), Attribute(attribute));
  return scopes.constantValue(attribute);
}

Value Generator::numberLike(Value like, double number) {
  Type type = getElementTypeOrSelf(like.getType());
  TypedAttr attribute = builder.getFloatAttr(type, number);
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return scopes.constantValue(attribute);
}

Value Generator::evaluate(Value value, const Registers &wanted, Scope *from) {
  SmallBitVector set = sets.of(value);
  Registers registers = restricted(wanted, set, from);
  std::pair<const void *, Registers> key(value.getAsOpaquePointer(), registers);
  Scope *bound = boundIn(set, from);
  for (Scope *scope = from;; scope = scope->parent) {
    if (auto it = scope->values.find(key); it != scope->values.end())
      return it->second;
    if (scope == bound)
      break;
  }
  Scope *home = homeOf(set, from);
  Location previous = startOp(value.getDefiningOp());
  Value result = compute(value.getDefiningOp(), value, registers, home);
  loc = previous;
  scopes.setLocation(previous);
  home->values[key] = result;
  return result;
}

Value Generator::compute(Operation *op, Value value, const Registers &registers, Scope *scope) {
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](kernel::LoadOp load) { return computeLoad(load, registers, scope); })
      .Case([&](kernel::GatherOp gather) { return computeGather(gather, registers, scope); })
      .Case([&](kernel::CoordOp coord) { return computeCoord(coord, registers, scope); })
      .Case([&](kernel::TestOp test) { return computeTest(test, registers, scope); })
      .Case([&](kernel::RemapOp remap) { return computeRemap(remap, registers, scope); })
      .Case<kernel::ReduceOp, kernel::ContractOp, kernel::MomentsOp, kernel::SoftmaxOp>(
          [&](Operation *reduction) { return computeReduction(reduction, value, registers, scope); })
      .Default([&](Operation *other) { return computeElementwise(other, registers, scope); });
}

Value Generator::computeElementwise(Operation *op, const Registers &registers, Scope *scope) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return scopes.constantValue(constant.getValue());
  SmallVector<Value> operands;
  bool vector = false;
  for (Value operand : op->getOperands()) {
    operands.push_back(evaluate(operand, registers, scope));
    vector |= isa<VectorType>(operands.back().getType());
  }
  for (Value &operand : operands)
    operand = toVectorIf(operand, vector);
  OperationState state(loc, op->getName(), operands, {}, op->getAttrs());
  for (Type type : op->getResultTypes())
    state.types.push_back(vector ? vectorOf(type) : type);
  scopes.insertAt(scope);
  return builder.create(state)->getResult(0);
}

/// 1. Where the axis lies whole in registers and the new coordinate is one of them, that register's value.
/// 2. Else the source in a scope of its own, where the axis is the new coordinate.
Value Generator::computeRemap(kernel::RemapOp op, const Registers &registers, Scope *scope) {
  int axis = kernel.axisIndex(op.getAxis());
  if (!sets.of(op.getSource()).test(axis))
    return evaluate(op.getSource(), registers, scope);
  AffineExpr place = substitute(op.getMap().getResult(0), op.getAxes(), registers, scope);
  const AxisLayout &layout = axes[axis];
  bool bound = false;
  for (Scope *outer = scope; outer; outer = outer->parent)
    bound |= outer->bindings.count(axis) != 0;
  auto constant = dyn_cast<AffineConstantExpr>(place);
  if (bound && constant && !layout.hasLanes && spreads(axis, scope) && !isFrozen(axis, scope)) {
    Registers other = registers;
    for (int64_t i = 0; i < layout.registerCount; ++i) {
      other[axis] = i;
      if (scopes.simplify(coordinate(axis, other, scope)) == constant)
        return evaluate(op.getSource(), other, scope);
    }
  }
  Scope *moved = scopes.inlined(scope);
  moved->frozen = true;
  moved->bindings[axis] = {place, /*spread=*/false, /*complete=*/true};
  return evaluate(op.getSource(), registers, moved);
}

} // namespace loop
} // namespace tgc
