// tile.fold: one value of every row of a fragment. Lane r has row r of as many rows as there are lanes, or every lane its
// own share of each row, which tile.fold.join puts together.
#include "codegen/spirv/pipe/PipeLowering.h"

#include "compiler/support/Error.h"

using namespace mlir;

namespace tgc::spv {

Value PipeLowering::fold(StringRef kind, Value x, Value y) {
  if (kind == "max")
    return builder.create<arith::MaxNumFOp>(loc, x, y);
  if (kind == "add")
    return builder.create<arith::AddFOp>(loc, x, y);
  internalError("no fold {}", kind.str());
}

Value PipeLowering::laneBit(int64_t bit) {
  Value &set = laneBits[bit];
  if (!set) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfterValue(lane);
    Value own = builder.create<arith::AndIOp>(loc, lane, builder.create<arith::ConstantIndexOp>(loc, bit));
    set = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, own,
                                        builder.create<arith::ConstantIndexOp>(loc, 0));
  }
  return set;
}

// In each round every lane keeps one half of the rows and gives the other to the lane whose number differs in one bit.
Value PipeLowering::transposeFold(StringRef kind, SmallVector<Value> rows) {
  for (int64_t bit = int64_t(rows.size()) / 2; bit >= 1; bit /= 2) {
    Value upper = laneBit(bit);
    SmallVector<Value> half;
    Value distance =
        builder.create<spirv::ConstantOp>(loc, builder.getI32Type(), builder.getI32IntegerAttr(int32_t(bit)));
    for (int64_t row = 0; row < bit; ++row) {
      Value mine = builder.create<arith::SelectOp>(loc, upper, rows[row + bit], rows[row]);
      Value other = builder.create<arith::SelectOp>(loc, upper, rows[row], rows[row + bit]);
      other =
          builder.create<spirv::GroupNonUniformShuffleXorOp>(loc, spirv::Scope::Subgroup, other, distance);
      half.push_back(fold(kind, mine, other));
    }
    rows = std::move(half);
  }
  return rows.front();
}

void PipeLowering::lowerFold(tile::FoldOp fold) {
  tile::FragmentType type = fold.getSource().getType();
  int64_t rows = type.getShape()[0], columns = type.getShape()[1] / width;
  ArrayRef<Value> registers = fragments[fold.getSource()];
  if (fold.getKind() == "first") {
    fragments[fold.getResult()] = firstColumn(registers, columns);
    return;
  }
  SmallVector<Value> shares; // of each lane
  for (int64_t row = 0; row < rows / atomRows; ++row) {
    Value share = registers[row * columns];
    for (int64_t column = 1; column < columns; ++column)
      share = this->fold(fold.getKind(), share, registers[row * columns + column]);
    shares.push_back(share);
  }
  fragments[fold.getResult()] = fold.getPartial() ? shares : joinShares(fold.getKind(), shares);
}

SmallVector<Value> PipeLowering::joinShares(StringRef kind, ArrayRef<Value> shares) {
  SmallVector<Value> joined, rows;
  for (Value share : shares) {
    for (int64_t i = 0; i < atomRows; ++i)
      rows.push_back(component(share, i));
    if (int64_t(rows.size()) == width) {
      joined.push_back(transposeFold(kind, std::move(rows)));
      rows.clear();
    }
  }
  if (!rows.empty())
    internalError("{} rows are no multiple of {} lanes", shares.size() * atomRows, width);
  return joined;
}

// Of as many rows as there are lanes each lane chooses its own, what the first lane has of it.
SmallVector<Value> PipeLowering::firstColumn(ArrayRef<Value> registers, int64_t columns) {
  SmallVector<Value> made, rows;
  for (size_t first = 0; first < registers.size(); first += columns) {
    for (int64_t i = 0; i < atomRows; ++i)
      rows.push_back(broadcast(component(registers[first], i), 0));
    if (int64_t(rows.size()) < width)
      continue;
    for (int64_t bit = width / 2; bit >= 1; bit /= 2) {
      for (int64_t row = 0; row < bit; ++row)
        rows[row] = builder.create<arith::SelectOp>(loc, laneBit(bit), rows[row + bit], rows[row]);
      rows.resize(bit);
    }
    made.push_back(rows.pop_back_val());
  }
  if (!rows.empty())
    internalError("{} rows are no multiple of {} lanes", registers.size() / columns * atomRows, width);
  return made;
}

void PipeLowering::lowerFoldJoin(tile::FoldJoinOp op) {
  SmallVector<Value> shares = fragments[op.getSource()];
  fragments[op.getResult()] = joinShares(op.getKind(), shares);
}

} // namespace tgc::spv
