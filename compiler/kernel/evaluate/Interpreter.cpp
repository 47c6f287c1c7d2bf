// The evaluator's core. A value over a box is computed from its operands over the same box, widened to whole
// axes where the operation reduces or moves along them; results are kept by value and box.
#include "compiler/kernel/evaluate/Interpreter.h"

#include "compiler/kernel/Elements.h"
#include "compiler/kernel/Roundings.h"
#include "compiler/kernel/evaluate/Reduce.h"
#include "compiler/kernel/evaluate/Scalar.h"
#include "compiler/support/Error.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tgc::kernel;
using namespace tgc::kernel::evaluator;

void RowConditions::add(AffineExpr expr, bool equality, ArrayRef<unsigned> axes, const Box &box) {
  auto [low, high] = boundsOf(expr, axes, box);
  if (equality ? low == 0 && high == 0 : low >= 0)
    return;
  if (equality ? low > 0 || high < 0 : high < 0)
    never_ = true;
  functions_.emplace_back(IndexFunction(expr, axes, box), equality);
}

void RowConditions::add(IntegerSet set, ArrayRef<unsigned> axes, const Box &box) {
  for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags()))
    add(expr, equality, axes, box);
}

void RowConditions::row(ArrayRef<int64_t> coordinates, std::optional<unsigned> axis, int64_t length,
                        char *holds) {
  if (never_) {
    std::fill_n(holds, length, 0);
    return;
  }
  values_.resize(length);
  for (auto &[function, equality] : functions_) {
    function.row(coordinates, axis, length, values_.data());
    for (int64_t i = 0; i < length; ++i)
      holds[i] &= equality ? values_[i] == 0 : values_[i] >= 0;
  }
}

namespace {

std::optional<unsigned> innerAxis(const Tensor &tensor) {
  if (tensor.axes.empty())
    return std::nullopt;
  return tensor.axes.back();
}

Cell cellOf(Attribute attribute) {
  if (auto real = dyn_cast<FloatAttr>(attribute))
    return Cell::ofReal(real.getValueAsDouble());
  auto integer = cast<IntegerAttr>(attribute);
  return Cell::ofInteger(wrapTo(integer.getValue().getSExtValue(), integer.getType()));
}

Cell readCell(const char *bytes, Type type) {
  return isa<FloatType>(type) ? Cell::ofReal(readReal(bytes, type))
                              : Cell::ofInteger(readInteger(bytes, type));
}

} // namespace

AffineExpr tgc::kernel::evaluator::elementOffset(MemRefType type, AffineMap map) {
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(type, strides, offset)))
    internalError("a buffer without strides");
  AffineExpr sum = getAffineConstantExpr(offset, map.getContext());
  for (auto [expr, stride] : llvm::zip(map.getResults(), strides))
    sum = sum + expr * stride;
  return sum;
}

Interpreter::Interpreter(FuncOp func, ArrayRef<Bytes> buffers, bool scales)
    : func_(func), buffers_(buffers.begin(), buffers.end()), scales_(scales), sets_(func),
      kept_(keptRoundings(func)) {
  if (buffers.size() != func.getNumBuffers())
    badInput("kernel {} has {} buffers, {} were given", func.getSymName().str(), func.getNumBuffers(),
             buffers.size());
  for (BlockArgument argument : func.getBuffers()) {
    bool loaded = llvm::any_of(argument.getUsers(), [](Operation *user) { return !isa<StoreOp>(user); });
    int64_t bytes = bufferBytes(cast<MemRefType>(argument.getType()));
    if (llvm::any_of(argument.getUsers(), [](Operation *user) { return isa<StoreOp>(user); }))
      widest_ = std::max(widest_, toleranceOf(cast<MemRefType>(argument.getType()).getElementType()).ofScale);
    if (loaded && int64_t(buffers_[argument.getArgNumber()].size()) < bytes)
      badInput("kernel {}: buffer {} needs {} bytes, {} were given", func.getSymName().str(),
               argument.getArgNumber(), bytes, buffers_[argument.getArgNumber()].size());
  }
}

Box Interpreter::wholeBox() const {
  ArrayRef<int64_t> extents = FuncOp(func_).getExtents();
  return {SmallVector<int64_t>(extents.size(), 0), SmallVector<int64_t>(extents)};
}

Box Interpreter::widened(const Box &box, ArrayRef<unsigned> axes) {
  Box wide = box;
  for (unsigned axis : axes) {
    wide.low[axis] = 0;
    wide.size[axis] = func_.getExtents()[axis];
  }
  return wide;
}

SmallVector<unsigned> Interpreter::axesOf(ValueRange axes) {
  return llvm::map_to_vector(axes, [&](Value axis) { return func_.axisIndex(axis); });
}

Interpreter::Key Interpreter::keyOf(Value value, const Box &box) {
  Key key{value.getAsOpaquePointer(), {}};
  for (unsigned axis : sets_.of(value).set_bits()) {
    key.box.push_back(box.low[axis]);
    key.box.push_back(box.size[axis]);
  }
  return key;
}

Interpreter::TensorPtr Interpreter::value(Value value, const Box &box) {
  Key key = keyOf(value, box);
  if (auto known = cache_.find(key); known != cache_.end())
    return known->second;
  Operation *op = value.getDefiningOp();
  SmallVector<std::shared_ptr<Tensor>> results;
  for (Value result : op->getResults())
    results.push_back(std::make_shared<Tensor>(sets_.of(result), box));
  compute(op, box, results);
  for (auto [result, tensor] : llvm::zip(op->getResults(), results)) {
    heldCells_ += tensor->cells.size();
    cache_[keyOf(result, box)] = tensor;
  }
  return cache_[key];
}

int64_t Interpreter::cellsFor(Value value, const Box &box) {
  // Which axes are widened on the way to each value.
  DenseMap<Value, llvm::SmallBitVector> whole;
  whole[value] = llvm::SmallBitVector(func_.getNumAxes());
  int64_t total = 0;
  for (Operation &op : llvm::reverse(*func_.getBlock()))
    for (Value result : op.getResults()) {
      auto needed = whole.find(result);
      if (needed == whole.end())
        continue;
      llvm::SmallBitVector wide = needed->second;
      int64_t cells = 1;
      for (unsigned axis : sets_.of(result).set_bits())
        cells *= wide.test(axis) ? func_.getExtents()[axis] : box.size[axis];
      total += cells;
      for (Value axis : reducedAxes(&op))
        wide.set(func_.axisIndex(axis));
      if (auto remap = dyn_cast<RemapOp>(op))
        wide.set(func_.axisIndex(remap.getAxis()));
      for (Value operand : op.getOperands()) {
        if (!operand.getDefiningOp())
          continue;
        auto [entry, fresh] = whole.try_emplace(operand, wide);
        if (!fresh)
          entry->second |= wide;
      }
    }
  return total;
}

void Interpreter::forgetParts(const llvm::SmallBitVector &axes) {
  for (auto entry = cache_.begin(); entry != cache_.end();) {
    const Tensor &tensor = *entry->second;
    bool part = false;
    for (auto [axis, size] : llvm::zip(tensor.axes, tensor.size))
      part |= axes.test(axis) && size != func_.getExtents()[axis];
    if (part)
      heldCells_ -= tensor.cells.size();
    entry = part ? cache_.erase(entry) : std::next(entry);
  }
}

void Interpreter::forgetAll() {
  cache_.clear();
  heldCells_ = 0;
}

void Interpreter::compute(Operation *op, const Box &box, MutableArrayRef<std::shared_ptr<Tensor>> results) {
  Tensor &result = *results[0];
  SmallVector<unsigned> over = axesOf(reducedAxes(op));
  Box wide = widened(box, over);
  Type type = op->getResult(0).getType();
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](LoadOp load) { this->load(load, box, result); })
      .Case([&](GatherOp gather) { this->gather(gather, box, result); })
      .Case([&](CoordOp coord) { this->coord(coord, box, result); })
      .Case([&](TestOp test) { this->test(test, box, result); })
      .Case([&](RemapOp remap) { this->remap(remap, box, result); })
      .Case([&](ContractOp contract) {
        evaluator::contract(*value(contract.getLhs(), wide), *value(contract.getRhs(), wide), over, wide,
                            scales_, type, result);
        // What operands with 10 bits cost, in units of the tolerance of sums in f32.
        if (contract.getTf32())
          for (evaluator::Cell &cell : result.cells)
            cell.scale *= 0x1p10;
      })
      .Case([&](ReduceOp reduce) {
        evaluator::reduce(*value(reduce.getSource(), wide), reduce.getKind(), reduce.getIsUnsigned(), over,
                          wide, reduce.getSource().getType(), type, result);
      })
      .Case([&](MomentsOp moments) {
        evaluator::moments(*value(moments.getSource(), wide), over, result, *results[1]);
      })
      .Case([&](SoftmaxOp softmax) {
        TensorPtr source = value(softmax.getWeights(), wide);
        llvm::SmallBitVector set = sets_.of(softmax.getWeights());
        for (unsigned axis : over)
          set.set(axis);
        Tensor weights(set, wide);
        softmaxWeights(*source, over, weights);
        evaluator::contract(weights, *value(softmax.getValues(), wide), over, wide, scales_, type, result);
      })
      .Case([&](arith::ConstantOp constant) { result.cells[0] = cellOf(constant.getValue()); })
      .Default([&](Operation *other) { elementwise(other, box, result); });
}

void Interpreter::load(LoadOp op, const Box &box, Tensor &result) {
  SmallVector<unsigned> axes = axesOf(op.getAxes());
  Type type = op.getResult().getType();
  int64_t bytes = elementBytes(type), length = result.rowLength();
  std::optional<unsigned> inner = innerAxis(result);
  struct Piece {
    IndexFunction offset;
    RowConditions conditions;
    const char *base;
  };
  std::vector<Piece> pieces;
  for (unsigned i = 0; i < op.getNumPieces(); ++i) {
    auto buffer = cast<BlockArgument>(op.getBuffers()[i]);
    auto bufferType = cast<MemRefType>(buffer.getType());
    AffineMap map = op.getMap(i);
    Piece &piece = pieces.emplace_back(Piece{IndexFunction(elementOffset(bufferType, map), axes, box),
                                             {},
                                             buffers_[buffer.getArgNumber()].data()});
    piece.conditions.add(op.getCondition(i), axes, box);
    for (auto [expr, size] : llvm::zip(map.getResults(), bufferType.getShape())) {
      piece.conditions.add(expr, false, axes, box);
      piece.conditions.add(size - 1 - expr, false, axes, box);
    }
  }
  std::vector<int64_t> offsets(length);
  std::vector<char> holds(length), done(length);
  forEachRow(result, [&](ArrayRef<int64_t> coordinates, int64_t first) {
    Cell *out = result.cells.data() + first;
    if (pieces.size() == 1 && pieces[0].conditions.always()) {
      pieces[0].offset.row(coordinates, inner, length, offsets.data());
      for (int64_t i = 0; i < length; ++i)
        out[i] = readCell(pieces[0].base + offsets[i] * bytes, type);
      return;
    }
    std::fill(done.begin(), done.end(), 0);
    for (Piece &piece : pieces) {
      for (int64_t i = 0; i < length; ++i)
        holds[i] = !done[i];
      piece.conditions.row(coordinates, inner, length, holds.data());
      piece.offset.row(coordinates, inner, length, offsets.data());
      for (int64_t i = 0; i < length; ++i)
        if (holds[i]) {
          out[i] = readCell(piece.base + offsets[i] * bytes, type);
          done[i] = 1;
        }
    }
    for (int64_t i = 0; i < length; ++i)
      if (!done[i]) {
        if (!op.getFill())
          internalError("kernel {}: a load without an else value leaves its buffer",
                        func_.getSymName().str());
        out[i] = cellOf(*op.getFill());
      }
  });
}

void Interpreter::gather(GatherOp op, const Box &box, Tensor &result) {
  SmallVector<unsigned> axes = axesOf(op.getAxes());
  auto buffer = cast<BlockArgument>(op.getBuffer());
  auto bufferType = cast<MemRefType>(buffer.getType());
  SmallVector<int64_t> strides;
  int64_t base = 0;
  if (failed(getStridesAndOffset(bufferType, strides, base)))
    internalError("a buffer without strides");
  IndexFunction offset(elementOffset(bufferType, op.getMap()), axes, box);
  RowConditions inside;
  for (auto [i, expr] : llvm::enumerate(op.getMap().getResults())) {
    inside.add(expr, false, axes, box);
    inside.add(bufferType.getDimSize(i) - 1 - expr, false, axes, box);
  }
  TensorPtr index = value(op.getIndex(), box);
  Type type = op.getResult().getType();
  int64_t bytes = elementBytes(type), length = result.rowLength(), size = bufferType.getDimSize(op.getDim());
  const char *data = buffers_[buffer.getArgNumber()].data();
  std::optional<unsigned> inner = innerAxis(result);
  std::vector<int64_t> offsets(length);
  std::vector<char> holds(length);
  forEachRow(result, [&](ArrayRef<int64_t> coordinates, int64_t first) {
    offset.row(coordinates, inner, length, offsets.data());
    std::fill(holds.begin(), holds.end(), 1);
    inside.row(coordinates, inner, length, holds.data());
    int64_t at = cellAt(*index, coordinates), step = index->stepAlong(result);
    for (int64_t i = 0; i < length; ++i, at += step) {
      int64_t chosen = index->cells[at].integer;
      bool in = holds[i] && chosen >= 0 && chosen < size;
      result.cells[first + i] =
          in ? readCell(data + (offsets[i] + chosen * strides[op.getDim()]) * bytes, type)
             : cellOf(op.getFill());
    }
  });
}

void Interpreter::coord(CoordOp op, const Box &box, Tensor &result) {
  IndexFunction function(op.getMap().getResult(0), axesOf(op.getAxes()), box);
  Type type = op.getResult().getType();
  std::vector<int64_t> values(result.rowLength());
  forEachRow(result, [&](ArrayRef<int64_t> coordinates, int64_t first) {
    function.row(coordinates, innerAxis(result), result.rowLength(), values.data());
    for (int64_t i = 0; i < result.rowLength(); ++i)
      result.cells[first + i] = Cell::ofInteger(wrapTo(values[i], type));
  });
}

void Interpreter::test(TestOp op, const Box &box, Tensor &result) {
  RowConditions conditions;
  conditions.add(op.getCondition(), axesOf(op.getAxes()), box);
  std::vector<char> holds(result.rowLength());
  forEachRow(result, [&](ArrayRef<int64_t> coordinates, int64_t first) {
    std::fill(holds.begin(), holds.end(), 1);
    conditions.row(coordinates, innerAxis(result), result.rowLength(), holds.data());
    for (int64_t i = 0; i < result.rowLength(); ++i)
      result.cells[first + i] = Cell::ofInteger(holds[i]);
  });
}

void Interpreter::remap(RemapOp op, const Box &box, Tensor &result) {
  unsigned axis = func_.axisIndex(op.getAxis());
  SmallVector<unsigned> axes = axesOf(op.getAxes());
  AffineExpr expr = op.getMap().getResult(0);
  auto [low, high] = boundsOf(expr, axes, box);
  low = std::max<int64_t>(low, 0);
  high = std::min<int64_t>(high, func_.getExtents()[axis] - 1);
  Box moved = box;
  moved.low[axis] = low;
  moved.size[axis] = high - low + 1;
  TensorPtr source = value(op.getSource(), moved);
  IndexFunction function(expr, axes, box);
  int64_t stride = source->stride[axis], length = result.rowLength();
  // Along a row the source moves by its own step, unless the row runs along the axis that is replaced.
  std::optional<unsigned> inner = innerAxis(result);
  int64_t step = inner && *inner != axis ? source->stride[*inner] : 0;
  std::vector<int64_t> positions(length);
  forEachRow(result, [&](ArrayRef<int64_t> coordinates, int64_t first) {
    function.row(coordinates, inner, length, positions.data());
    SmallVector<int64_t> at(coordinates);
    at[axis] = low;
    int64_t start = cellAt(*source, at);
    for (int64_t i = 0; i < length; ++i) {
      if (positions[i] < low || positions[i] > high)
        internalError("kernel {}: a remap leaves its axis", func_.getSymName().str());
      result.cells[first + i] = source->cells[start + i * step + (positions[i] - low) * stride];
    }
  });
}

void Interpreter::elementwise(Operation *op, const Box &box, Tensor &result) {
  RowFunction function = rowFunction(op);
  if (!function || op->getNumResults() != 1 || op->getNumOperands() > 3)
    unsupported("the evaluator has no operation {}", op->getName().getStringRef().str());
  ScalarContext context = scalarContext(op);
  if (context.rounding != 0)
    context.rounding = std::min(1.0, toleranceOf(context.operandType).ofScale / widest_);
  SmallVector<TensorPtr, 3> operands;
  for (Value operand : op->getOperands())
    operands.push_back(value(operand, box));
  SmallVector<int64_t, 3> steps;
  for (const TensorPtr &operand : operands)
    steps.push_back(operand->stepAlong(result));
  bool rounds = kept_.contains(op);
  forEachRow(result, [&](ArrayRef<int64_t> coordinates, int64_t first) {
    const Cell *in[3];
    for (auto [i, operand] : llvm::enumerate(operands))
      in[i] = operand->cells.data() + cellAt(*operand, coordinates);
    Cell *out = result.cells.data() + first;
    function(result.rowLength(), in, steps.data(), out, context);
    if (rounds)
      for (int64_t i = 0; i < result.rowLength(); ++i)
        out[i].real = roundTo(out[i].real, context.resultType);
  });
}
