// Registers that are neighbours in memory, loaded and stored in one access, where a device has no lanes.
#include "compiler/loop/Generator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using llvm::SmallBitVector;

namespace tgc::loop {

/// Buffers begin at multiples of this many bytes at least; no access is wider.
static constexpr int64_t bufferAlignment = 64;

static int64_t bytesOfElement(Type type) { return std::max<int64_t>(1, type.getIntOrFloatBitWidth() / 8); }

/// 1. Items whose offsets differ by constants are sorted by them.
/// 2. From the lowest on, as many as are of one kind and follow each other in every piece, a power of two, and
///    only from where the address is a multiple of that many elements.
std::vector<std::vector<size_t>> Generator::groupNeighbours(ArrayRef<WideItem> items, Type element) {
  struct Placed {
    int64_t delta;
    size_t item;
  };
  int64_t most = std::min(accessBytes, bufferAlignment) / bytesOfElement(element);
  std::vector<std::vector<Placed>> classes; // the first of each has delta 0
  for (auto [i, item] : llvm::enumerate(items)) {
    bool placed = false;
    for (auto &members : classes) {
      auto difference = dyn_cast<AffineConstantExpr>(
          scopes.simplify(item.offsets.front() - items[members.front().item].offsets.front()));
      if (!difference)
        continue;
      members.push_back({difference.getValue(), i});
      placed = true;
      break;
    }
    if (!placed)
      classes.push_back({{0, i}});
  }
  std::vector<std::vector<size_t>> groups;
  for (auto &members : classes) {
    llvm::stable_sort(members, [](const Placed &a, const Placed &b) { return a.delta < b.delta; });
    auto follows = [&](size_t first, size_t i) {
      const WideItem &a = items[members[first].item], &b = items[members[i].item];
      if (a.kind != b.kind || a.offsets.size() != b.offsets.size())
        return false;
      for (auto [from, to] : llvm::zip(a.offsets, b.offsets)) {
        auto moved = dyn_cast<AffineConstantExpr>(scopes.simplify(to - from));
        if (!moved || moved.getValue() != int64_t(i - first))
          return false;
      }
      return true;
    };
    for (size_t at = 0; at < members.size();) {
      int64_t aligned = most;
      for (AffineExpr offset : items[members[at].item].offsets)
        aligned = std::gcd(aligned, offset.getLargestKnownDivisor());
      int64_t run = 1;
      while (run < aligned && at + run < members.size() && follows(at, at + run))
        ++run;
      int64_t count = 1;
      while (count * 2 <= run && aligned % (count * 2) == 0)
        count *= 2;
      std::vector<size_t> &group = groups.emplace_back();
      for (int64_t i = 0; i < count; ++i)
        group.push_back(members[at + i].item);
      at += count;
    }
  }
  return groups;
}

Value Generator::wideLoad(kernel::LoadOp op, const Registers &registers, Scope *scope) {
  if (accessBytes == 0)
    return {};
  std::tuple<Operation *, Scope *, Registers> key(op, scope, registers);
  auto known = wideLoads.find(key);
  if (known == wideLoads.end()) {
    SmallBitVector used(axes.size());
    for (Value axis : op.getAxes())
      used.set(kernel.axisIndex(axis));
    SmallVector<Registers> all = allRegisters(used, registers, scope);
    std::vector<WideItem> items;
    std::vector<std::vector<Condition>> kinds;
    for (const Registers &at : all) {
      WideItem &item = items.emplace_back();
      std::vector<Condition> conditions;
      for (unsigned i = 0; i < op.getNumPieces(); ++i) {
        item.offsets.push_back(substitute(offsetOf(op.getBuffers()[i], op.getMap(i)), op.getAxes(), at, scope));
        conditions.push_back(pieceCondition(op, i, at, scope));
      }
      item.kind = llvm::find(kinds, conditions) - kinds.begin();
      if (item.kind == kinds.size())
        kinds.push_back(std::move(conditions));
    }
    for (const std::vector<size_t> &group : groupNeighbours(items, op.getType())) {
      auto members = std::make_shared<SmallVector<Registers>>();
      for (size_t item : group)
        members->push_back(all[item]);
      for (size_t item : group)
        wideLoads[{op, scope, all[item]}] = members;
    }
    known = wideLoads.find(key);
  }
  const SmallVector<Registers> &group = *known->second;
  if (group.size() < 2)
    return {};
  Value loaded = emitWideLoad(op, group, scope), wanted;
  for (auto [i, at] : llvm::enumerate(group)) {
    Value element = builder.create<vector::ExtractOp>(loc, loaded, int64_t(i));
    scope->values[{op.getResult().getAsOpaquePointer(), at}] = element;
    if (at == registers)
      wanted = element;
  }
  return wanted;
}

/// The pieces one after the other, as for one register. The last one before a fill is read from the buffer's
/// start where its condition fails, then replaced, so that no branch stands around the usual load.
Value Generator::emitWideLoad(kernel::LoadOp op, ArrayRef<Registers> group, Scope *scope) {
  auto type = VectorType::get({int64_t(group.size())}, op.getType());
  struct Piece {
    Value buffer, test, place; // test: null where it is always taken
  };
  SmallVector<Piece> pieces;
  for (unsigned i = 0; i < op.getNumPieces(); ++i) {
    Guard guard = guardOf(pieceCondition(op, i, group.front(), scope), scope);
    if (guard.never)
      continue;
    AffineExpr offset =
        substitute(offsetOf(op.getBuffers()[i], op.getMap(i)), op.getAxes(), group.front(), scope);
    pieces.push_back({op.getBuffers()[i], guard.uniform, scopes.index(offset, scope)});
    if (guard.always())
      break;
  }
  TypedAttr fill = op.getFill() ? *op.getFill() : TypedAttr(builder.getZeroAttr(op.getType()));
  Value fills = scopes.constantValue(DenseElementsAttr::get(type, Attribute(fill)));
  scopes.insertAt(scope);
  auto load = [&](const Piece &piece, Value place) -> Value {
    return builder.create<vector::LoadOp>(loc, type, flat(piece.buffer), place);
  };
  auto rest = [&](auto &self, size_t i) -> Value {
    if (i == pieces.size())
      return fills;
    const Piece &piece = pieces[i];
    if (!piece.test)
      return load(piece, piece.place);
    if (i + 1 == pieces.size()) {
      Value place = builder.create<arith::SelectOp>(loc, piece.test, piece.place, scopes.indexConstant(0));
      Value loaded = load(piece, place);
      return builder.create<arith::SelectOp>(loc, piece.test, loaded, fills);
    }
    auto branch = builder.create<scf::IfOp>(loc, type, piece.test, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    builder.create<scf::YieldOp>(loc, load(piece, piece.place));
    builder.setInsertionPointToStart(branch.elseBlock());
    builder.create<scf::YieldOp>(loc, self(self, i + 1));
    return branch.getResult(0);
  };
  return rest(rest, 0);
}

void Generator::emitWideStore(ValueRange values, Value buffer, AffineExpr offset, Scope *scope) {
  Value place = scopes.index(offset, scope);
  scopes.insertAt(scope);
  if (values.size() == 1) {
    builder.create<memref::StoreOp>(loc, values.front(), flat(buffer), place);
    return;
  }
  auto type = VectorType::get({int64_t(values.size())}, values.front().getType());
  Value vector = builder.create<vector::FromElementsOp>(loc, type, values);
  builder.create<vector::StoreOp>(loc, vector, flat(buffer), place);
}

} // namespace tgc::loop
