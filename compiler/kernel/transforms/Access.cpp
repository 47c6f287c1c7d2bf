#include "compiler/kernel/transforms/Access.h"

#include "compiler/affine/Ranges.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tgc::kernel;

bool tgc::kernel::hasAccess(Operation *op) {
  return isa<LoadOp, GatherOp, StoreOp, CoordOp, TestOp, RemapOp>(op);
}

namespace {

ValueRange namedAxes(Operation *op) {
  return llvm::TypeSwitch<Operation *, ValueRange>(op)
      .Case<LoadOp, GatherOp, StoreOp, CoordOp, TestOp, RemapOp>(
          [](auto access) { return access.getAxes(); });
}

AffineMap widenMap(AffineMap map, ArrayRef<AffineExpr> dims, unsigned axes) {
  return map.replaceDimsAndSymbols(dims, {}, axes, 0);
}

IntegerSet widenSet(IntegerSet set, ArrayRef<AffineExpr> dims, unsigned axes) {
  return set.replaceDimsAndSymbols(dims, {}, axes, 0);
}

} // namespace

Access tgc::kernel::accessOf(FuncOp func, Operation *op) {
  SmallVector<AffineExpr> dims;
  for (Value axis : namedAxes(op))
    dims.push_back(getAffineDimExpr(func.axisIndex(axis), op->getContext()));
  unsigned axes = func.getNumAxes();
  Access access;
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](LoadOp load) {
        for (unsigned i = 0; i < load.getNumPieces(); ++i) {
          access.maps.push_back(widenMap(load.getMap(i), dims, axes));
          access.conditions.push_back(widenSet(load.getCondition(i), dims, axes));
        }
      })
      .Case([&](StoreOp store) {
        access.maps.push_back(widenMap(store.getMap(), dims, axes));
        access.conditions.push_back(widenSet(store.getCondition(), dims, axes));
      })
      .Case([&](TestOp test) { access.conditions.push_back(widenSet(test.getCondition(), dims, axes)); })
      .Case<GatherOp, CoordOp, RemapOp>(
          [&](auto other) { access.maps.push_back(widenMap(other.getMap(), dims, axes)); });
  return access;
}

void tgc::kernel::setAccess(FuncOp func, Operation *op, const Access &access) {
  llvm::SmallBitVector used(func.getNumAxes());
  auto note = [&](AffineExpr expr) {
    expr.walk([&](AffineExpr part) {
      if (auto dim = dyn_cast<AffineDimExpr>(part))
        used.set(dim.getPosition());
    });
  };
  for (AffineMap map : access.maps)
    llvm::for_each(map.getResults(), note);
  for (IntegerSet set : access.conditions)
    llvm::for_each(set.getConstraints(), note);
  SmallVector<Value> axes;
  SmallVector<AffineExpr> dims(func.getNumAxes(), getAffineConstantExpr(0, op->getContext()));
  for (unsigned axis : used.set_bits()) {
    dims[axis] = getAffineDimExpr(axes.size(), op->getContext());
    axes.push_back(func.getAxes()[axis]);
  }
  unsigned count = axes.size();
  Builder builder(op->getContext());
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](LoadOp load) {
        SmallVector<AffineMap> maps;
        SmallVector<Attribute> sets;
        for (auto [map, set] : llvm::zip(access.maps, access.conditions)) {
          maps.push_back(widenMap(map, dims, count));
          sets.push_back(IntegerSetAttr::get(widenSet(set, dims, count)));
        }
        load.getAxesMutable().assign(axes);
        load.setMapsAttr(builder.getAffineMapArrayAttr(maps));
        load.setConditionsAttr(builder.getArrayAttr(sets));
      })
      .Case([&](StoreOp store) {
        store.getAxesMutable().assign(axes);
        store.setMap(widenMap(access.maps[0], dims, count));
        store.setConditionAttr(IntegerSetAttr::get(widenSet(access.conditions[0], dims, count)));
      })
      .Case([&](TestOp test) {
        test.getAxesMutable().assign(axes);
        test.setConditionAttr(IntegerSetAttr::get(widenSet(access.conditions[0], dims, count)));
      })
      .Case<GatherOp, CoordOp, RemapOp>([&](auto other) {
        other.getAxesMutable().assign(axes);
        other.setMap(widenMap(access.maps[0], dims, count));
      });
}

void tgc::kernel::guardIfNeeded(FuncOp func, LoadOp load) {
  if (load.getFill() || tgc::affine::alwaysInside(accessOf(func, load).maps[0],
                                                  cast<MemRefType>(load.getBuffers()[0].getType()).getShape(),
                                                  func.getExtents()))
    return;
  load.setFillAttr(cast<TypedAttr>(Builder(func.getContext()).getZeroAttr(load.getResult().getType())));
}

Access tgc::kernel::mapExprs(const Access &access, unsigned dims,
                             llvm::function_ref<AffineExpr(AffineExpr)> change) {
  Access changed;
  for (AffineMap map : access.maps)
    changed.maps.push_back(
        AffineMap::get(dims, 0, llvm::map_to_vector(map.getResults(), change), map.getContext()));
  for (IntegerSet set : access.conditions)
    changed.conditions.push_back(
        IntegerSet::get(dims, 0, llvm::map_to_vector(set.getConstraints(), change), set.getEqFlags()));
  return changed;
}

LoadOp tgc::kernel::replacePieces(LoadOp load, ArrayRef<Value> buffers, const Access &access,
                                  TypedAttr fill) {
  OpBuilder builder(load);
  auto func = cast<FuncOp>(load->getParentOp());
  auto replacement =
      builder.create<LoadOp>(load.getLoc(), buffers, func.getAxes(), access.maps, access.conditions, fill);
  setAccess(func, replacement, access);
  load.getResult().replaceAllUsesWith(replacement.getResult());
  load.erase();
  return replacement;
}

namespace {

/// The new axes that a remapped old axis moves, each with its expression over the new axes.
SmallVector<std::pair<unsigned, AffineExpr>> movesOf(FuncOp func, RemapOp remap, const AxisChange &change) {
  unsigned axis = func.axisIndex(remap.getAxis());
  AffineExpr target = accessOf(func, remap).maps[0].getResult(0);
  SmallVector<std::pair<unsigned, AffineExpr>> moves;
  for (auto [j, expr] : llvm::enumerate(change.newAsOld)) {
    if (!expr.isFunctionOfDim(axis))
      continue;
    AffineExpr moved = expr.replace(getAffineDimExpr(axis, func.getContext()), target);
    moved = moved.replaceDims(change.oldAsNew);
    moves.emplace_back(j, tgc::affine::simplify(moved, change.extents));
  }
  // An axis that stays where it is does not move.
  llvm::erase_if(moves,
                 [&](auto &move) { return move.second == getAffineDimExpr(move.first, func.getContext()); });
  // x[a -> f] then [b -> g]: f is read where b is g already, so it must not know b.
  for (size_t done = 0; done < moves.size(); ++done)
    for (size_t i = done; i < moves.size(); ++i) {
      bool free = llvm::none_of(llvm::enumerate(moves), [&](auto other) {
        return other.index() >= done && other.index() != i &&
               moves[i].second.isFunctionOfDim(other.value().first);
      });
      if (free) {
        std::swap(moves[done], moves[i]);
        break;
      }
    }
  return moves;
}

} // namespace

bool tgc::kernel::remapsSurvive(FuncOp func, const AxisChange &change) {
  for (auto remap : func.getBlock()->getOps<RemapOp>()) {
    auto moves = movesOf(func, remap, change);
    for (size_t i = 0; i < moves.size(); ++i)
      for (size_t later = i + 1; later < moves.size(); ++later)
        if (moves[i].second.isFunctionOfDim(moves[later].first))
          return false;
  }
  return true;
}

void tgc::kernel::changeAxes(FuncOp func, const AxisChange &change) {
  MLIRContext *context = func.getContext();
  unsigned oldAxes = func.getNumAxes(), newAxes = change.extents.size();
  // Everything is read in the old axes before they go.
  DenseMap<Operation *, Access> accesses;
  DenseMap<Operation *, SmallVector<unsigned>> over;
  DenseMap<Operation *, SmallVector<std::pair<unsigned, AffineExpr>>> moves;
  for (Operation &op : *func.getBlock()) {
    if (hasAccess(&op))
      accesses[&op] = mapExprs(accessOf(func, &op), newAxes, [&](AffineExpr expr) {
        return tgc::affine::simplify(expr.replaceDims(change.oldAsNew), change.extents);
      });
    if (auto remap = dyn_cast<RemapOp>(op))
      moves[&op] = movesOf(func, remap, change);
    for (Value axis : reducedAxes(&op))
      for (unsigned j = 0; j < newAxes; ++j)
        if (change.oldAsNew[func.axisIndex(axis)].isFunctionOfDim(j) && !llvm::is_contained(over[&op], j))
          over[&op].push_back(j);
  }
  Builder builder(context);
  func.setExtents(SmallVector<int64_t>(change.extents));
  SmallVector<Attribute> names;
  for (const std::string &name : change.names)
    names.push_back(builder.getStringAttr(name));
  func.setAxisNamesAttr(builder.getArrayAttr(names));
  // From here on the last arguments are the new axes; the old ones stand before them until nothing uses them.
  Block *block = func.getBlock();
  for (unsigned j = 0; j < newAxes; ++j)
    block->addArgument(builder.getIndexType(), func.getLoc());
  auto newAxis = [&](unsigned j) { return block->getArgument(block->getNumArguments() - newAxes + j); };
  for (Operation &op : llvm::make_early_inc_range(*block)) {
    if (auto list = over.find(&op); list != over.end()) {
      SmallVector<Value> values =
          llvm::map_to_vector(list->second, [&](unsigned j) -> Value { return newAxis(j); });
      llvm::TypeSwitch<Operation *>(&op).Case<ContractOp, ReduceOp, MomentsOp, SoftmaxOp>(
          [&](auto reduction) { reduction.getOverMutable().assign(values); });
    }
    if (auto remap = dyn_cast<RemapOp>(op)) {
      OpBuilder at(remap);
      Value value = remap.getSource();
      for (auto &[j, expr] : moves[&op]) {
        auto moved = at.create<RemapOp>(remap.getLoc(), value.getType(), value, newAxis(j), ValueRange(),
                                        AffineMap::get(newAxes, 0, expr));
        accesses[moved] = Access{{AffineMap::get(newAxes, 0, expr)}, {}};
        setAccess(func, moved, accesses[moved]);
        value = moved;
      }
      remap.getResult().replaceAllUsesWith(value);
      remap.erase();
    } else if (hasAccess(&op)) {
      setAccess(func, &op, accesses[&op]);
      if (auto load = dyn_cast<LoadOp>(op))
        guardIfNeeded(func, load);
    }
  }
  block->eraseArguments(block->getNumArguments() - newAxes - oldAxes, oldAxes);
}

std::string tgc::kernel::freshAxisName(FuncOp func, StringRef base) {
  auto taken = [&](const std::string &name) {
    return llvm::any_of(func.getAxisNames(),
                        [&](Attribute known) { return cast<StringAttr>(known).getValue() == name; });
  };
  std::string name = base.str();
  for (unsigned i = 1; taken(name); ++i)
    name = base.str() + "_" + std::to_string(i);
  return name;
}

llvm::DenseSet<Value> tgc::kernel::reducedValues(FuncOp func) {
  llvm::DenseSet<Value> values;
  for (Operation &op : *func.getBlock()) {
    bool reduced = !reducedAxes(&op).empty() || isa<ContractOp, ReduceOp, MomentsOp, SoftmaxOp>(op) ||
                   llvm::any_of(op.getOperands(), [&](Value operand) { return values.contains(operand); });
    if (reduced)
      values.insert(op.result_begin(), op.result_end());
  }
  return values;
}
