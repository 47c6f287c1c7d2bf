// tile.each and what else works on fragments.
// 1. The body is emitted once for every register (with lanes(2), pair of registers) of the piece, in the order
//    rows inside columns. Row and column are the thread's place plus a constant.
// 2. What depends on the row only, or the column only, is emitted once for it; what depends on neither once.
// 3. tile.element is a register: its coordinates differ from the body's by constants, which their affine form
//    tells.
#include "codegen/common/BodyEmitter.h"
#include "codegen/ptx/pipe/PipeLowering.h"

#include "compiler/affine/Ranges.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace tgc::ptx {

class EachEmitter : BodyEmitter {
public:
  EachEmitter(PipeLowering &lowering, tile::EachOp each)
      : BodyEmitter(lowering.builder, lowering.mapping, each), lowering(lowering), b(lowering.b),
        builder(lowering.builder), lanes(each.getLanes()) {}

  void run() {
    ArrayRef<int64_t> shape = each.getShape(), origin = each.getOrigin();
    Value inGroup = b.band(lowering.thread, lowering.consumerThreads - 1);
    Value lane = b.band(inGroup, 31);
    Value row = b.add(b.mul(b.shr(inGroup, 5), 16), b.shr(lane, 2));
    threadRow = b.toIndex(row);
    threadColumn = b.toIndex(b.shl(b.band(lane, 3), 1));
    findUses();
    bool columns = shape.size() > 1;
    int64_t width = columns ? shape[1] : 8;
    if (shape[0] % lowering.blockRows != 0 || width % 8 != 0)
      internalError("a piece of {}x{} is no number of fragments", shape[0], width);
    SmallVector<Value> made;
    for (int64_t block = 0; block < shape[0]; block += lowering.blockRows)
      for (int64_t j = 0; j < width; j += 8)
        for (int64_t half = 0; half < 16; half += 8)
          for (int64_t e = 0; e < (columns ? 2 : 1); e += columns ? lanes : 1)
            add({origin[0] + block + half, columns ? origin[1] + j + e : 0}, made);
    if (each.getResult())
      lowering.fragments[each.getResult()] = std::move(made);
  }

private:
  /// The body at this place, as registers.
  void add(At at, SmallVector<Value> &made) {
    Value value = emit(at);
    if (!each.getResult())
      return;
    Type element = cast<tile::FragmentType>(each.getResult().getType()).getElementType();
    if (!isa<VectorType>(value.getType()) || element.getIntOrFloatBitWidth() < 32) {
      if (!isa<VectorType>(value.getType()) && element.getIntOrFloatBitWidth() < 32) {
        // A pair of 16 bits is one register.
        if (at.column % 2 == 0) {
          pending = value;
          return;
        }
        value = builder.create<vector::FromElementsOp>(b.loc, VectorType::get({2}, element),
                                                       ValueRange{pending, value});
      }
      made.push_back(value);
      return;
    }
    for (int64_t lane = 0; lane < 2; ++lane)
      made.push_back(builder.create<vector::ExtractOp>(b.loc, value, lane));
  }

  Value coordinate(bool isColumn, At at) override {
    Value own = isColumn ? threadColumn : threadRow;
    int64_t shift = isColumn ? at.column : at.row;
    if (shift == 0)
      return own;
    return builder.create<arith::AddIOp>(b.loc, own, builder.create<arith::ConstantIndexOp>(b.loc, shift));
  }

  Value special(Operation &op, At at) override {
    if (auto element = dyn_cast<tile::ElementOp>(op))
      return read(element, at);
    return convert(op, at);
  }

  /// Operations that the machine has for pairs, or approximately.
  Value convert(Operation &op, At at) {
    auto isPair = [](Type type) {
      auto vector = dyn_cast<VectorType>(type);
      return vector && vector.getRank() == 1 && vector.getNumElements() == 2;
    };
    if (auto narrow = dyn_cast<arith::TruncFOp>(op)) {
      auto from = dyn_cast<VectorType>(narrow.getIn().getType()), to = dyn_cast<VectorType>(narrow.getType());
      if (!isPair(narrow.getType()) || !from.getElementType().isF32() ||
          !(to.getElementType().isBF16() || to.getElementType().isF16()))
        return Value();
      Value pair = lookup(narrow.getIn(), at);
      Value low = builder.create<vector::ExtractOp>(b.loc, pair, 0),
            high = builder.create<vector::ExtractOp>(b.loc, pair, 1);
      return lowering.pack(low, high, to.getElementType());
    }
    if (auto broadcast = dyn_cast<vector::BroadcastOp>(op)) {
      auto vector = cast<VectorType>(broadcast.getType());
      if (isa<VectorType>(broadcast.getSourceType()) || vector.getRank() != 1)
        return Value();
      SmallVector<Value> same(vector.getNumElements(), lookup(broadcast.getSource(), at));
      return builder.create<vector::FromElementsOp>(b.loc, vector, same);
    }
    if (auto tanh = dyn_cast<math::TanhOp>(op)) {
      if (!bitEnumContainsAny(tanh.getFastmath(), arith::FastMathFlags::afn) ||
          !getElementTypeOrSelf(tanh.getType()).isF32())
        return Value();
      return perLane(lookup(tanh.getOperand(), at),
                     [&](Value x) { return machine("tanh.approx.f32 $0, $1;", x); });
    }
    if (auto exp2 = dyn_cast<math::Exp2Op>(op)) {
      if (!bitEnumContainsAny(exp2.getFastmath(), arith::FastMathFlags::afn) ||
          !getElementTypeOrSelf(exp2.getType()).isF32())
        return Value();
      return perLane(lookup(exp2.getOperand(), at),
                     [&](Value x) { return machine("ex2.approx.ftz.f32 $0, $1;", x); });
    }
    if (auto divide = dyn_cast<arith::DivFOp>(op)) {
      if (!bitEnumContainsAny(divide.getFastmath(), arith::FastMathFlags::afn) || !divide.getType().isF32())
        return Value();
      Value inverse = machine("rcp.approx.ftz.f32 $0, $1;", lookup(divide.getRhs(), at));
      return builder.create<arith::MulFOp>(b.loc, lookup(divide.getLhs(), at), inverse);
    }
    return Value();
  }

  Value machine(StringRef text, Value x) {
    return builder
        .create<LLVM::InlineAsmOp>(
            b.loc, TypeRange(builder.getF32Type()), ValueRange(x), text, "=f,f", false, false,
            LLVM::AsmDialectAttr::get(builder.getContext(), LLVM::AsmDialect::AD_ATT), ArrayAttr())
        .getResult(0);
  }

  Value perLane(Value value, function_ref<Value(Value)> scalar) {
    auto vector = dyn_cast<VectorType>(value.getType());
    if (!vector)
      return scalar(value);
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < vector.getNumElements(); ++lane)
      elements.push_back(scalar(builder.create<vector::ExtractOp>(b.loc, value, lane)));
    return builder.create<vector::FromElementsOp>(b.loc, vector, elements);
  }

  /// How far a coordinate is from the thread's own row or column.
  int64_t distance(Value coordinate, bool isColumn, At at) {
    if (coordinate == (isColumn ? columnArgument : rowArgument))
      return isColumn ? at.column : at.row;
    AffineMap map = AffineMap::getMultiDimIdentityMap(1, builder.getContext());
    SmallVector<Value> operands{coordinate};
    mlir::affine::fullyComposeAffineMapAndOperands(&map, &operands);
    // The thread's place: column 2·t; row 16·w + q. The others are any.
    SmallVector<AffineExpr> dims;
    SmallVector<int64_t> extents;
    auto fresh = [&](int64_t extent) {
      extents.push_back(extent);
      return builder.getAffineDimExpr(extents.size() - 1);
    };
    AffineExpr t = fresh(4), w = fresh(4), q = fresh(8);
    AffineExpr thread = isColumn ? t * 2 : w * 16 + q;
    for (Value operand : operands) {
      if (operand == rowArgument)
        dims.push_back(w * 16 + q + at.row);
      else if (operand == columnArgument)
        dims.push_back(t * 2 + at.column);
      else
        dims.push_back(fresh(int64_t(1) << 30));
    }
    if (map.getNumSymbols() != 0)
      internalError("a coordinate of an element has symbols");
    AffineExpr difference = affine::simplify(map.getResult(0).replaceDims(dims) - thread, extents);
    auto constant = dyn_cast<AffineConstantExpr>(difference);
    if (!constant)
      internalError("a thread does not hold the element that it needs");
    return constant.getValue();
  }

  Value read(tile::ElementOp element, At at) {
    tile::FragmentType type = element.getFragment().getType();
    ArrayRef<Value> registers = lowering.fragments[element.getFragment()];
    int64_t row = distance(element.getCoords()[0], false, at);
    if (type.getShape().size() == 1)
      return registers[row / lowering.blockRows * 2 + row % lowering.blockRows / 8];
    int64_t column = distance(element.getCoords()[1], true, at), width = type.getShape()[1];
    if (row < 0 || column < 0 || row >= type.getShape()[0] || column >= width)
      internalError("an element lies outside of its fragment");
    int64_t number = registerOf(row, column, width, lowering.blockRows);
    auto pair = dyn_cast<VectorType>(element.getType());
    if (type.getElementType().getIntOrFloatBitWidth() < 32) {
      Value both = registers[number / 2];
      return pair ? both : builder.create<vector::ExtractOp>(b.loc, both, number % 2).getResult();
    }
    if (!pair)
      return registers[number];
    return builder.create<vector::FromElementsOp>(b.loc, pair,
                                                  ValueRange{registers[number], registers[number + 1]});
  }

  PipeLowering &lowering;
  PtxBuilder &b;
  OpBuilder &builder;
  int64_t lanes;
  Value threadRow, threadColumn, pending;
};

Value PipeLowering::pack(Value low, Value high, Type element) {
  StringRef name = element.isBF16() ? "llvm.nvvm.ff2bf16x2.rn" : "llvm.nvvm.ff2f16x2.rn";
  auto pair = VectorType::get({2}, element);
  return builder
      .create<LLVM::CallIntrinsicOp>(b.loc, pair, builder.getStringAttr(name), ValueRange{high, low},
                                     LLVM::FastmathFlagsAttr())
      .getResult(0);
}

void PipeLowering::lowerEach(tile::EachOp each) { EachEmitter(*this, each).run(); }

Value PipeLowering::fold(StringRef kind, Value x, Value y) {
  if (kind == "max")
    return builder.create<arith::MaxNumFOp>(b.loc, x, y);
  if (kind == "add")
    return builder.create<arith::AddFOp>(b.loc, x, y);
  internalError("no fold {}", kind.str());
}

// Two chains a row, so that their latencies overlap.
void PipeLowering::lowerFold(tile::FoldOp fold) {
  tile::FragmentType type = fold.getSource().getType();
  int64_t rows = type.getShape()[0], columns = type.getShape()[1];
  ArrayRef<Value> registers = fragments[fold.getSource()];
  SmallVector<Value> results;
  for (int64_t row = 0; row < rows; row += row % blockRows == 0 ? 8 : blockRows - 8) {
    Value chains[2];
    for (int64_t column = 0; column < columns; column += 8)
      for (int64_t e = 0; e < 2; ++e) {
        Value x = registers[registerOf(row, column + e, columns, blockRows)];
        chains[e] = chains[e] ? this->fold(fold.getKind(), chains[e], x) : x;
      }
    results.push_back(this->fold(fold.getKind(), chains[0], chains[1]));
  }
  if (!fold.getPartial())
    for (Value &value : results)
      value = join(fold.getKind(), value);
  fragments[fold.getResult()] = std::move(results);
}

/// The four threads of a row.
Value PipeLowering::join(StringRef kind, Value value) {
  for (const char *distance : {"2", "1"}) {
    Value other = b.ptx((Twine("shfl.sync.bfly.b32 $0, $1, ") + distance + ", 31, 0xffffffff;").str(), "=f,f",
                        value, builder.getF32Type())
                      .front();
    value = fold(kind, value, other);
  }
  return value;
}

void PipeLowering::lowerFoldJoin(tile::FoldJoinOp op) {
  SmallVector<Value> results;
  for (Value value : fragments[op.getSource()])
    results.push_back(join(op.getKind(), value));
  fragments[op.getResult()] = std::move(results);
}

// A fragment of sums is, pair by pair, a left operand: its columns are the depth.
void PipeLowering::lowerConvert(tile::ConvertOp convert) {
  tile::FragmentType from = convert.getSource().getType(), to = convert.getResult().getType();
  SmallVector<Value> &registers = fragments[convert.getSource()];
  if (to.getLayout().getValue() != "left" || from.getLayout().getValue() != "sums" ||
      from.getShape() != to.getShape())
    internalError("no conversion between these fragments");
  if (from.getElementType() == to.getElementType()) {
    SmallVector<Value> copy = registers;
    fragments[convert.getResult()] = std::move(copy);
    return;
  }
  SmallVector<Value> pairs;
  for (size_t i = 0; i < registers.size(); i += 2)
    pairs.push_back(pack(registers[i], registers[i + 1], to.getElementType()));
  fragments[convert.getResult()] = std::move(pairs);
}

} // namespace tgc::ptx
