#include "compiler/pipe/Memory.h"

#include "compiler/support/Error.h"
#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace tgc::pipe {

namespace {

struct Strides {
  SmallVector<int64_t> each;
  int64_t offset = 0;
};

Strides stridesOf(Value buffer) {
  Strides strides;
  if (failed(getStridesAndOffset(cast<MemRefType>(buffer.getType()), strides.each, strides.offset)) ||
      ShapedType::isDynamicShape(strides.each) || ShapedType::isDynamic(strides.offset))
    internalError("a buffer has no static strides");
  return strides;
}

} // namespace

Value flatten(OpBuilder &builder, Location loc, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  Strides strides = stridesOf(buffer);
  int64_t span = strides.offset + tile::spanOf(type);
  auto flat =
      MemRefType::get({span}, type.getElementType(), MemRefLayoutAttrInterface(), type.getMemorySpace());
  if (flat == type)
    return buffer;
  return builder.create<memref::ReinterpretCastOp>(loc, flat, buffer, /*offset=*/0, ArrayRef<int64_t>{span},
                                                   ArrayRef<int64_t>{1});
}

bool MemoryEmitter::dependsOnLane(AffineMap map) const {
  return llvm::any_of(map.getResults(), [&](AffineExpr expr) { return index.dependsOnLane(expr); });
}

Value MemoryEmitter::splat(Value scalar) {
  if (isa<VectorType>(scalar.getType()))
    return scalar;
  return builder.createOrFold<vector::BroadcastOp>(loc, VectorType::get({lanes}, scalar.getType()), scalar);
}

Value MemoryEmitter::allLanes() {
  auto type = VectorType::get({lanes}, builder.getI1Type());
  return builder.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, true));
}

MemoryEmitter::Access MemoryEmitter::accessOf(const Place &place) {
  Access access;
  Strides strides = stridesOf(place.buffer);
  bool lastOnly = true;
  std::optional<int64_t> gain = 0;
  AffineExpr address = getAffineConstantExpr(strides.offset, place.map.getContext());
  for (auto [d, expr] : llvm::enumerate(place.map.getResults())) {
    std::optional<int64_t> step = index.step(expr);
    lastOnly &= step == 0 || d + 1 == place.map.getNumResults();
    gain = gain && step ? std::optional(*gain + *step * strides.each[d]) : std::nullopt;
    address = address + expr * strides.each[d];
  }
  access.contiguous = gain == 1;
  if (access.contiguous && lastOnly && strides.each.back() == 1) {
    access.memref = place.buffer;
    for (AffineExpr expr : place.map.getResults())
      access.indices.push_back(index.first(expr));
    return access;
  }
  access.memref = flatten(builder, loc, place.buffer);
  if (gain) {
    access.indices.push_back(index.first(address));
    if (!access.contiguous) {
      SmallVector<Attribute> offsets;
      for (int64_t lane = 0; lane < lanes; ++lane)
        offsets.push_back(builder.getI64IntegerAttr(lane * *gain));
      auto type = VectorType::get({lanes}, builder.getI64Type());
      access.lanes = builder.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, offsets));
    }
    return access;
  }
  access.indices.push_back(builder.create<arith::ConstantIndexOp>(loc, 0));
  access.lanes = index.all(address);
  return access;
}

Value MemoryEmitter::load(const Place &place) {
  if (!dependsOnLane(place.map)) {
    SmallVector<Value> at;
    for (AffineExpr expr : place.map.getResults())
      at.push_back(index.first(expr));
    return builder.create<memref::LoadOp>(loc, place.buffer, at);
  }
  auto type = VectorType::get({lanes}, cast<MemRefType>(place.buffer.getType()).getElementType());
  Access access = accessOf(place);
  if (access.contiguous)
    return builder.create<vector::LoadOp>(loc, type, access.memref, access.indices);
  Value none = builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(type));
  return builder.create<vector::GatherOp>(loc, type, access.memref, access.indices, access.lanes, allLanes(),
                                          none);
}

Value MemoryEmitter::load(const Place &place, Value mask, Value otherwise) {
  otherwise = splat(otherwise);
  if (!dependsOnLane(place.map)) {
    // One element for all lanes that want it.
    Value any = builder.create<vector::ReductionOp>(loc, vector::CombiningKind::OR, mask);
    SmallVector<Value> at;
    for (AffineExpr expr : place.map.getResults())
      at.push_back(index.first(expr));
    auto taken = builder.create<scf::IfOp>(
        loc, any,
        [&](OpBuilder &inner, Location) {
          Value element = inner.create<memref::LoadOp>(loc, place.buffer, at);
          Value all = inner.create<vector::BroadcastOp>(loc, otherwise.getType(), element);
          inner.create<scf::YieldOp>(loc,
                                     inner.create<arith::SelectOp>(loc, mask, all, otherwise).getResult());
        },
        [&](OpBuilder &inner, Location) { inner.create<scf::YieldOp>(loc, otherwise); });
    return taken.getResult(0);
  }
  Access access = accessOf(place);
  if (access.contiguous)
    return builder.create<vector::MaskedLoadOp>(loc, otherwise.getType(), access.memref, access.indices, mask,
                                                otherwise);
  return builder.create<vector::GatherOp>(loc, otherwise.getType(), access.memref, access.indices,
                                          access.lanes, mask, otherwise);
}

void MemoryEmitter::store(Value value, const Place &place, Value mask) {
  if (!dependsOnLane(place.map)) {
    if (isa<VectorType>(value.getType()) || mask)
      internalError("a store of one element has a value for each lane");
    SmallVector<Value> at;
    for (AffineExpr expr : place.map.getResults())
      at.push_back(index.first(expr));
    builder.create<memref::StoreOp>(loc, value, place.buffer, at);
    return;
  }
  value = splat(value);
  Access access = accessOf(place);
  if (!access.contiguous)
    builder.create<vector::ScatterOp>(loc, access.memref, access.indices, access.lanes,
                                      mask ? mask : allLanes(), value);
  else if (mask)
    builder.create<vector::MaskedStoreOp>(loc, access.memref, access.indices, mask, value);
  else
    builder.create<vector::StoreOp>(loc, value, access.memref, access.indices);
}

} // namespace tgc::pipe
