// Reductions as loops with their states in registers.
// 1. Reductions over the same axes, with the same axes left, of which none needs another, share the loops.
// 2. Loops over the reduced axes, the one with the longest strides outermost; a last partial step of registers
//    or lanes is peeled off, its points beyond the extent are masked at the fold. An axis that already lies
//    whole in registers needs no loop.
// 3. A state for every register of the result; several, if registers of the reduced axes would else wait for
//    each other. They are combined behind the loops, then the lanes, if the vector axis was reduced.
// Moments take two passes: the mean, then sums of differences from it and of their squares; the first of
// these corrects the mean, so that data far from zero keep their variance. Data of 16 bits do without.
#include "compiler/loop/Folds.h"
#include "compiler/loop/Generator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using llvm::SmallBitVector;

namespace tgc::loop {

/// The walk of one group of reductions in one scope.
class Reductions {
public:
  Reductions(Generator &generator, Operation *first, const Registers &fixed, Scope *scope)
      : g(generator), scope(scope), over(g.axes.size()), result(g.sets.of(first->getResult(0))) {
    for (Value axis : kernel::reducedAxes(first))
      over.set(g.kernel.axisIndex(axis));
    accumulators = g.allRegisters(result, fixed, scope);
    orderLoops();
    lanesReduced = llvm::any_of(over.set_bits(), [&](unsigned axis) { return g.axes[axis].hasLanes; });
    vector = lanesReduced || g.usesLanes(result, scope);
    int64_t steps = 1;
    for (unsigned axis : over.set_bits())
      steps *= g.axes[axis].registerCount;
    // Threads hide each other's latency.
    int64_t chains = g.threadDigits.empty() ? wantedChains : 2;
    slots = std::clamp<int64_t>(chains / int64_t(accumulators.size()), 1, steps);
  }

  /// Runs folds side by side; final states by fold, then accumulator.
  std::vector<std::vector<FoldState>> run(ArrayRef<std::unique_ptr<Fold>> folds) {
    SmallVector<Value> values;
    std::vector<size_t> sizes;
    for (const auto &fold : folds) {
      FoldState identity = fold->identity(vector);
      sizes.push_back(identity.size());
      for (size_t i = 0; i < accumulators.size() * slots; ++i)
        values.append(identity.begin(), identity.end());
    }
    auto body = [&](Scope *inner, SmallVector<Value> state) {
      size_t point = 0;
      for (const Registers &reduced : g.allRegisters(over, Registers(g.axes.size(), 0), inner)) {
        Value mask;
        if (!maskAt(inner, reduced, mask))
          continue;
        size_t at = 0;
        for (auto [fold, size] : llvm::zip(folds, sizes))
          for (size_t a = 0; a < accumulators.size(); ++a, at += size * slots) {
            Registers registers = merged(accumulators[a], reduced);
            size_t slot = at + size * (point % slots);
            FoldState old(state.begin() + slot, state.begin() + slot + size);
            FoldState next = fold->step(old, {inner, registers, a, mask}, vector);
            llvm::copy(next, state.begin() + slot);
          }
        ++point;
      }
      return state;
    };
    values = walk(0, scope, values, body);
    g.scopes.insertAt(scope);
    std::vector<std::vector<FoldState>> results;
    size_t at = 0;
    for (auto [fold, size] : llvm::zip(folds, sizes)) {
      auto &states = results.emplace_back();
      for (size_t a = 0; a < accumulators.size(); ++a) {
        std::vector<FoldState> parts;
        for (int64_t slot = 0; slot < slots; ++slot, at += size)
          parts.emplace_back(values.begin() + at, values.begin() + at + size);
        for (; parts.size() > 1; parts.resize((parts.size() + 1) / 2))
          for (size_t i = 0, half = (parts.size() + 1) / 2; i + half < parts.size(); ++i)
            parts[i] = fold->combine(parts[i], parts[i + half]);
        states.push_back(lanesReduced ? acrossLanes(*fold, parts.front()) : parts.front());
      }
    }
    combineThreads(folds, results);
    return results;
  }

  /// Threads along the reduced axes have a part of every state each; all get the whole.
  void combineThreads(ArrayRef<std::unique_ptr<Fold>> folds, std::vector<std::vector<FoldState>> &results) {
    SmallVector<Value> values;
    for (const auto &states : results)
      for (const FoldState &state : states)
        values.append(state.begin(), state.end());
    g.combineThreads(values, over, scope, [&](ValueRange a, ValueRange b) {
      SmallVector<Value> joined;
      size_t at = 0;
      for (auto [fold, states] : llvm::zip(folds, results))
        for (const FoldState &state : states) {
          FoldState left(a.begin() + at, a.begin() + at + state.size());
          FoldState right(b.begin() + at, b.begin() + at + state.size());
          llvm::append_range(joined, fold->combine(left, right));
          at += state.size();
        }
      return joined;
    });
    auto next = values.begin();
    for (auto &states : results)
      for (FoldState &state : states)
        for (Value &value : state)
          value = *next++;
  }

  using Body = llvm::function_ref<SmallVector<Value>(Scope *, SmallVector<Value>)>;
  SmallVector<Value> walk(size_t level, Scope *outer, SmallVector<Value> state, Body body) {
    if (level == loops.size())
      return body(outer, std::move(state));
    int axis = loops[level];
    const AxisLayout &layout = g.axes[axis];
    if (wholeInRegisters(axis, outer))
      return walk(level + 1, outer, std::move(state), body);
    auto within = [&](Scope *inner, AffineExpr base, bool complete, SmallVector<Value> inside) {
      inner->bindings[axis] = {base, /*spread=*/true, complete};
      return walk(level + 1, inner, std::move(inside), body);
    };
    int64_t full = layout.extent / layout.step;
    if (full == 1)
      state = within(g.scopes.inlined(outer), g.scopes.constant(0), true, std::move(state));
    if (full > 1)
      state = g.scopes.loop(outer, g.scopes.indexConstant(full), full, state,
                            [&](Scope *inner, AffineExpr index, ValueRange arguments) {
                              return within(inner, index * layout.step, true, SmallVector<Value>(arguments));
                            });
    if (layout.ragged())
      state = within(g.scopes.inlined(outer), g.scopes.constant(full * layout.step), false, std::move(state));
    return state;
  }

  /// False if no point of this register counts.
  bool maskAt(Scope *inner, const Registers &registers, Value &mask) {
    Condition condition;
    g.addInside(condition, over, registers, inner);
    Guard guard = g.guardOf(g.scopes.simplify(condition), inner);
    if (guard.never)
      return false;
    g.scopes.insertAt(inner);
    mask = guard.mask && guard.uniform ? g.both(guard.mask, g.broadcast(guard.uniform))
           : guard.mask                ? guard.mask
                                       : guard.uniform;
    return true;
  }

  Registers merged(Registers registers, const Registers &reduced) const {
    for (unsigned axis : over.set_bits())
      registers[axis] = reduced[axis];
    return registers;
  }

  /// Halves of the vector are combined until one lane is left.
  FoldState acrossLanes(Fold &fold, FoldState state) {
    for (int64_t width = g.lanes; width > 1; width /= 2) {
      FoldState low, high;
      for (Value value : state) {
        low.push_back(part(value, 0, width / 2));
        high.push_back(part(value, width / 2, width / 2));
      }
      state = fold.combine(low, high);
    }
    for (Value &value : state)
      value = g.laneOf(value, 0);
    return state;
  }

  Value part(Value vector, int64_t offset, int64_t size) {
    return g.builder.create<vector::ExtractStridedSliceOp>(g.loc, vector, ArrayRef<int64_t>{offset},
                                                           ArrayRef<int64_t>{size}, ArrayRef<int64_t>{1});
  }

  Generator &g;
  Scope *scope;
  SmallBitVector over, result;
  SmallVector<Registers> accumulators;
  bool vector = false, lanesReduced = false;
  int64_t slots = 1;

private:
  static constexpr int64_t wantedChains = 8; // independent additions in flight hide their latency

  void orderLoops() {
    loops.assign(over.set_bits_begin(), over.set_bits_end());
    auto reach = [&](int axis) {
      int64_t longest = 0;
      for (const Access &access : g.info.accesses)
        if (!access.store && access.uses[axis])
          longest =
              std::max(longest, std::abs(access.strideOf(axis, g.info.buffers[access.buffer]).value_or(0)));
      return longest;
    };
    llvm::stable_sort(loops, [&](int a, int b) { return reach(a) > reach(b); });
  }

  bool wholeInRegisters(int axis, Scope *from) {
    for (Scope *outer = from; outer; outer = outer->parent)
      if (auto it = outer->bindings.find(axis); it != outer->bindings.end()) {
        auto base = dyn_cast<AffineConstantExpr>(it->second.base);
        return it->second.spread && base && base.getValue() == 0 && g.axes[axis].steps() == 1 &&
               !g.isFrozen(axis, from);
      }
    return false;
  }

  std::vector<int> loops;
};

namespace {

/// The type in which a reduction with results of `type` adds up.
Type accumulatorOf(Type type) {
  auto number = dyn_cast<FloatType>(type);
  return number && number.getWidth() < 32 ? Type(Float32Type::get(type.getContext())) : type;
}

} // namespace

Value Generator::convert(Value value, Type scalar) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == scalar)
    return value;
  Type type = isa<VectorType>(value.getType()) ? vectorOf(scalar) : scalar;
  if (isa<FloatType>(scalar)) {
    if (scalar.getIntOrFloatBitWidth() > from.getIntOrFloatBitWidth())
      return builder.create<arith::ExtFOp>(loc, type, value);
    return builder.create<arith::TruncFOp>(loc, type, value);
  }
  if (scalar.getIntOrFloatBitWidth() > from.getIntOrFloatBitWidth())
    return builder.create<arith::ExtSIOp>(loc, type, value);
  return builder.create<arith::TruncIOp>(loc, type, value);
}

Value Generator::computeReduction(Operation *op, Value value, const Registers &registers, Scope *scope) {
  if (auto softmax = dyn_cast<kernel::SoftmaxOp>(op))
    return computeSoftmax(softmax, registers, scope);
  Reductions walk(*this, op, registers, scope);
  SmallVector<Operation *> group{op};
  bool alone = scope->branch ||
               llvm::any_of(walk.result.set_bits(), [&](unsigned axis) { return isFrozen(axis, scope); });
  for (Operation &other : *kernel.getBlock()) {
    if (alone || &other == op || isa<kernel::SoftmaxOp>(other) || other.use_empty() ||
        levels[&other] != levels[op])
      continue;
    SmallBitVector over(axes.size());
    for (Value axis : kernel::reducedAxes(&other))
      over.set(kernel.axisIndex(axis));
    if (over == walk.over && sets.of(other.getResult(0)) == walk.result)
      group.push_back(&other);
  }
  std::vector<std::unique_ptr<Fold>> folds;
  for (Operation *member : group)
    folds.push_back(makeFold(*this, member, accumulatorOf(member->getResult(0).getType())));
  auto states = walk.run(folds);

  SmallVector<Operation *> moments;
  std::vector<std::unique_ptr<Fold>> seconds;
  std::vector<std::vector<Value>> means;
  double count = 1;
  for (unsigned axis : walk.over.set_bits())
    count *= double(axes[axis].extent);
  auto keep = [&](Value result, size_t accumulator, Value made) {
    scope->values[{result.getAsOpaquePointer(), walk.accumulators[accumulator]}] =
        convert(made, result.getType());
  };
  scopes.insertAt(scope);
  for (auto [member, memberStates] : llvm::zip(group, states)) {
    if (!isa<kernel::MomentsOp>(member)) {
      for (auto [a, state] : llvm::enumerate(memberStates))
        keep(member->getResult(0), a, state.back());
      continue;
    }
    std::vector<Value> &mean = means.emplace_back();
    for (FoldState &state : memberStates)
      mean.push_back(builder.create<arith::DivFOp>(loc, state[0], numberLike(state[0], count)));
    moments.push_back(member);
    seconds.push_back(makeDeviations(*this, member, mean));
  }
  if (!moments.empty()) {
    auto sums = walk.run(seconds);
    for (auto [m, member] : llvm::enumerate(moments))
      for (auto [a, state] : llvm::enumerate(sums[m])) {
        Value number = numberLike(state[0], count), zero = numberLike(state[0], 0);
        if (state.size() == 1) {
          keep(member->getResult(0), a, means[m][a]);
          keep(member->getResult(1), a, builder.create<arith::DivFOp>(loc, state[0], number));
          continue;
        }
        Value shift = builder.create<arith::DivFOp>(loc, state[0], number);
        Value square = builder.create<arith::DivFOp>(loc, state[1], number);
        Value variance =
            builder.create<arith::SubFOp>(loc, square, builder.create<arith::MulFOp>(loc, shift, shift));
        keep(member->getResult(0), a, builder.create<arith::AddFOp>(loc, means[m][a], shift));
        keep(member->getResult(1), a, builder.create<arith::MaximumFOp>(loc, variance, zero));
      }
  }
  return scope->values.at({value.getAsOpaquePointer(), registers});
}

/// Online: the running maximum and sum of every row of weights, and of every result the weighted sum,
/// rescaled once a step of registers. A maximum of -inf shifts by 0, so that a row of only -inf becomes 0 /
/// 0.
Value Generator::computeSoftmax(kernel::SoftmaxOp op, const Registers &fixed, Scope *scope) {
  Reductions walk(*this, op, fixed, scope);
  Type type = accumulatorOf(op.getType());
  SmallBitVector rowSet = sets.of(op.getWeights());
  for (unsigned axis : walk.over.set_bits())
    rowSet.reset(axis);
  bool rowVector = walk.lanesReduced || usesLanes(rowSet, scope), vector = walk.vector;
  SmallVector<Registers> rows = allRegisters(rowSet, fixed, scope);
  size_t results = walk.accumulators.size();
  std::vector<size_t> rowOf;
  for (const Registers &registers : walk.accumulators)
    rowOf.push_back(llvm::find(rows, restricted(registers, rowSet, scope)) - rows.begin());
  auto infinity = cast<TypedAttr>(builder.getFloatAttr(
      type, APFloat::getInf(cast<FloatType>(type).getFloatSemantics(), /*Negative=*/true)));
  TypedAttr zero = builder.getFloatAttr(type, 0);
  auto mul = [&](Value a, Value b) { return contracted<arith::MulFOp>(a, b); };
  auto add = [&](Value a, Value b) { return contracted<arith::AddFOp>(a, b); };
  auto safe = [&](Value maximum) -> Value {
    Value nothing = numberLike(maximum, -std::numeric_limits<double>::infinity());
    Value empty = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, maximum, nothing);
    return builder.create<arith::SelectOp>(loc, empty, numberLike(maximum, 0), maximum);
  };
  auto expOf = [&](Value a, Value shift) -> Value {
    return builder.create<math::ExpOp>(loc, builder.create<arith::SubFOp>(loc, a, shift));
  };
  // States: maxima of the rows, sums of the rows, weighted sums of the results.
  size_t n = rows.size();
  SmallVector<Value> state(n, constantOf(infinity, rowVector));
  state.append(n, constantOf(zero, rowVector));
  state.append(results, constantOf(zero, vector));
  auto body = [&](Scope *inner, SmallVector<Value> state) {
    std::vector<std::pair<Registers, Value>> points;
    for (const Registers &reduced : allRegisters(walk.over, Registers(axes.size(), 0), inner)) {
      Value mask;
      if (walk.maskAt(inner, reduced, mask))
        points.push_back({reduced, mask});
    }
    std::vector<std::vector<Value>> weights(n);
    std::vector<Value> scales;
    for (size_t r = 0; r < n; ++r) {
      Value maximum = state[r];
      for (auto &[reduced, mask] : points) {
        Value t = evaluate(op.getWeights(), walk.merged(rows[r], reduced), inner);
        scopes.insertAt(inner);
        t = toVectorIf(convert(t, type), rowVector);
        if (mask)
          t = builder.create<arith::SelectOp>(loc, mask, t, constantOf(infinity, rowVector));
        weights[r].push_back(t);
        maximum = builder.create<arith::MaxNumFOp>(loc, maximum, t);
      }
      scopes.insertAt(inner);
      Value shift = safe(maximum), scale = expOf(state[r], shift);
      Value sum = mul(state[n + r], scale);
      for (Value &t : weights[r])
        sum = add(sum, t = expOf(t, shift));
      state[r] = maximum;
      state[n + r] = sum;
      scales.push_back(scale);
    }
    for (size_t i = 0; i < results; ++i) {
      Value sum = mul(state[2 * n + i], toVectorIf(scales[rowOf[i]], vector));
      for (auto [p, point] : llvm::enumerate(points)) {
        Value v = evaluate(op.getValues(), walk.merged(walk.accumulators[i], point.first), inner);
        scopes.insertAt(inner);
        v = toVectorIf(convert(v, type), vector);
        Value product = mul(toVectorIf(weights[rowOf[i]][p], vector), v);
        if (point.second)
          product = builder.create<arith::SelectOp>(loc, point.second, product, constantOf(zero, vector));
        sum = add(sum, product);
      }
      state[2 * n + i] = sum;
    }
    return state;
  };
  state = walk.walk(0, scope, state, body);
  scopes.insertAt(scope);
  auto lanesSum = [&](Value value) -> Value {
    for (int64_t width = lanes / 2; width >= 1; width /= 2)
      value = add(walk.part(value, 0, width), walk.part(value, width, width));
    return laneOf(value, 0);
  };
  if (walk.lanesReduced)
    for (size_t r = 0; r < n; ++r) {
      Value maximum = state[r];
      for (int64_t width = lanes / 2; width >= 1; width /= 2)
        maximum = builder.create<arith::MaxNumFOp>(loc, walk.part(maximum, 0, width),
                                                   walk.part(maximum, width, width));
      Value scale = expOf(state[r], broadcast(safe(laneOf(maximum, 0))));
      state[n + r] = lanesSum(mul(state[n + r], scale));
      for (size_t i = 0; i < results; ++i)
        if (rowOf[i] == r)
          state[2 * n + i] = lanesSum(mul(state[2 * n + i], scale));
    }
  // Threads: the maxima of all, then what each has summed, rescaled to them.
  SmallVector<Value> maxima(state.begin(), state.begin() + n), own = maxima;
  combineThreads(maxima, walk.over, scope, [&](ValueRange a, ValueRange b) {
    SmallVector<Value> larger;
    for (auto [x, y] : llvm::zip(a, b))
      larger.push_back(builder.create<arith::MaxNumFOp>(loc, x, y));
    return larger;
  });
  if (maxima != own) {
    scopes.insertAt(scope);
    for (size_t r = 0; r < n; ++r) {
      Value scale = expOf(own[r], safe(maxima[r]));
      state[n + r] = mul(state[n + r], scale);
      for (size_t i = 0; i < results; ++i)
        if (rowOf[i] == r)
          state[2 * n + i] = mul(state[2 * n + i], scale);
    }
    combineThreads(MutableArrayRef<Value>(state).drop_front(n), walk.over, scope,
                   [&](ValueRange a, ValueRange b) {
                     SmallVector<Value> sums;
                     for (auto [x, y] : llvm::zip(a, b))
                       sums.push_back(builder.create<arith::AddFOp>(loc, x, y));
                     return sums;
                   });
  }
  scopes.insertAt(scope);
  for (size_t i = 0; i < results; ++i) {
    Value sum = state[n + rowOf[i]];
    bool wide = isa<VectorType>(state[2 * n + i].getType());
    Value result = builder.create<arith::DivFOp>(loc, state[2 * n + i], toVectorIf(sum, wide));
    scope->values[{op.getResult().getAsOpaquePointer(), walk.accumulators[i]}] =
        convert(result, op.getType());
  }
  return scope->values.at({op.getResult().getAsOpaquePointer(), fixed});
}

} // namespace tgc::loop
