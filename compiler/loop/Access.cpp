// Loads, gathers and stores of one register of a value: a vector where lanes are contiguous, else lane by
// lane.
#include "compiler/loop/Generator.h"

#include "compiler/affine/Ranges.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using llvm::SmallBitVector;

namespace tgc::loop {

/// The buffer as one dimension from the start of its memory.
Value Generator::flat(Value buffer) {
  Value &view = flats[buffer];
  if (view)
    return view;
  unsigned position = cast<BlockArgument>(buffer).getArgNumber();
  Value argument = target.getBuffers()[position];
  auto type = cast<MemRefType>(buffer.getType());
  int64_t span = info.buffers[position].span();
  auto flatType = MemRefType::get({span}, type.getElementType());
  if (type == flatType)
    return view = argument;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(target.getBlock());
  return view = builder.create<memref::ReinterpretCastOp>(target.getLoc(), flatType, argument, /*offset=*/0,
                                                          ArrayRef<int64_t>{span}, ArrayRef<int64_t>{1});
}

AffineExpr Generator::offsetOf(Value buffer, AffineMap map) {
  const BufferInfo &layout = info.buffers[cast<BlockArgument>(buffer).getArgNumber()];
  AffineExpr offset = scopes.constant(layout.offset);
  for (auto [expr, stride] : llvm::zip(map.getResults(), layout.strides))
    offset = offset + expr * stride;
  return offset;
}

Address Generator::addressOf(AffineExpr offset, Scope *scope) {
  Address address;
  if (auto split = splitLane(offset)) {
    address.stride = split->second;
    address.base = scopes.index(split->first, scope);
    return address;
  }
  for (int64_t lane = 0; lane < lanes; ++lane)
    address.lanes.push_back(
        scopes.index(scopes.simplify(offset.replace(scopes.lane(), scopes.constant(lane))), scope));
  return address;
}

/// Loads where the mask (null: everywhere) holds, else gives `otherwise`, whose shape is the result's then.
Value Generator::emitLoad(Value buffer, const Address &address, Value mask, Value otherwise) {
  Value memory = flat(buffer);
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  bool scalar = address.lanes.empty() && address.stride == 0;
  if (scalar && !mask)
    return builder.create<memref::LoadOp>(loc, memory, address.base);
  if (address.lanes.empty() && address.stride == 1) {
    if (!mask)
      return builder.create<vector::LoadOp>(loc, vectorOf(element), memory, address.base);
    return builder.create<vector::MaskedLoadOp>(loc, vectorOf(element), memory, address.base, mask,
                                                broadcast(otherwise));
  }
  if (scalar) {
    // One element for all lanes: read it from a place that is always there, then choose.
    Value any = builder.create<vector::ReductionOp>(loc, vector::CombiningKind::OR, mask);
    Value place = builder.create<arith::SelectOp>(loc, any, address.base, scopes.indexConstant(0));
    Value loaded = builder.create<memref::LoadOp>(loc, memory, place);
    return builder.create<arith::SelectOp>(loc, mask, broadcast(loaded), broadcast(otherwise));
  }
  SmallVector<Value> values;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    Value place = address.lanes.empty() ? Value() : address.lanes[lane];
    if (!place)
      place = builder.create<arith::AddIOp>(loc, address.base, scopes.indexConstant(lane * address.stride));
    if (mask)
      place = builder.create<arith::SelectOp>(loc, laneOf(mask, lane), place, scopes.indexConstant(0));
    values.push_back(builder.create<memref::LoadOp>(loc, memory, place));
  }
  Value loaded = fromLanes(values);
  return mask ? builder.create<arith::SelectOp>(loc, mask, loaded, broadcast(otherwise)).getResult() : loaded;
}

/// The value of a strided load as part of whole vectors, where registers of another axis lie between the
/// lanes or along the rows; keeps the values of all those registers.
Value Generator::sharedLoad(kernel::LoadOp op, const Registers &registers, Scope *scope) {
  Value buffer = op.getBuffers().front();
  AffineExpr whole = offsetOf(buffer, op.getMap(0));
  auto offsetAt = [&](const Registers &at) { return substitute(whole, op.getAxes(), at, scope); };
  std::optional<Neighbours> group = neighbours(op.getAxes(), registers, scope, offsetAt);
  if (!group)
    return {};
  int64_t count = group->registers.size();
  // Lanes closer than a vector: the vectors lie side by side. Else one vector a lane.
  bool close = group->stride == count;
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < (close ? count : lanes); ++i) {
    Value place = scopes.index(scopes.simplify(group->base + i * (close ? lanes : group->stride)), scope);
    scopes.insertAt(scope);
    vectors.push_back(builder.create<vector::LoadOp>(loc, vectorOf(op.getType()), flat(buffer), place));
  }
  if (close)
    vectors = deinterleave(vectors);
  else
    transpose(vectors);
  Value wanted;
  for (auto [at, value] : llvm::zip(group->registers, vectors)) {
    scope->values[{op.getResult().getAsOpaquePointer(), at}] = value;
    if (at == registers)
      wanted = value;
  }
  return wanted;
}

void Generator::storeInterleaved(kernel::StoreOp op, const Neighbours &group, Scope *scope) {
  SmallVector<Value> values;
  for (const Registers &registers : group.registers)
    values.push_back(broadcast(evaluate(op.getValue(), registers, scope)));
  scopes.insertAt(scope);
  // As in sharedLoad: vectors side by side, or one vector a lane.
  bool close = group.stride == int64_t(group.registers.size());
  if (close)
    values = interleave(values);
  else
    transpose(values);
  for (auto [i, value] : llvm::enumerate(values)) {
    Value place =
        scopes.index(scopes.simplify(group.base + int64_t(i) * (close ? lanes : group.stride)), scope);
    scopes.insertAt(scope);
    builder.create<vector::StoreOp>(loc, value, flat(op.getBuffer()), place);
  }
}

Condition Generator::pieceCondition(kernel::LoadOp op, unsigned piece, const Registers &registers,
                                    Scope *scope) {
  ValueRange loadAxes = op.getAxes();
  SmallVector<int64_t> extents =
      llvm::map_to_vector(loadAxes, [&](Value axis) { return kernel.extentOf(axis); });
  SmallBitVector used(axes.size());
  for (Value axis : loadAxes)
    used.set(kernel.axisIndex(axis));
  IntegerSet set = op.getCondition(piece);
  auto type = cast<MemRefType>(op.getBuffers()[piece].getType());
  if (op.getFill())
    set = affine::withBounds(set, op.getMap(piece), type.getShape(), extents);
  Condition condition = conditionOf(set, loadAxes, registers, scope);
  addInside(condition, used, registers, scope);
  return scopes.simplify(condition);
}

/// 1. For every piece the condition under which it is taken, its index inside the buffer, and its address.
/// 2. Pieces that are never taken are dropped, behind one that always is nothing follows.
/// 3. A condition that all lanes share is a branch, others are masks; the rest of the pieces is the else.
Value Generator::computeLoad(kernel::LoadOp op, const Registers &registers, Scope *scope) {
  struct Piece {
    Value buffer;
    Guard guard;
    Address address;
  };
  if (Value value = wideLoad(op, registers, scope))
    return value;
  SmallVector<Piece> pieces;
  ValueRange loadAxes = op.getAxes();
  bool ended = false, vector = false;
  for (unsigned i = 0; i < op.getNumPieces() && !ended; ++i) {
    Piece piece{op.getBuffers()[i], guardOf(pieceCondition(op, i, registers, scope), scope), {}};
    if (piece.guard.never)
      continue;
    ended = piece.guard.always();
    AffineExpr offset = substitute(offsetOf(piece.buffer, op.getMap(i)), loadAxes, registers, scope);
    piece.address = addressOf(offset, scope);
    vector |= piece.guard.mask || piece.address.stride != 0 || !piece.address.lanes.empty();
    pieces.push_back(std::move(piece));
  }
  if (op.getNumPieces() == 1 && ended)
    if (Value value = sharedLoad(op, registers, scope))
      return value;
  // Where threads would take different ways, pieces of one buffer are one load, whose address is chosen.
  while (accessBytes > 0 && pieces.size() > 1 && pieces[pieces.size() - 2].buffer == pieces.back().buffer) {
    Piece last = pieces.pop_back_val(), &both = pieces.back();
    scopes.insertAt(scope);
    both.address.base =
        builder.create<arith::SelectOp>(loc, both.guard.uniform, both.address.base, last.address.base);
    both.guard.uniform =
        last.guard.uniform
            ? builder.create<arith::OrIOp>(loc, both.guard.uniform, last.guard.uniform).getResult()
            : Value();
  }
  TypedAttr fill = op.getFill() ? *op.getFill() : TypedAttr(builder.getZeroAttr(op.getType()));
  scopes.insertAt(scope);
  auto rest = [&](auto &self, size_t i) -> Value {
    if (i == pieces.size())
      return constantOf(fill, vector);
    const Piece &piece = pieces[i];
    auto load = [&](Value otherwise) {
      return toVectorIf(emitLoad(piece.buffer, piece.address, piece.guard.mask, otherwise), vector);
    };
    if (!piece.guard.uniform)
      return load(piece.guard.mask ? self(self, i + 1) : Value());
    if (!vector && i + 1 == pieces.size()) {
      Value place = builder.create<arith::SelectOp>(loc, piece.guard.uniform, piece.address.base,
                                                    scopes.indexConstant(0));
      Value loaded = builder.create<memref::LoadOp>(loc, flat(piece.buffer), place);
      return builder.create<arith::SelectOp>(loc, piece.guard.uniform, loaded, constantOf(fill, false));
    }
    Type type = vector ? vectorOf(op.getType()) : op.getType();
    auto branch = builder.create<scf::IfOp>(loc, type, piece.guard.uniform, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    Value loaded = load(piece.guard.mask ? self(self, i + 1) : Value());
    builder.create<scf::YieldOp>(loc, loaded);
    builder.setInsertionPointToStart(branch.elseBlock());
    builder.create<scf::YieldOp>(loc, self(self, i + 1));
    return branch.getResult(0);
  };
  return rest(rest, 0);
}

/// Every access is to a place inside the buffer: an index out of range reads the first element and is
/// replaced by the fill.
Value Generator::computeGather(kernel::GatherOp op, const Registers &registers, Scope *scope) {
  Value found = evaluate(op.getIndex(), registers, scope);
  const BufferInfo &layout = info.buffers[cast<BlockArgument>(op.getBuffer()).getArgNumber()];
  SmallBitVector used(axes.size());
  for (Value axis : op.getAxes())
    used.set(kernel.axisIndex(axis));
  Condition condition;
  addInside(condition, used, registers, scope);
  Guard guard = guardOf(scopes.simplify(condition), scope);
  if (guard.never)
    return constantOf(op.getFill(), false);
  AffineExpr offset = substitute(offsetOf(op.getBuffer(), op.getMap()), op.getAxes(), registers, scope);
  Address rest = addressOf(offset, scope);
  Value size = scopes.indexConstant(layout.shape[op.getDim()]);
  Value stride = scopes.indexConstant(layout.strides[op.getDim()]);
  Value memory = flat(op.getBuffer()), zero = scopes.indexConstant(0);
  scopes.insertAt(scope);
  bool vectorIndex = isa<VectorType>(found.getType());
  auto lane = [&](int64_t i, Value &inside) -> Value {
    Value index = builder.create<arith::IndexCastOp>(loc, builder.getIndexType(), laneOf(found, i));
    inside = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ult, index, size);
    if (guard.uniform)
      inside = both(inside, guard.uniform);
    if (guard.mask)
      inside = both(inside, laneOf(guard.mask, i));
    Value place = rest.lanes.empty() ? rest.base : rest.lanes[i];
    if (rest.lanes.empty() && rest.stride * i != 0)
      place = builder.create<arith::AddIOp>(loc, place, scopes.indexConstant(rest.stride * i));
    return builder.create<arith::AddIOp>(loc, place, builder.create<arith::MulIOp>(loc, index, stride));
  };
  if (!vectorIndex && rest.lanes.empty() && rest.stride == 1 && !guard.mask) {
    Value inside, place = lane(0, inside);
    Type type = vectorOf(op.getType());
    auto branch = builder.create<scf::IfOp>(loc, type, inside, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard keep(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    Value loaded = builder.create<vector::LoadOp>(loc, type, memory, place);
    builder.create<scf::YieldOp>(loc, loaded);
    builder.setInsertionPointToStart(branch.elseBlock());
    builder.create<scf::YieldOp>(loc, constantOf(op.getFill(), true));
    return branch.getResult(0);
  }
  auto loadLane = [&](int64_t i) -> Value {
    Value inside, place = lane(i, inside);
    place = builder.create<arith::SelectOp>(loc, inside, place, zero);
    Value loaded = builder.create<memref::LoadOp>(loc, memory, place);
    return builder.create<arith::SelectOp>(loc, inside, loaded, constantOf(op.getFill(), false));
  };
  if (!vectorIndex && rest.lanes.empty() && rest.stride == 0 && !guard.mask)
    return loadLane(0);
  SmallVector<Value> values;
  for (int64_t i = 0; i < lanes; ++i)
    values.push_back(loadLane(i));
  return fromLanes(values);
}

void Generator::emitStore(Value value, Value buffer, const Address &address, Value mask) {
  Value memory = flat(buffer);
  bool vector = mask || !address.lanes.empty() || address.stride != 0;
  if (!vector) {
    builder.create<memref::StoreOp>(loc, value, memory, address.base);
    return;
  }
  value = broadcast(value);
  if (address.lanes.empty() && address.stride == 1) {
    if (mask)
      builder.create<vector::MaskedStoreOp>(loc, memory, address.base, mask, value);
    else
      builder.create<vector::StoreOp>(loc, value, memory, address.base);
    return;
  }
  for (int64_t lane = 0; lane < lanes; ++lane) {
    OpBuilder::InsertionGuard guard(builder);
    if (mask) {
      auto branch = builder.create<scf::IfOp>(loc, laneOf(mask, lane), /*withElseRegion=*/false);
      builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    }
    Value place = address.lanes.empty() ? Value() : address.lanes[lane];
    if (!place)
      place = builder.create<arith::AddIOp>(loc, address.base, scopes.indexConstant(lane * address.stride));
    builder.create<memref::StoreOp>(loc, laneOf(value, lane), memory, place);
  }
}

} // namespace tgc::loop
