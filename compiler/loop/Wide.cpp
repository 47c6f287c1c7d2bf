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

/// How far the address lies behind the last multiple of `width`, if that is the same everywhere.
static std::optional<int64_t> behindMultiple(AffineExpr offset, int64_t width) {
  int64_t constant = 0;
  if (auto sum = dyn_cast<AffineBinaryOpExpr>(offset); sum && sum.getKind() == AffineExprKind::Add) {
    if (auto number = dyn_cast<AffineConstantExpr>(sum.getRHS()))
      constant = number.getValue();
  } else if (auto number = dyn_cast<AffineConstantExpr>(offset)) {
    constant = number.getValue();
  }
  int64_t behind = (constant % width + width) % width;
  if ((offset - behind).getLargestKnownDivisor() % width != 0)
    return std::nullopt;
  return behind;
}

/// 1. Items whose offsets differ by constants are sorted by them.
/// 2. From the lowest on, as many as are of one kind and follow each other in every piece, a power of two, and
///    only from where the address is a multiple of that many elements.
/// 3. With gaps: where that are few, all items of the kind in the aligned access around the lowest one. An access
///    around an element of a buffer of whole accesses does not leave it.
std::vector<Generator::WideGroup> Generator::groupNeighbours(ArrayRef<WideItem> items, Type element,
                                                             ArrayRef<int64_t> spans) {
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
  std::vector<WideGroup> groups;
  for (auto &members : classes) {
    llvm::stable_sort(members, [](const Placed &a, const Placed &b) { return a.delta < b.delta; });
    /// Whether item `i` lies `by` elements behind the first in every piece.
    auto liesBehind = [&](size_t first, size_t i, int64_t by) {
      const WideItem &a = items[members[first].item], &b = items[members[i].item];
      if (a.kind != b.kind || a.offsets.size() != b.offsets.size())
        return false;
      for (auto [from, to] : llvm::zip(a.offsets, b.offsets)) {
        auto moved = dyn_cast<AffineConstantExpr>(scopes.simplify(to - from));
        if (!moved || moved.getValue() != by)
          return false;
      }
      return true;
    };
    std::vector<bool> taken(members.size());
    for (size_t at = 0; at < members.size(); ++at) {
      if (taken[at])
        continue;
      WideGroup &group = groups.emplace_back();
      int64_t aligned = most;
      for (AffineExpr offset : items[members[at].item].offsets)
        aligned = std::gcd(aligned, offset.getLargestKnownDivisor());
      int64_t run = 1;
      while (run < aligned && at + run < members.size() && !taken[at + run] && liesBehind(at, at + run, run))
        ++run;
      while (group.width * 2 <= run && aligned % (group.width * 2) == 0)
        group.width *= 2;
      for (int64_t i = 0; i < group.width; ++i) {
        group.items.push_back(members[at + i].item);
        group.places.push_back(i);
        taken[at + i] = true;
      }
      for (int64_t width = most; width > 2 && !spans.empty(); width /= 2) {
        WideGroup wider{{}, {}, width, 0};
        std::optional<int64_t> behind;
        bool fits = llvm::all_of(spans, [&](int64_t span) { return span % width == 0; });
        for (AffineExpr offset : items[members[at].item].offsets) {
          std::optional<int64_t> here = behindMultiple(scopes.simplify(offset), width);
          fits &= here && (!behind || *behind == *here);
          behind = here;
        }
        if (!fits)
          continue;
        wider.before = *behind;
        std::vector<size_t> found;
        for (size_t i = at; i < members.size(); ++i) {
          int64_t by = members[i].delta - members[at].delta;
          if (by + wider.before >= width)
            break;
          if ((i < at + group.items.size() || !taken[i]) && liesBehind(at, i, by)) {
            wider.items.push_back(members[i].item);
            wider.places.push_back(by + wider.before);
            found.push_back(i);
          }
        }
        if (wider.items.size() <= group.items.size())
          break;
        for (size_t i : found)
          taken[i] = true;
        group = std::move(wider);
        break;
      }
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
        item.offsets.push_back(
            substitute(offsetOf(op.getBuffers()[i], op.getMap(i)), op.getAxes(), at, scope));
        conditions.push_back(pieceCondition(op, i, at, scope));
      }
      item.kind = llvm::find(kinds, conditions) - kinds.begin();
      if (item.kind == kinds.size())
        kinds.push_back(std::move(conditions));
    }
    SmallVector<int64_t> spans;
    for (Value buffer : op.getBuffers())
      spans.push_back(info.buffers[cast<BlockArgument>(buffer).getArgNumber()].span());
    for (WideGroup &group : groupNeighbours(items, op.getType(), spans)) {
      auto members = std::make_shared<WideRegisters>();
      for (size_t item : group.items)
        members->registers.push_back(all[item]);
      members->group = std::move(group);
      for (const Registers &member : members->registers)
        wideLoads[{op, scope, member}] = members;
    }
    known = wideLoads.find(key);
  }
  const WideRegisters &members = *known->second;
  if (members.registers.size() < 2)
    return {};
  Value loaded =
            emitWideLoad(op, members.registers.front(), members.group.before, members.group.width, scope),
        wanted;
  for (auto [place, at] : llvm::zip(members.group.places, members.registers)) {
    Value element = builder.create<vector::ExtractOp>(loc, loaded, place);
    scope->values[{op.getResult().getAsOpaquePointer(), at}] = element;
    if (at == registers)
      wanted = element;
  }
  return wanted;
}

/// The pieces one after the other, as for one register. The last one before a fill is read from the buffer's
/// start where its condition fails, then replaced, so that no branch stands around the usual load. Pieces of one
/// buffer are one load, whose address is chosen.
Value Generator::emitWideLoad(kernel::LoadOp op, const Registers &first, int64_t before, int64_t width,
                              Scope *scope) {
  auto type = VectorType::get({width}, op.getType());
  struct Piece {
    Value buffer, test, place; // test: null where it is always taken
  };
  SmallVector<Piece> pieces;
  for (unsigned i = 0; i < op.getNumPieces(); ++i) {
    Guard guard = guardOf(pieceCondition(op, i, first, scope), scope);
    if (guard.never)
      continue;
    AffineExpr offset = substitute(offsetOf(op.getBuffers()[i], op.getMap(i)), op.getAxes(), first, scope);
    pieces.push_back({op.getBuffers()[i], guard.uniform, scopes.index(offset - before, scope)});
    if (guard.always())
      break;
  }
  TypedAttr fill = op.getFill() ? *op.getFill() : TypedAttr(builder.getZeroAttr(op.getType()));
  Value fills = scopes.constantValue(DenseElementsAttr::get(type, Attribute(fill)));
  scopes.insertAt(scope);
  auto load = [&](const Piece &piece, Value place) -> Value {
    return builder.create<vector::LoadOp>(loc, type, flat(piece.buffer), place);
  };
  while (pieces.size() > 1 && pieces[pieces.size() - 2].buffer == pieces.back().buffer) {
    Piece last = pieces.pop_back_val(), &both = pieces.back();
    both.place = builder.create<arith::SelectOp>(loc, both.test, both.place, last.place);
    both.test = last.test ? builder.create<arith::OrIOp>(loc, both.test, last.test) : Value();
  }
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
