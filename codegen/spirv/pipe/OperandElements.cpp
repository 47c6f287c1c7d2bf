// Operands of products that no block brings: what tile.each computes, put together to the registers of the instruction. A
// left one's lanes have steps of the depth of every row, a right one's their column's steps two or four to a word; rows of
// memory of which the lanes have a part each are read by all of them at once. A vector's words are computed by a lane each.
#include "codegen/spirv/pipe/EachEmitter.h"

#include "compiler/support/Error.h"

using namespace mlir;

namespace tgc::spv {

int64_t EachEmitter::operandRegisters() {
  ArrayRef<int64_t> shape = each.getShape();
  return shape[0] / (each.getLayout() == "left" ? atomRows : width) * (shape[1] / atomDepth());
}

Value EachEmitter::get(int64_t point, int64_t step) {
  Value &value = made[point * (each.getShape()[1] / atomDepth()) + step];
  if (!value)
    value = each.getLayout() == "left" ? left(point * atomRows, step * atomDepth())
                                       : right(point * width, step * atomDepth());
  return value;
}

Value EachEmitter::joined(ArrayRef<Value> parts, int64_t bits) {
  Type type = builder.getIntegerType(unsigned(bits));
  Value all;
  for (auto [i, part] : llvm::enumerate(parts)) {
    Value wide = part.getType() == type ? part : builder.create<arith::ExtUIOp>(loc, type, part).getResult();
    if (i > 0)
      wide = builder.create<arith::ShLIOp>(
          loc, wide,
          builder.create<arith::ConstantIntOp>(loc, int64_t(i) * bits / int64_t(parts.size()), type));
    all = all ? builder.create<arith::OrIOp>(loc, wide, all).getResult() : wide;
  }
  return all;
}

SmallVector<Value> EachEmitter::words(At at, int64_t count, int64_t bits) {
  int64_t own = type().getElementType().getIntOrFloatBitWidth(), needed = bits / own;
  SmallVector<Value> result, parts; // parts of the next one
  while (int64_t(result.size()) < count) {
    Value value = emit(at);
    at.column += lanes;
    Type type = builder.getIntegerType(unsigned(own));
    if (lanes > 1)
      type = VectorType::get({lanes}, type);
    value = builder.createOrFold<arith::BitcastOp>(loc, type, value);
    if (lanes > needed) {
      if (needed > 1)
        value = builder.create<spirv::BitcastOp>(
            loc, VectorType::get({lanes / needed}, builder.getIntegerType(unsigned(bits))), value);
      for (int64_t i = 0; i < lanes / needed; ++i)
        result.push_back(builder.create<vector::ExtractOp>(loc, value, i));
      continue;
    }
    for (int64_t i = 0; i < lanes; ++i)
      parts.push_back(lanes == 1 ? value : builder.create<vector::ExtractOp>(loc, value, i).getResult());
    if (int64_t(parts.size()) < needed)
      continue;
    result.push_back(joined(parts, bits));
    parts.clear();
  }
  return result;
}

Value EachEmitter::readRow(vector::LoadOp load, At at) {
  int64_t words = lanes / 2 / width;
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(load.getMemRefType(), strides, offset)))
    internalError("a row is read of a buffer without strides");
  auto number = [&](int64_t value) -> Value { return builder.create<arith::ConstantIndexOp>(loc, value); };
  Value place = number(offset);
  for (auto [index, stride] : llvm::zip(load.getIndices(), strides))
    place = builder.createOrFold<arith::AddIOp>(
        loc, place, builder.createOrFold<arith::MulIOp>(loc, lookup(index, at), number(stride)));
  place = builder.createOrFold<arith::MulIOp>(loc, place, number(2));
  Value pointer = lowering.behind(lowering.pointerTo(lookup(load.getBase(), at)), place);
  Type word = builder.getI32Type();
  pointer = builder.create<spirv::BitcastOp>(
      loc, spirv::PointerType::get(word, spirv::StorageClass::CrossWorkgroup), pointer);
  std::string name = "intel_sub_group_block_read" + (words > 1 ? std::to_string(words) : "");
  return lowering.call("_Z" + std::to_string(name.size()) + name + "PU3AS1Kj", pointer,
                       words > 1 ? Type(VectorType::get({words}, word)) : word);
}

// A thread has as much of every row as the lanes make 32 bytes of, or whole words of every other row.
Value EachEmitter::left(int64_t row, int64_t deep) {
  if (readsRows())
    return lowering.vectorOf(rowsOf([&](int64_t i) {
      Value all = emit({row + i, deep / lanes * lanes});
      return isa<VectorType>(all.getType()) ? lowering.component(all, deep % lanes / atomDepth()) : all;
    }));
  int64_t apart = ownRow ? width / atomDepth() : 1;
  SmallVector<Value> rows;
  for (int64_t i = 0; i < atomRows; i += apart)
    rows.push_back(words({row + i, deep}, 1, std::min<int64_t>(32, 256 / width * apart)).front());
  return lowering.vectorOf(rows);
}

bool EachEmitter::isVector() {
  auto yield = cast<tile::YieldOp>(each.getBody().front().getTerminator());
  Value value = yield.getValues()[0];
  return lanes == 1 && value != rowArgument && !(usesOf(value) & Row) &&
         each.getShape()[1] % stepsOfLanes() == 0;
}

Value EachEmitter::right(int64_t column, int64_t deep) {
  if (vector) {
    int64_t all = stepsOfLanes(), first = deep / all * all;
    Value &word = wordOf[first];
    if (!word)
      word = words({0, first}, 1, 32).front();
    SmallVector<Value> eight;
    for (int64_t i = 0; i < 8; ++i)
      eight.push_back(lowering.broadcast(word, (deep - first) * width / all + i));
    return lowering.vectorOf(eight);
  }
  return lowering.vectorOf(words({column, deep}, 8, 32));
}

} // namespace tgc::spv
