// The block's loops around the stores.
// 1. The block's index taken apart into the grid's axes, once.
// 2. Loops over the block's part of the stored axes: those that no reduction runs over outside, so that reductions
//    stand as far outside as they can; then by stride, longest outside. Stores share the loops they have in common.
//    What is left of an axis behind its last whole step of registers and lanes is peeled off.
// 3. Inside, every register of the value, under the store's condition: a branch where lanes and neighbouring
//    registers agree, else a mask.
#include "compiler/loop/Generator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "search/plan/Planners.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using llvm::SmallBitVector;

namespace tgc::loop {

void Generator::run() {
  bindGrid();
  SmallVector<StoreItem> stores;
  for (auto op : kernel.getBlock()->getOps<kernel::StoreOp>())
    stores.push_back({op, sets.of(op)});
  // What is computed for all points first serves the branches too.
  llvm::stable_sort(stores, [](const StoreItem &a, const StoreItem &b) {
    auto always = [](kernel::StoreOp op) { return kernel::isAlwaysTrue(op.getCondition()); };
    return always(a.op) > always(b.op);
  });
  emitStores(stores, SmallBitVector(axes.size()), scopes.root());
}

void Generator::bindGrid() {
  gridIndex.assign(axes.size(), AffineExpr());
  Scope *root = scopes.root();
  Value rest = target.getBlockIndex();
  for (auto [i, axis] : llvm::enumerate(gridOrder)) {
    Value index = rest;
    if (i + 1 < gridOrder.size()) {
      Value blocks = scopes.indexConstant(axes[axis].grid);
      scopes.insertAt(root);
      index = builder.create<arith::RemUIOp>(loc, rest, blocks);
      rest = builder.create<arith::DivUIOp>(loc, rest, blocks);
    }
    gridIndex[axis] = scopes.addDim(root, index, axes[axis].grid);
  }
  for (auto [axis, layout] : llvm::enumerate(axes)) {
    bool placed = info.axes[axis].stored || !info.axes[axis].reduced;
    if (!placed || layout.serial > 1)
      continue;
    AffineExpr base = gridIndex[axis] ? gridIndex[axis] * layout.step : scopes.constant(0);
    root->bindings[axis] = {base, /*spread=*/true, /*complete=*/!layout.ragged()};
  }
}

std::optional<int> Generator::nextAxis(ArrayRef<StoreItem> stores, const SmallBitVector &opened) {
  std::vector<std::optional<int64_t>> strides = storeStrides(info);
  std::optional<int> best;
  std::pair<int64_t, int64_t> bestKey;
  for (int axis = 0; axis < int(axes.size()); ++axis) {
    if (axes[axis].serial == 1 || opened.test(axis) ||
        llvm::none_of(stores, [&](const StoreItem &store) { return store.axes.test(axis); }))
      continue;
    int64_t reductions = llvm::count_if(info.reductions, [&](const ReductionInfo &reduction) {
      return llvm::is_contained(reduction.over, axis);
    });
    // An address that moves irregularly is as good as one that moves far.
    std::pair<int64_t, int64_t> key(reductions, -std::abs(strides[axis].value_or(INT64_MAX)));
    if (!best || key < bestKey) {
      best = axis;
      bestKey = key;
    }
  }
  return best;
}

void Generator::emitStores(ArrayRef<StoreItem> stores, const SmallBitVector &opened, Scope *scope) {
  SmallVector<StoreItem> inside, beside;
  std::optional<int> axis = nextAxis(stores, opened);
  for (const StoreItem &store : stores) {
    if (axis && store.axes.test(*axis))
      inside.push_back(store);
    else if (nextAxis(store, opened))
      beside.push_back(store);
    else
      emitStoreHere(store, scope);
  }
  if (!inside.empty())
    emitStoresInside(inside, *axis, opened, scope);
  if (!beside.empty())
    emitStores(beside, opened, scope);
}

void Generator::emitStoresInside(ArrayRef<StoreItem> stores, int axis, const SmallBitVector &opened,
                                 Scope *scope) {
  const AxisLayout &layout = axes[axis];
  SmallBitVector now = opened;
  now.set(axis);
  auto within = [&](Scope *inner, AffineExpr base, bool complete) {
    inner->bindings[axis] = {base, /*spread=*/true, complete};
    emitStores(stores, now, inner);
  };
  int64_t full = layout.extent / layout.step;
  AffineExpr first = gridIndex[axis] ? gridIndex[axis] * (layout.serial * layout.step) : scopes.constant(0);
  int64_t most = std::min(full, layout.serial);
  bool even = !gridIndex[axis] || full == layout.serial * layout.grid;
  if (most == 1 && even) {
    within(scopes.inlined(scope), first, true);
  } else if (most > 0) {
    Value count = scopes.indexConstant(most);
    if (!even) {
      Value left = scopes.index(scopes.constant(full) - gridIndex[axis] * layout.serial, scope);
      scopes.insertAt(scope);
      count = builder.create<arith::MinSIOp>(loc, count, left);
    }
    scopes.loop(scope, count, most, {}, [&](Scope *inner, AffineExpr index, ValueRange) {
      within(inner, first + index * layout.step, true);
      return SmallVector<Value>();
    });
  }
  if (!layout.ragged())
    return;
  AffineExpr last = scopes.constant(full * layout.step);
  if (!gridIndex[axis])
    return within(scopes.inlined(scope), last, false);
  Value test = scalarTest(gridIndex[axis] - full / layout.serial, /*equality=*/true, scope);
  scopes.branch(scope, test, [&](Scope *inner) { within(inner, last, false); });
}

void Generator::emitStoreHere(const StoreItem &store, Scope *scope) {
  Location previous = startOp(store.op);
  struct Part {
    Registers registers;
    Condition lanes; ///< what differs between lanes
  };
  struct Run {
    Condition uniform;
    SmallVector<Part> parts;
  };
  SmallVector<Run> runs;
  Condition once; // of the blocks and threads that differ only in axes the store does not have, one stores
  for (int axis : gridOrder)
    if (!store.axes.test(axis))
      once.constraints.push_back({gridIndex[axis], true});
  for (const ThreadDigit &digit : threadDigits)
    if (!store.axes.test(digit.axis))
      once.constraints.push_back({digit.dim, true});
  kernel::StoreOp op = store.op;
  for (const Registers &registers : allRegisters(store.axes, Registers(axes.size(), 0), scope)) {
    Condition condition = conditionOf(op.getCondition(), op.getAxes(), registers, scope);
    addInside(condition, store.axes, registers, scope);
    condition = scopes.simplify(condition);
    if (condition.never)
      continue;
    Condition uniform = once, lanes;
    for (auto &constraint : condition.constraints)
      (scopes.usesLane(constraint.first) ? lanes : uniform).constraints.push_back(constraint);
    if (runs.empty() || !(runs.back().uniform == uniform))
      runs.push_back({uniform, {}});
    runs.back().parts.push_back({registers, lanes});
  }
  for (const Run &run : runs) {
    // Where threads take different ways, what is stored is computed by all of them: it may need them all.
    bool together = accessBytes > 0, divergent = usesThreads(run.uniform);
    auto emitTogether = [&](Scope *inner, ArrayRef<Value> values) {
      std::vector<WideItem> items;
      for (const Part &part : run.parts)
        items.push_back(
            {{substitute(offsetOf(op.getBuffer(), op.getMap()), op.getAxes(), part.registers, inner)}});
      for (const WideGroup &group : groupNeighbours(items, op.getValue().getType())) {
        SmallVector<Value> side;
        for (size_t item : group.items)
          side.push_back(values[item]);
        emitWideStore(side, op.getBuffer(), items[group.items.front()].offsets.front(), inner);
      }
    };
    auto valuesIn = [&](Scope *inner) {
      return llvm::map_to_vector(
          run.parts, [&](const Part &part) { return evaluate(op.getValue(), part.registers, inner); });
    };
    auto emit = [&](Scope *inner) {
      if (together)
        return emitTogether(inner, valuesIn(inner));
      llvm::DenseSet<size_t> done;
      for (size_t i = 0; i < run.parts.size(); ++i) {
        if (done.contains(i))
          continue;
        const Part &part = run.parts[i];
        auto offsetAt = [&](const Registers &registers) {
          return substitute(offsetOf(op.getBuffer(), op.getMap()), op.getAxes(), registers, inner);
        };
        if (std::optional<Neighbours> group = neighbours(op.getAxes(), part.registers, inner, offsetAt)) {
          // The registers between the lanes, if they are all stored here.
          SmallVector<size_t> members;
          for (size_t j = i; j < run.parts.size(); ++j)
            if (llvm::is_contained(group->registers, run.parts[j].registers) && run.parts[j].lanes.always())
              members.push_back(j);
          if (members.size() == group->registers.size()) {
            storeInterleaved(op, *group, inner);
            done.insert(members.begin(), members.end());
            continue;
          }
        }
        Value value = evaluate(op.getValue(), part.registers, inner);
        Guard guard = guardOf(part.lanes, inner);
        Address address = addressOf(offsetAt(part.registers), inner);
        scopes.insertAt(inner);
        emitStore(value, op.getBuffer(), address, guard.mask);
      }
    };
    if (run.uniform.always()) {
      emit(scope);
      continue;
    }
    SmallVector<Value> values;
    if (together && divergent)
      values = valuesIn(scope);
    Value test = guardOf(run.uniform, scope).uniform;
    if (together && divergent)
      scopes.branch(scope, test, [&](Scope *inner) { emitTogether(inner, values); });
    else
      scopes.branch(scope, test, emit);
  }
  loc = previous;
  scopes.setLocation(previous);
}

} // namespace tgc::loop
