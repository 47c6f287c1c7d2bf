// The evaluator's entry points for one kernel.
//
// Everywhere: each store's domain is halved along axes, preferring those that cut the work's memory most,
// until a part fits a budget; values that do not depend on the cut axes are kept from part to part. At
// samples: the store's map is inverted, and the value is evaluated for that one point of its axes; parts of the
// samples by threads of their own.
#include "compiler/kernel/Evaluate.h"

#include "compiler/affine/Ranges.h"
#include "compiler/kernel/evaluate/Interpreter.h"
#include "compiler/kernel/evaluate/StoreEvaluation.h"
#include "mlir/IR/Threading.h"

#include <cmath>

using namespace mlir;
using namespace tgc::kernel;
using namespace tgc::kernel::evaluator;

namespace {

constexpr int64_t cellBudget = int64_t(1) << 24; // 256 MB
constexpr int64_t cacheBudget = int64_t(1) << 25;

Reference toReference(const Cell &cell, bool real) {
  Reference reference;
  reference.stored = true;
  reference.value = real ? cell.real : double(cell.integer);
  reference.integer = real ? 0 : cell.integer;
  reference.scale = real ? cell.scale : 0;
  return reference;
}

/// The part of all coordinates that the store's condition leaves; nothing if that is empty.
std::optional<Box> domainOf(FuncOp func, StoreOp store, Interpreter &interpreter) {
  Box box = interpreter.wholeBox();
  SmallVector<unsigned> axes = interpreter.axesOf(store.getAxes());
  SmallVector<int64_t> extents;
  for (unsigned axis : axes)
    extents.push_back(func.getExtents()[axis]);
  for (auto [axis, range] : llvm::zip(axes, tgc::affine::dimRanges(store.getCondition(), extents))) {
    if (range.min > range.max)
      return std::nullopt;
    box.low[axis] = range.min;
    box.size[axis] = range.max - range.min + 1;
  }
  return box;
}

/// One store's domain, walked part by part.
class StoreWalk {
public:
  StoreWalk(FuncOp func, StoreOp store, Interpreter &interpreter,
            llvm::function_ref<void(const Tensor &, const Box &)> visit)
      : store_(store), interpreter_(interpreter), visit_(visit), axes_(interpreter.axisSets().of(store)),
        cut_(func.getNumAxes()) {}

  void run(const Box &box) {
    int64_t cells = interpreter_.cellsFor(store_.getValue(), box);
    if (cells > cellBudget)
      if (std::optional<unsigned> axis = bestCut(box)) {
        cut_.set(*axis);
        Box half = box;
        half.size[*axis] = box.size[*axis] / 2;
        run(half);
        half.low[*axis] += half.size[*axis];
        half.size[*axis] = box.size[*axis] - half.size[*axis];
        run(half);
        return;
      }
    visit_(*interpreter_.value(store_.getValue(), box), box);
    interpreter_.forgetParts(cut_);
    if (interpreter_.heldCells() > cacheBudget)
      interpreter_.forgetAll();
  }

private:
  std::optional<unsigned> bestCut(const Box &box) {
    std::optional<unsigned> best;
    int64_t least = 0;
    for (unsigned axis : axes_.set_bits()) {
      if (box.size[axis] < 2)
        continue;
      Box half = box;
      half.size[axis] = (box.size[axis] + 1) / 2;
      int64_t cells = interpreter_.cellsFor(store_.getValue(), half);
      if (!best || cells < least) {
        best = axis;
        least = cells;
      }
    }
    return best;
  }

  StoreOp store_;
  Interpreter &interpreter_;
  llvm::function_ref<void(const Tensor &, const Box &)> visit_;
  llvm::SmallBitVector axes_, cut_;
};

/// The row-major number of the element that a map gives.
AffineExpr logicalIndex(AffineMap map, ArrayRef<int64_t> shape) {
  AffineExpr sum = getAffineConstantExpr(0, map.getContext());
  for (auto [expr, size] : llvm::zip(map.getResults(), shape))
    sum = sum * size + expr;
  return sum;
}

} // namespace

void tgc::kernel::evaluator::forEachStored(
    FuncOp func, StoreOp store, Interpreter &interpreter, AffineExpr position,
    llvm::function_ref<void(int64_t position, const Cell &cell)> visit) {
  std::optional<Box> domain = domainOf(func, store, interpreter);
  if (!domain)
    return;
  SmallVector<unsigned> axes = interpreter.axesOf(store.getAxes());
  StoreWalk walk(func, store, interpreter, [&](const Tensor &values, const Box &box) {
    Tensor points(interpreter.axisSets().of(store), box);
    RowConditions conditions;
    conditions.add(store.getCondition(), axes, box);
    IndexFunction positions(position, axes, box);
    std::optional<unsigned> inner;
    if (!points.axes.empty())
      inner = points.axes.back();
    int64_t length = points.rowLength(), step = values.stepAlong(points);
    std::vector<int64_t> row(length);
    std::vector<char> holds(length);
    forEachRow(points, [&](ArrayRef<int64_t> coordinates, int64_t) {
      std::fill(holds.begin(), holds.end(), 1);
      conditions.row(coordinates, inner, length, holds.data());
      positions.row(coordinates, inner, length, row.data());
      int64_t at = cellAt(values, coordinates);
      for (int64_t i = 0; i < length; ++i)
        if (holds[i])
          visit(row[i], values.cells[at + i * step]);
    });
  });
  walk.run(*domain);
}

std::vector<StoredBuffer> tgc::kernel::evaluate(FuncOp func, ArrayRef<Bytes> buffers) {
  Interpreter interpreter(func, buffers, /*scales=*/true);
  std::vector<StoredBuffer> outputs;
  for (StoreOp store : func.getBlock()->getOps<StoreOp>()) {
    auto argument = cast<BlockArgument>(store.getBuffer());
    auto known = llvm::find_if(
        outputs, [&](const StoredBuffer &output) { return output.argument == argument.getArgNumber(); });
    if (known == outputs.end()) {
      auto type = cast<MemRefType>(argument.getType());
      outputs.push_back({argument.getArgNumber(), type, std::vector<Reference>(type.getNumElements())});
      known = std::prev(outputs.end());
    }
    StoredBuffer &output = *known;
    bool real = isa<FloatType>(store.getValue().getType());
    forEachStored(
        func, store, interpreter, logicalIndex(store.getMap(), output.type.getShape()),
        [&](int64_t position, const Cell &cell) { output.elements[position] = toReference(cell, real); });
  }
  llvm::sort(outputs, [](auto &a, auto &b) { return a.argument < b.argument; });
  return outputs;
}

namespace {

/// Finds the point of a store's axes that writes one element.
class StoreSolver {
public:
  StoreSolver(FuncOp func, StoreOp store, Interpreter &interpreter)
      : store_(store), axes_(interpreter.axesOf(store.getAxes())),
        domain_(domainOf(func, store, interpreter)) {
    SmallVector<int64_t> extents;
    for (unsigned axis : axes_)
      extents.push_back(func.getExtents()[axis]);
    inverse_ = tgc::affine::invert(store.getMap(), extents,
                                   cast<MemRefType>(store.getBuffer().getType()).getShape());
  }

  /// A box of one point, or nothing if the store does not write there.
  std::optional<Box> solve(ArrayRef<int64_t> coordinates) {
    if (!domain_)
      return std::nullopt;
    if (!inverse_)
      return search(*domain_, coordinates);
    Box target{SmallVector<int64_t>(coordinates), SmallVector<int64_t>(coordinates.size(), 1)};
    SmallVector<unsigned> identity = llvm::to_vector(llvm::seq<unsigned>(0, coordinates.size()));
    if (!holds(inverse_->domain, identity, target))
      return std::nullopt;
    Box box = *domain_;
    for (auto [axis, expr] : llvm::zip(axes_, inverse_->dims.getResults())) {
      box.low[axis] = boundsOf(expr, identity, target).first;
      box.size[axis] = 1;
    }
    if (!holds(store_.getCondition(), axes_, box))
      return std::nullopt;
    return box;
  }

private:
  /// Of a box of one point.
  static bool holds(IntegerSet set, ArrayRef<unsigned> axes, const Box &box) {
    RowConditions conditions;
    conditions.add(set, axes, box);
    return conditions.always();
  }

  /// Halves the box, dropping halves that cannot reach the element.
  std::optional<Box> search(const Box &box, ArrayRef<int64_t> coordinates) {
    for (auto [expr, coordinate] : llvm::zip(store_.getMap().getResults(), coordinates)) {
      auto [low, high] = boundsOf(expr, axes_, box);
      if (coordinate < low || coordinate > high)
        return std::nullopt;
    }
    std::optional<unsigned> widest;
    for (unsigned axis : axes_)
      if (box.size[axis] > 1 && (!widest || box.size[axis] > box.size[*widest]))
        widest = axis;
    if (!widest)
      return holds(store_.getCondition(), axes_, box) ? std::optional<Box>(box) : std::nullopt;
    Box half = box;
    half.size[*widest] /= 2;
    if (auto found = search(half, coordinates))
      return found;
    half.low[*widest] += half.size[*widest];
    half.size[*widest] = box.size[*widest] - half.size[*widest];
    return search(half, coordinates);
  }

  StoreOp store_;
  SmallVector<unsigned> axes_;
  std::optional<Box> domain_;
  std::optional<tgc::affine::Inverse> inverse_;
};

} // namespace

namespace {

/// Samples of one buffer may share what their values share.
void evaluateInTurn(FuncOp func, ArrayRef<Bytes> buffers, ArrayRef<Sample> samples,
                    MutableArrayRef<Reference> references) {
  Interpreter interpreter(func, buffers, /*scales=*/true);
  SmallVector<StoreOp> stores(func.getBlock()->getOps<StoreOp>());
  SmallVector<StoreSolver> solvers;
  for (StoreOp store : stores)
    solvers.emplace_back(func, store, interpreter);
  for (auto [sample, reference] : llvm::zip(samples, references)) {
    for (auto [store, solver] : llvm::zip(stores, solvers)) {
      if (cast<BlockArgument>(store.getBuffer()).getArgNumber() != sample.argument)
        continue;
      std::optional<Box> box = solver.solve(sample.coordinates);
      if (!box)
        continue;
      reference = toReference(interpreter.value(store.getValue(), *box)->cells[0],
                              isa<FloatType>(store.getValue().getType()));
      break;
    }
    if (interpreter.heldCells() > cacheBudget)
      interpreter.forgetAll();
  }
}

/// Cells behind one element, of the store that needs most.
int64_t cellsOfSample(FuncOp func, ArrayRef<Bytes> buffers) {
  Interpreter interpreter(func, buffers, /*scales=*/true);
  Box point = interpreter.wholeBox();
  point.size.assign(point.size.size(), 1);
  int64_t most = 1;
  for (StoreOp store : func.getBlock()->getOps<StoreOp>())
    most = std::max(most, interpreter.cellsFor(store.getValue(), point));
  return most;
}

} // namespace

std::vector<Reference> tgc::kernel::evaluateAt(FuncOp func, ArrayRef<Bytes> buffers,
                                               ArrayRef<Sample> samples) {
  std::vector<Reference> references(samples.size());
  MLIRContext *context = func.getContext();
  auto parts = std::min<size_t>({context->isMultithreadingEnabled() ? context->getNumThreads() : 1,
                                 samples.size(), size_t(4 * cellBudget / cellsOfSample(func, buffers)) + 1});
  std::vector<std::exception_ptr> failures(parts);
  // Neighbours stay together: they share most.
  parallelFor(context, 0, parts, [&](size_t part) {
    size_t begin = samples.size() * part / parts, end = samples.size() * (part + 1) / parts;
    try {
      evaluateInTurn(func, buffers, samples.slice(begin, end - begin),
                     MutableArrayRef(references).slice(begin, end - begin));
    } catch (...) {
      failures[part] = std::current_exception();
    }
  });
  for (const std::exception_ptr &failure : failures)
    if (failure)
      std::rethrow_exception(failure);
  return references;
}

Tolerance tgc::kernel::toleranceOf(Type type) {
  // A few roundings of the type itself; and, for what was summed, of the type that it was summed in: at best
  // f32, but a 16-bit result may have been rounded to its type on the way (the weights of a softmax).
  if (!isa<FloatType>(type))
    return {0, 0};
  if (type.isF64())
    return {1e-12, 1e-13};
  if (type.isF32())
    return {0x1p-18, 0x1p-19};
  if (type.isF16())
    return {0x1p-9, 0x1p-12};
  if (type.isBF16())
    return {0x1p-7, 0x1p-9};
  return {0x1p-2, 0x1p-5}; // 8 bits
}

bool tgc::kernel::agrees(double value, double reference, double scale, Type type) {
  if (std::isnan(reference) || std::isnan(value))
    return std::isnan(reference) && std::isnan(value);
  if (value == reference)
    return true;
  Tolerance tolerance = toleranceOf(type);
  double bound = tolerance.relative * std::abs(reference);
  if (std::isfinite(scale))
    bound += tolerance.ofScale * scale;
  if (std::isinf(reference) || std::isinf(value)) {
    // The last finite values round to infinity.
    auto real = dyn_cast<FloatType>(type);
    if (!real || std::signbit(reference) != std::signbit(value))
      return false;
    llvm::APFloat largest = llvm::APFloat::getLargest(real.getFloatSemantics());
    bool inexact;
    largest.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmTowardZero, &inexact);
    double finite = std::min(std::abs(reference), std::abs(value));
    return std::isinf(value) && std::isfinite(reference) && finite + bound >= largest.convertToDouble();
  }
  return std::abs(value - reference) <= bound;
}
