// tile.each and what else works on fragments.
// 1. The body is emitted once for every element (with lanes, row of neighbours) that a thread holds. One of its
//    coordinates is the same in all threads, the other the lane's number plus a constant, or twice it.
// 2. What depends on the row only, or the column only, is emitted once for it; what depends on neither once.
// 3. tile.element is a component of a register: its coordinates differ from the body's by constants, which their affine
//    form tells. A value a row is what the lane of that row has.
#include "codegen/spirv/pipe/PipeLowering.h"

#include "compiler/affine/Ranges.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tgc::spv {

/// OpenCL's names (codegen/spirv/QuickFunctions.cpp).
constexpr StringLiteral quickExp2 = "native_exp2", quickReciprocal = "native_recip";

class EachEmitter : public OperandReader {
public:
  EachEmitter(PipeLowering &lowering, tile::EachOp each)
      : lowering(lowering), builder(lowering.builder), loc(lowering.loc), each(each), lanes(each.getLanes()),
        width(lowering.width), rowArgument(each.getBody().getArgument(0)),
        columnArgument(each.getBody().getNumArguments() > 1 ? each.getBody().getArgument(1)
                                                            : BlockArgument()) {}

  /// Whether it is an operand of a product, whose registers may come one by one.
  bool isOperand() { return each.getLayout() == "left" || each.getLayout() == "right"; }
  int64_t operandRegisters() {
    ArrayRef<int64_t> shape = each.getShape();
    return shape[0] / (each.getLayout() == "left" ? atomRows : width) * (shape[1] / atomDepth());
  }

  void start() {
    for (Operation &op : each.getBody().front().without_terminator())
      findUses(op);
    made.resize(isOperand() ? operandRegisters() : 0);
    // The depth of a left operand is the lanes', and if there are more of them than steps the row's lowest digit is; a row of
    // several atoms' depth is read by all lanes at once. Of a right one the column is.
    if (each.getLayout() == "right") {
      rowScale = 1;
    } else if (each.getLayout() == "left") {
      columnScale = readsRows() ? 0 : atomDepth() / width;
      if (atomDepth() < width) {
        Value depth = builder.create<arith::ConstantIndexOp>(loc, atomDepth());
        ownRow = builder.create<arith::DivUIOp>(loc, lowering.lane, depth);
        ownColumn = builder.create<arith::RemUIOp>(loc, lowering.lane, depth);
      }
    }
  }

  Value get(int64_t point, int64_t step) override {
    Value &value = made[point * (each.getShape()[1] / atomDepth()) + step];
    if (!value)
      value = each.getLayout() == "left" ? left(point * atomRows, step * atomDepth())
                                         : right(point * width, step * atomDepth());
    return value;
  }

  void run() {
    start();
    if (isOperand()) {
      int64_t steps = each.getShape()[1] / atomDepth();
      for (int64_t i = 0; i < int64_t(made.size()); ++i)
        get(i / steps, i % steps);
    } else if (each.getLayout() == "sums") {
      sums();
    } else {
      rows();
    }
    if (each.getResult())
      lowering.fragments[each.getResult()] = std::move(made);
  }

private:
  enum Uses { None = 0, Row = 1, Column = 2 };
  struct At {
    int64_t row, column;
  };

  void sums() {
    ArrayRef<int64_t> shape = each.getShape(), origin = each.getOrigin();
    columnScale = 1;
    if (shape[0] % atomRows != 0 || shape[1] % width != 0 || lanes != 1)
      internalError("a piece of {}x{} is no number of fragments", shape[0], shape[1]);
    for (int64_t row = 0; row < shape[0]; row += atomRows)
      for (int64_t column = 0; column < shape[1]; column += width)
        collect([&](int64_t i) { return emit({origin[0] + row + i, origin[1] + column}); });
  }

  SmallVector<Value> rowsOf(function_ref<Value(int64_t)> element) {
    SmallVector<Value> eight;
    for (int64_t i = 0; i < atomRows; ++i)
      eight.push_back(element(i));
    return eight;
  }
  void collect(function_ref<Value(int64_t)> element) {
    SmallVector<Value> eight = rowsOf(element);
    if (each.getResult())
      made.push_back(lowering.vectorOf(eight));
  }

  tile::FragmentType type() { return cast<tile::FragmentType>(each.getResult().getType()); }
  int64_t atomDepth() { return atomDepthOf(type()); }

  /// An integer of `bits` bits that consists of these, the lowest ones first.
  Value joined(ArrayRef<Value> parts, int64_t bits) {
    Type type = builder.getIntegerType(unsigned(bits));
    Value all;
    for (auto [i, part] : llvm::enumerate(parts)) {
      Value wide =
          part.getType() == type ? part : builder.create<arith::ExtUIOp>(loc, type, part).getResult();
      if (i > 0)
        wide = builder.create<arith::ShLIOp>(
            loc, wide,
            builder.create<arith::ConstantIntOp>(loc, int64_t(i) * bits / int64_t(parts.size()), type));
      all = all ? builder.create<arith::OrIOp>(loc, wide, all).getResult() : wide;
    }
    return all;
  }
  /// `count` integers of `bits` bits that neighbours from this place on are.
  SmallVector<Value> words(At at, int64_t count, int64_t bits) {
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

  bool readsRows() { return each.getLayout() == "left" && lanes >= atomDepth(); }

  /// Neighbours of a row from one place on, of which every lane gets two of each atom's depth.
  Value readRow(vector::LoadOp load, At at) {
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
  Value left(int64_t row, int64_t deep) {
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

  Value right(int64_t column, int64_t deep) { return lowering.vectorOf(words({column, deep}, 8, 32)); }

  // A value a row is its lane's; where something of which every lane has a share takes part, all lanes have all rows.
  void rows() {
    bool shared = false;
    each.getBody().walk([&](tile::ElementOp element) {
      shared |= isa<VectorType>(lowering.fragments[element.getFragment()].front().getType());
    });
    int64_t rows = each.getShape()[0];
    if (shared) {
      for (int64_t row = 0; row < rows; row += atomRows)
        collect([&](int64_t i) { return emit({row + i, 0}); });
      return;
    }
    rowScale = 1;
    for (int64_t row = 0; row < rows; row += width)
      made.push_back(emit({row, 0}));
  }

  static bool hasEffects(Operation &op) {
    if (isMemoryEffectFree(&op))
      return false;
    auto effects = dyn_cast<MemoryEffectOpInterface>(op);
    SmallVector<MemoryEffects::EffectInstance> found;
    if (effects)
      effects.getEffects(found);
    return !effects || !llvm::all_of(found, [](const auto &effect) {
      return isa<MemoryEffects::Read>(effect.getEffect());
    });
  }

  void findUses(Operation &op) {
    int use = hasEffects(op) && op.getNumResults() == 0 ? Row | Column : None;
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        use |= operand == rowArgument ? Row : operand == columnArgument ? Column : uses.lookup(operand);
      if (auto element = dyn_cast<tile::ElementOp>(inner))
        use |= element.getFragment().getType().getShape().size() > 1 ? Row | Column : Row;
    });
    operationUses[&op] = use;
    for (Value result : op.getResults())
      uses[result] = use;
  }

  /// Emits the body at this place; what it yields, or null.
  Value emit(At at) {
    Block &body = each.getBody().front();
    for (Operation &op : body.without_terminator())
      emit(op, at);
    auto yield = cast<tile::YieldOp>(body.getTerminator());
    return yield.getValues().empty() ? Value() : lookup(yield.getValues()[0], at);
  }

  using Key = std::pair<int64_t, int64_t>;
  Key keyOf(int use, At at) const { return {use & Row ? at.row : -1, use & Column ? at.column : -1}; }

  Value lookup(Value value, At at) {
    if (value == rowArgument)
      return coordinate(value, Row, rowScale, at.row, at);
    if (value == columnArgument)
      return coordinate(value, Column, columnScale, at.column, at);
    if (value.getParentRegion() == &each.getBody())
      return known[value].lookup(keyOf(uses.lookup(value), at));
    return lowering.mapping.lookup(value);
  }

  Value coordinate(Value value, int use, int64_t scale, int64_t shift, At at) {
    Value &have = known[value][keyOf(use, at)];
    if (have)
      return have;
    have = builder.create<arith::ConstantIndexOp>(loc, shift);
    Value own = use == Row ? ownRow : ownColumn;
    if (own) {
      have = shift == 0 ? own : builder.create<arith::AddIOp>(loc, own, have).getResult();
    } else if (scale != 0) {
      own = lowering.lane;
      if (scale > 1)
        own = builder.create<arith::MulIOp>(loc, own, builder.create<arith::ConstantIndexOp>(loc, scale));
      have = shift == 0 ? own : builder.create<arith::AddIOp>(loc, own, have).getResult();
    }
    return have;
  }

  void emit(Operation &op, At at) {
    int use = operationUses.lookup(&op);
    if (op.getNumResults() > 0 && known[op.getResult(0)].count(keyOf(use, at)))
      return;
    SmallVector<Value> results;
    if (auto element = dyn_cast<tile::ElementOp>(op)) {
      results.push_back(read(element, at));
    } else if (auto load = dyn_cast<vector::LoadOp>(op); load && readsRows()) {
      results.push_back(readRow(load, at));
    } else if (Value special = quick(op, at)) {
      results.push_back(special);
    } else {
      IRMapping inner(lowering.mapping);
      op.walk([&](Operation *nested) {
        if (isa<tile::ElementOp>(nested))
          internalError("an element is read inside a branch");
        for (Value operand : nested->getOperands())
          if (operand.getParentRegion() == &each.getBody())
            inner.map(operand, lookup(operand, at));
      });
      Operation *copy = builder.clone(op, inner);
      results.append(copy->result_begin(), copy->result_end());
    }
    for (auto [from, to] : llvm::zip(op.getResults(), results))
      known[from][keyOf(use, at)] = to;
  }

  /// Operations that may be approximate, and that the machine has so.
  Value quick(Operation &op, At at) {
    auto math = dyn_cast<arith::ArithFastMathInterface>(op);
    if (!math || !math.getFastMathFlagsAttr() || op.getNumResults() != 1 ||
        !op.getResult(0).getType().isF32() ||
        !bitEnumContainsAny(math.getFastMathFlagsAttr().getValue(), arith::FastMathFlags::afn))
      return Value();
    Type f32 = builder.getF32Type();
    auto number = [&](double value) -> Value {
      return builder.create<arith::ConstantOp>(loc, builder.getF32FloatAttr(float(value)));
    };
    auto exp2 = [&](Value x) { return lowering.call(quickExp2, x, f32); };
    auto reciprocal = [&](Value x) { return lowering.call(quickReciprocal, x, f32); };
    constexpr double log2e = 0x1.71547652b82fep0;
    if (isa<math::Exp2Op>(op))
      return exp2(lookup(op.getOperand(0), at));
    if (isa<math::ExpOp>(op))
      return exp2(builder.create<arith::MulFOp>(loc, lookup(op.getOperand(0), at), number(log2e)));
    if (isa<arith::DivFOp>(op))
      return builder.create<arith::MulFOp>(loc, lookup(op.getOperand(0), at),
                                           reciprocal(lookup(op.getOperand(1), at)));
    if (isa<math::TanhOp>(op)) {
      // 1 - 2 / (e^2x + 1), which is ±1 where the power is infinite or 0.
      Value power = exp2(builder.create<arith::MulFOp>(loc, lookup(op.getOperand(0), at), number(2 * log2e)));
      Value below = reciprocal(builder.create<arith::AddFOp>(loc, power, number(1)));
      return builder.create<arith::SubFOp>(loc, number(1),
                                           builder.create<arith::MulFOp>(loc, below, number(2)));
    }
    return Value();
  }

  /// How far a coordinate is from the thread's own row or column, or the coordinate if it is the same in all threads.
  int64_t distance(Value coordinate, bool isColumn, At at, bool own) {
    if (coordinate == (isColumn ? columnArgument : rowArgument))
      return isColumn ? at.column : at.row;
    AffineMap map = AffineMap::getMultiDimIdentityMap(1, builder.getContext());
    SmallVector<Value> operands{coordinate};
    mlir::affine::fullyComposeAffineMapAndOperands(&map, &operands);
    SmallVector<AffineExpr> dims;
    SmallVector<int64_t> extents{width};
    AffineExpr lane = builder.getAffineDimExpr(0);
    for (Value operand : operands) {
      if (operand == rowArgument) {
        dims.push_back(lane * rowScale + at.row);
      } else if (operand == columnArgument) {
        dims.push_back(lane * columnScale + at.column);
      } else {
        extents.push_back(int64_t(1) << 30);
        dims.push_back(builder.getAffineDimExpr(extents.size() - 1));
      }
    }
    if (map.getNumSymbols() != 0)
      internalError("a coordinate of an element has symbols");
    AffineExpr difference = map.getResult(0).replaceDims(dims);
    if (own)
      difference = difference - lane;
    auto constant = dyn_cast<AffineConstantExpr>(affine::simplify(difference, extents));
    if (!constant)
      internalError("a thread does not hold the element that it needs");
    return constant.getValue();
  }

  Value read(tile::ElementOp element, At at) {
    tile::FragmentType type = element.getFragment().getType();
    ArrayRef<Value> registers = lowering.fragments[element.getFragment()];
    int64_t row = distance(element.getCoords()[0], false, at, rowScale == 1);
    if (type.getShape().size() == 1) {
      if (isa<VectorType>(registers.front().getType()))
        return lowering.component(registers[row / atomRows], row % atomRows);
      if (rowScale == 1)
        return registers[row / width];
      return lowering.broadcast(registers[row / width], row % width);
    }
    int64_t column = distance(element.getCoords()[1], true, at, true), across = type.getShape()[1];
    if (row < 0 || column < 0 || row >= type.getShape()[0] || column >= across)
      internalError("an element lies outside of its fragment");
    return lowering.component(registers[row / atomRows * (across / width) + column / width], row % atomRows);
  }

  PipeLowering &lowering;
  OpBuilder &builder;
  Location loc;
  tile::EachOp each;
  int64_t lanes, width;
  int64_t rowScale = 0, columnScale = 0; ///< how the coordinates depend on the lane's number
  Value ownRow, ownColumn; ///< what the lane adds to them, where it is no multiple of its number
  Value rowArgument, columnArgument;
  SmallVector<Value> made;
  llvm::DenseMap<Value, int> uses;
  llvm::DenseMap<Operation *, int> operationUses;
  llvm::DenseMap<Value, llvm::DenseMap<Key, Value>> known;
};

void PipeLowering::lowerEach(tile::EachOp each) {
  auto emitter = std::make_unique<EachEmitter>(*this, each);
  if (each.getResult() && emitter->isOperand() && readsLate(each.getResult(), emitter->operandRegisters())) {
    emitter->start();
    readers[each.getResult()] = std::move(emitter);
    return;
  }
  emitter->run();
}

Value PipeLowering::broadcast(Value value, int64_t from) {
  Value lane =
      builder.create<spirv::ConstantOp>(loc, builder.getI32Type(), builder.getI32IntegerAttr(int32_t(from)));
  return builder.create<spirv::GroupNonUniformBroadcastOp>(loc, value.getType(), spirv::Scope::Subgroup,
                                                           value, lane);
}

Value PipeLowering::fold(StringRef kind, Value x, Value y) {
  if (kind == "max")
    return builder.create<arith::MaxNumFOp>(loc, x, y);
  if (kind == "add")
    return builder.create<arith::AddFOp>(loc, x, y);
  internalError("no fold {}", kind.str());
}

// In each round every lane keeps one half of the rows and gives the other to the lane whose number differs in one bit.
Value PipeLowering::transposeFold(StringRef kind, SmallVector<Value> rows) {
  for (int64_t bit = int64_t(rows.size()) / 2; bit >= 1; bit /= 2) {
    Value &upper = laneBits[bit];
    if (!upper) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfterValue(lane);
      Value own = builder.create<arith::AndIOp>(loc, lane, builder.create<arith::ConstantIndexOp>(loc, bit));
      upper = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, own,
                                            builder.create<arith::ConstantIndexOp>(loc, 0));
    }
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

void PipeLowering::lowerFoldJoin(tile::FoldJoinOp op) {
  SmallVector<Value> shares = fragments[op.getSource()];
  fragments[op.getResult()] = joinShares(op.getKind(), shares);
}

// Where a left operand's depth is one step a lane, sums are one register by register: their columns are the depth.
void PipeLowering::lowerConvert(tile::ConvertOp convert) {
  tile::FragmentType from = convert.getSource().getType(), to = convert.getResult().getType();
  if (to.getLayout().getValue() != "left" || from.getLayout().getValue() != "sums" ||
      from.getShape() != to.getShape())
    internalError("no conversion between these fragments");
  SmallVector<Value> registers = fragments[convert.getSource()], result;
  auto narrow = VectorType::get({atomRows}, to.getElementType()),
       bits = VectorType::get({atomRows}, builder.getI16Type());
  for (Value eight : registers)
    result.push_back(
        builder.create<arith::BitcastOp>(loc, bits, builder.create<arith::TruncFOp>(loc, narrow, eight)));
  if (width == 16) {
    fragments[convert.getResult()] = std::move(result);
    return;
  }
  // Narrow subgroups: a lane wants two neighbours of 16 columns, which lie in two registers of 8.
  Value two = i32(2), own = toI32(lane);
  Value first =
      builder.create<arith::AndIOp>(loc, builder.create<arith::MulIOp>(loc, own, two), i32(width - 1));
  Value second = builder.create<arith::AddIOp>(loc, first, i32(1));
  Value upper = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::uge, own, i32(width / 2));
  SmallVector<Value> words;
  for (size_t i = 0; i < result.size(); i += 2) {
    SmallVector<Value> eight;
    for (int64_t row = 0; row < atomRows; ++row) {
      // Both registers' elements as the halves of one word travel at once.
      auto wide = [&](Value half) -> Value {
        return builder.create<arith::ExtUIOp>(loc, builder.getI32Type(), component(half, row));
      };
      Value both = builder.create<arith::OrIOp>(
          loc, wide(result[i]), builder.create<arith::ShLIOp>(loc, wide(result[i + 1]), i32(16)));
      auto from = [&](Value lane) -> Value {
        Value got = builder.create<spirv::GroupNonUniformShuffleOp>(loc, spirv::Scope::Subgroup, both, lane);
        Value high = builder.create<arith::ShRUIOp>(loc, got, i32(16)),
              low = builder.create<arith::AndIOp>(loc, got, i32(0xffff));
        return builder.create<arith::SelectOp>(loc, upper, high, low);
      };
      Value low = from(first), high = builder.create<arith::ShLIOp>(loc, from(second), i32(16));
      eight.push_back(builder.create<arith::OrIOp>(loc, low, high));
    }
    words.push_back(vectorOf(eight));
  }
  fragments[convert.getResult()] = std::move(words);
}

} // namespace tgc::spv
