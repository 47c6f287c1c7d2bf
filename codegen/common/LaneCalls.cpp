#include "codegen/common/LaneCalls.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace tgc {
namespace {

VectorType flatType(Type type) {
  auto vector = cast<VectorType>(type);
  return VectorType::get({vector.getNumElements()}, vector.getElementType());
}

Value flatten(OpBuilder &builder, Location loc, Value value) {
  VectorType flat = flatType(value.getType());
  return flat == value.getType() ? value : builder.create<vector::ShapeCastOp>(loc, flat, value).getResult();
}

SmallVector<Value> flattenAll(OpBuilder &builder, Location loc, ValueRange values) {
  SmallVector<Value> flat;
  for (Value value : values)
    flat.push_back(flatten(builder, loc, value));
  return flat;
}

SmallVector<Value> extractAll(OpBuilder &builder, Location loc, ValueRange vectors, Value lane) {
  SmallVector<Value> scalars;
  for (Value vector : vectors)
    scalars.push_back(builder.create<vector::ExtractElementOp>(loc, vector, lane));
  return scalars;
}

SmallVector<Value> insertAll(OpBuilder &builder, Location loc, ValueRange scalars, ValueRange vectors,
                             Value lane) {
  SmallVector<Value> results;
  for (auto [scalar, vector] : llvm::zip(scalars, vectors))
    results.push_back(builder.create<vector::InsertElementOp>(loc, scalar, vector, lane));
  return results;
}

// The bodies below are built inside the attached op (not by the ops' builder callbacks), because `declare`
// looks for the enclosing symbol table.

/// A loop over lanes that passes vectors along.
SmallVector<Value> forLanes(OpBuilder &builder, Location loc, int64_t lanes, ValueRange start,
                            llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  Value zero = builder.create<arith::ConstantIndexOp>(loc, 0);
  Value one = builder.create<arith::ConstantIndexOp>(loc, 1);
  Value count = builder.create<arith::ConstantIndexOp>(loc, lanes);
  auto loop = builder.create<scf::ForOp>(loc, zero, count, one, start);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  builder.create<scf::YieldOp>(loc, body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return SmallVector<Value>(loop.getResults());
}

/// What `then` makes if `test` holds, else `otherwise`.
SmallVector<Value> choose(OpBuilder &builder, Location loc, Value test, ValueRange otherwise,
                          llvm::function_ref<SmallVector<Value>()> then) {
  auto branch = builder.create<scf::IfOp>(loc, otherwise.getTypes(), test, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(branch.elseBlock());
  builder.create<scf::YieldOp>(loc, otherwise);
  builder.setInsertionPointToEnd(branch.thenBlock());
  builder.create<scf::YieldOp>(loc, then());
  return SmallVector<Value>(branch.getResults());
}

func::FuncOp declare(OpBuilder &builder, Location loc, StringRef name, FunctionType type) {
  Operation *table = SymbolTable::getNearestSymbolTable(builder.getInsertionBlock()->getParentOp());
  // The nearest table of an op inside a function is the function's parent.
  while (isa<FunctionOpInterface>(table))
    table = SymbolTable::getNearestSymbolTable(table->getParentOp());
  if (auto found = dyn_cast_or_null<func::FuncOp>(SymbolTable::lookupSymbolIn(table, name)))
    return found;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&table->getRegion(0).front());
  auto function = builder.create<func::FuncOp>(loc, name, type);
  function.setPrivate();
  return function;
}

} // namespace

SmallVector<Value> replaceLanes(OpBuilder &builder, Location loc, Value condition, ValueRange operands,
                                ValueRange current, LaneCode lane) {
  if (!isa<VectorType>(condition.getType()))
    return choose(builder, loc, condition, current, [&] { return lane(builder, loc, operands); });

  Value flags = flatten(builder, loc, condition);
  int64_t lanes = cast<VectorType>(flags.getType()).getNumElements();
  Value any = builder.create<vector::ReductionOp>(loc, vector::CombiningKind::OR, flags);
  return choose(builder, loc, any, current, [&] {
    SmallVector<Value> from = flattenAll(builder, loc, operands), start = flattenAll(builder, loc, current);
    SmallVector<Value> values = forLanes(builder, loc, lanes, start, [&](Value at, ValueRange vectors) {
      Value flag = builder.create<vector::ExtractElementOp>(loc, flags, at);
      return choose(builder, loc, flag, vectors, [&] {
        SmallVector<Value> scalars = lane(builder, loc, extractAll(builder, loc, from, at));
        return insertAll(builder, loc, scalars, vectors, at);
      });
    });
    for (auto [value, old] : llvm::zip(values, current))
      if (value.getType() != old.getType())
        value = builder.create<vector::ShapeCastOp>(loc, old.getType(), value);
    return values;
  });
}

Value mapLanes(OpBuilder &builder, Location loc, ValueRange operands, Type like, LaneCode lane) {
  if (!isa<VectorType>(like))
    return lane(builder, loc, operands)[0];
  SmallVector<Value> from = flattenAll(builder, loc, operands);
  VectorType flat = flatType(like);
  Value start = builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(flat));
  Value result = forLanes(builder, loc, flat.getNumElements(), start, [&](Value at, ValueRange vectors) {
    return insertAll(builder, loc, lane(builder, loc, extractAll(builder, loc, from, at)), vectors, at);
  })[0];
  return flat == like ? result : builder.create<vector::ShapeCastOp>(loc, like, result).getResult();
}

Value callImport(OpBuilder &builder, Location loc, StringRef name, ValueRange arguments) {
  auto type = builder.getFunctionType(arguments.getTypes(), arguments.front().getType());
  func::FuncOp function = declare(builder, loc, name, type);
  return builder.create<func::CallOp>(loc, function, arguments).getResult(0);
}

SmallVector<Value> callShared(OpBuilder &builder, Location loc, StringRef name, ValueRange arguments,
                              TypeRange results, LaneCode body) {
  func::FuncOp function = declare(builder, loc, name, builder.getFunctionType(arguments.getTypes(), results));
  if (function.isExternal()) {
    OpBuilder::InsertionGuard guard(builder);
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    builder.create<func::ReturnOp>(loc, body(builder, loc, entry->getArguments()));
    // What these are for is rare: the register allocator then keeps its cost out of the callers' main path.
    function->setAttr("passthrough", builder.getStrArrayAttr({"noinline", "cold", "nounwind"}));
  }
  auto call = builder.create<func::CallOp>(loc, function, arguments);
  return SmallVector<Value>(call.getResults());
}

} // namespace tgc
