#include "compiler/kernel/transforms/Need.h"

#include "compiler/affine/Ranges.h"
#include "compiler/kernel/transforms/Access.h"

using namespace mlir;

namespace tgc::kernel {
namespace {

/// Bounds of every axis, and constraints that hold everywhere a value is needed.
struct Need {
  SmallVector<affine::Range> box;
  SmallVector<std::pair<AffineExpr, bool>> facts;

  void join(const Need &other) {
    for (auto [mine, theirs] : llvm::zip(box, other.box))
      mine = {std::min(mine.min, theirs.min), std::max(mine.max, theirs.max)};
    llvm::erase_if(facts, [&](auto &fact) { return !llvm::is_contained(other.facts, fact); });
  }

  /// The operation reads its operand all along the axis.
  void forget(unsigned axis, int64_t extent) {
    box[axis] = {0, extent - 1};
    llvm::erase_if(facts, [&](auto &fact) { return fact.first.isFunctionOfDim(axis); });
  }

  IntegerSet toSet(ArrayRef<int64_t> extents, MLIRContext *context) const {
    SmallVector<AffineExpr> exprs;
    SmallVector<bool> equalities;
    auto add = [&](AffineExpr expr, bool equality) {
      exprs.push_back(expr);
      equalities.push_back(equality);
    };
    for (auto [i, range] : llvm::enumerate(box)) {
      AffineExpr dim = getAffineDimExpr(i, context);
      if (range.min > 0)
        add(dim - range.min, false);
      if (range.max < extents[i] - 1)
        add(range.max - dim, false);
    }
    for (auto &[expr, equality] : facts)
      add(expr, equality);
    return exprs.empty() ? alwaysTrue(context, extents.size())
                         : IntegerSet::get(extents.size(), 0, exprs, equalities);
  }
};

} // namespace

DenseMap<Value, IntegerSet> neededDomains(FuncOp func) {
  DenseMap<Value, Need> needs;
  ArrayRef<int64_t> extents = func.getExtents();
  auto note = [&](Value value, const Need &need) {
    auto [entry, fresh] = needs.try_emplace(value, need);
    if (!fresh)
      entry->second.join(need);
  };
  for (Operation &op : llvm::reverse(*func.getBlock())) {
    std::optional<Need> need;
    if (auto store = dyn_cast<StoreOp>(op)) {
      IntegerSet condition = accessOf(func, store).conditions[0];
      need.emplace();
      need->box = affine::dimRanges(condition, extents);
      for (auto fact : llvm::zip(condition.getConstraints(), condition.getEqFlags()))
        need->facts.emplace_back(std::get<0>(fact), std::get<1>(fact));
      if (llvm::any_of(need->box, [](affine::Range range) { return range.min > range.max; }))
        continue;
      note(store.getValue(), *need);
      continue;
    }
    for (Value result : op.getResults())
      if (auto known = needs.find(result); known != needs.end()) {
        if (need)
          need->join(known->second);
        else
          need = known->second;
      }
    if (!need)
      continue;
    for (Value axis : reducedAxes(&op))
      need->forget(func.axisIndex(axis), func.extentOf(axis));
    if (auto remap = dyn_cast<RemapOp>(op))
      need->forget(func.axisIndex(remap.getAxis()), func.extentOf(remap.getAxis()));
    for (Value operand : op.getOperands())
      if (operand.getDefiningOp())
        note(operand, *need);
  }
  DenseMap<Value, IntegerSet> domains;
  for (auto &[value, need] : needs)
    domains[value] = need.toSet(extents, func.getContext());
  return domains;
}

} // namespace tgc::kernel
