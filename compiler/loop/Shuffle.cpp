// Strided lanes out of whole vectors: which registers belong together, and the shuffles between the two
// orders.
#include "compiler/loop/Generator.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace tgc::loop {

/// 1. Lanes have a constant stride s other than 1.
/// 2. Another axis has innermost registers of step 1, along which the address moves by one, up or down.
/// 3. They are s registers (they fill the gaps between lanes) or as many as there are lanes (a square to
///    transpose); no lane or register may lie beyond an extent.
std::optional<Neighbours> Generator::neighbours(ValueRange accessAxes, const Registers &registers,
                                                Scope *scope,
                                                llvm::function_ref<AffineExpr(const Registers &)> offsetAt) {
  constexpr int64_t widestGap = 4;
  auto split = splitLane(offsetAt(registers));
  if (!split || split->second < 2)
    return std::nullopt;
  for (Value value : accessAxes)
    if (!bindingOf(kernel.axisIndex(value), scope).complete)
      return std::nullopt;
  for (Value value : accessAxes) {
    int axis = kernel.axisIndex(value);
    if (!spreads(axis, scope) || isFrozen(axis, scope) || axes[axis].registers.empty())
      continue;
    const LoopLevel &level = axes[axis].registers.back();
    bool fills = level.count == split->second && level.count <= widestGap;
    if (level.step != 1 || (!fills && level.count != lanes))
      continue;
    Neighbours group;
    Registers at = registers;
    at[axis] -= registers[axis] % level.count;
    AffineExpr start = offsetAt(at);
    int64_t direction = 0;
    for (int64_t i = 0; i < level.count; ++i, ++at[axis]) {
      auto moved = dyn_cast<AffineConstantExpr>(scopes.simplify(offsetAt(at) - start));
      if (i == 1 && moved && std::abs(moved.getValue()) == 1)
        direction = moved.getValue();
      if (!moved || moved.getValue() != i * direction)
        break;
      group.registers.push_back(at);
    }
    if (int64_t(group.registers.size()) != level.count)
      continue;
    if (direction < 0)
      std::reverse(group.registers.begin(), group.registers.end());
    std::tie(group.base, group.stride) = *splitLane(offsetAt(group.registers.front()));
    return group;
  }
  return std::nullopt;
}

/// Exchanges blocks of 1, 2, 4 … elements between rows that far apart.
void Generator::transpose(MutableArrayRef<Value> rows) {
  for (int64_t size = 1; size < lanes; size *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < lanes; ++i) {
      low.push_back(i & size ? lanes + i - size : i);
      high.push_back(i & size ? lanes + i : i + size);
    }
    for (int64_t row = 0; row < lanes; ++row) {
      if (row & size)
        continue;
      Value a = rows[row], b = rows[row + size];
      rows[row] = builder.create<vector::ShuffleOp>(loc, a, b, low);
      rows[row + size] = builder.create<vector::ShuffleOp>(loc, a, b, high);
    }
  }
}

/// Lane i of the result is element places[i] of the vectors side by side.
Value Generator::pick(ArrayRef<Value> vectors, ArrayRef<int64_t> places) {
  Value picked = vectors[0];
  for (int64_t v = 1; v < int64_t(vectors.size()); ++v) {
    SmallVector<int64_t> mask;
    for (auto [lane, place] : llvm::enumerate(places)) {
      int64_t from = place / lanes, at = place % lanes;
      // Lanes of earlier vectors are in place once a shuffle has put them there.
      mask.push_back(from == v ? lanes + at : v == 1 && from == 0 ? at : int64_t(lane));
    }
    picked = builder.create<vector::ShuffleOp>(loc, picked, vectors[v], mask);
  }
  return picked;
}

SmallVector<Value> Generator::deinterleave(ArrayRef<Value> vectors) {
  int64_t count = vectors.size();
  SmallVector<Value> result;
  for (int64_t i = 0; i < count; ++i) {
    SmallVector<int64_t> places;
    for (int64_t lane = 0; lane < lanes; ++lane)
      places.push_back(lane * count + i);
    result.push_back(pick(vectors, places));
  }
  return result;
}

SmallVector<Value> Generator::interleave(ArrayRef<Value> vectors) {
  int64_t count = vectors.size();
  SmallVector<Value> result;
  for (int64_t i = 0; i < count; ++i) {
    SmallVector<int64_t> places;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      int64_t element = i * lanes + lane;
      places.push_back(element % count * lanes + element / count);
    }
    result.push_back(pick(vectors, places));
  }
  return result;
}

} // namespace tgc::loop
