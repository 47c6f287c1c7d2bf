// tile.each and what else works on fragments.
// 1. The body is emitted once for every element (with lanes, row of neighbours) that a thread holds. One of its
//    coordinates is the same in all threads, the other the lane's number plus a constant, or twice it.
// 2. What depends on the row only, or the column only, is emitted once for it; what depends on neither once.
// 3. tile.element is a component of a register: its coordinates differ from the body's by constants, which their affine
//    form tells. A value a row is what the lane of that row has.
#include "codegen/spirv/pipe/EachEmitter.h"

#include "compiler/affine/Ranges.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tgc::spv {

/// OpenCL's names (codegen/spirv/QuickFunctions.cpp).
constexpr StringLiteral quickExp2 = "native_exp2", quickReciprocal = "native_recip";

EachEmitter::EachEmitter(PipeLowering &lowering, tile::EachOp each)
    : BodyEmitter(lowering.builder, lowering.mapping, each), lowering(lowering), builder(lowering.builder),
      loc(lowering.loc), lanes(each.getLanes()), width(lowering.width) {}

void EachEmitter::start() {
  findUses();
  made.resize(isOperand() ? operandRegisters() : 0);
  // The depth of a left operand is the lanes', and if there are more of them than steps the row's lowest digit is; a row of
  // several atoms' depth is read by all lanes at once. Of a right one the column is; of a vector, words of the depth.
  if (each.getLayout() == "right") {
    vector = isVector();
    rowScale = vector ? 0 : 1;
    columnScale = vector ? stepsOfLanes() / width : 0;
  } else if (each.getLayout() == "left") {
    columnScale = readsRows() ? 0 : atomDepth() / width;
    if (atomDepth() < width) {
      Value depth = builder.create<arith::ConstantIndexOp>(loc, atomDepth());
      ownRow = builder.create<arith::DivUIOp>(loc, lowering.lane, depth);
      ownColumn = builder.create<arith::RemUIOp>(loc, lowering.lane, depth);
    }
  }
}

void EachEmitter::run() {
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

void EachEmitter::sums() {
  ArrayRef<int64_t> shape = each.getShape(), origin = each.getOrigin();
  columnScale = 1;
  bool single = shape[0] == 1 && !each.getResult(); // the first row of a product of one
  if ((shape[0] % atomRows != 0 && !single) || shape[1] % width != 0 || lanes != 1)
    internalError("a piece of {}x{} is no number of fragments", shape[0], shape[1]);
  for (int64_t row = 0; row < shape[0]; row += atomRows)
    for (int64_t column = 0; column < shape[1]; column += width)
      if (single)
        emit({origin[0], origin[1] + column});
      else
        collect([&](int64_t i) { return emit({origin[0] + row + i, origin[1] + column}); });
}

SmallVector<Value> EachEmitter::rowsOf(function_ref<Value(int64_t)> element) {
  SmallVector<Value> eight;
  for (int64_t i = 0; i < atomRows; ++i)
    eight.push_back(element(i));
  return eight;
}

void EachEmitter::collect(function_ref<Value(int64_t)> element) {
  SmallVector<Value> eight = rowsOf(element);
  if (each.getResult())
    made.push_back(lowering.vectorOf(eight));
}

// A value a row is its lane's; where something of which every lane has a share takes part, all lanes have all rows.
void EachEmitter::rows() {
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

Value EachEmitter::coordinate(bool isColumn, At at) {
  int64_t shift = isColumn ? at.column : at.row, scale = isColumn ? columnScale : rowScale;
  Value have = builder.create<arith::ConstantIndexOp>(loc, shift), own = isColumn ? ownColumn : ownRow;
  if (!own && scale != 0) {
    own = lowering.lane;
    if (scale > 1)
      own = builder.create<arith::MulIOp>(loc, own, builder.create<arith::ConstantIndexOp>(loc, scale));
  }
  if (!own)
    return have;
  return shift == 0 ? own : builder.create<arith::AddIOp>(loc, own, have).getResult();
}

Value EachEmitter::special(Operation &op, At at) {
  if (auto element = dyn_cast<tile::ElementOp>(op))
    return read(element, at);
  if (auto load = dyn_cast<vector::LoadOp>(op); load && readsRows())
    return readRow(load, at);
  return quick(op, at);
}

Value EachEmitter::quick(Operation &op, At at) {
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

int64_t EachEmitter::distance(Value coordinate, bool isColumn, At at, bool own) {
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

Value EachEmitter::read(tile::ElementOp element, At at) {
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
