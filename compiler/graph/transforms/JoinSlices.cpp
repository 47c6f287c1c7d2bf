// Input: a tensor whose only readers are slices along one dimension that cover it, each read by one element-wise
// operation, all of them equal: the biases and casts behind merged projections. Output: that operation on the whole
// tensor, and slices of its result.
//
// 1. For each tensor the slices are sorted; they must follow each other from 0 to the tensor's extent.
// 2. Each slice's reader is taken, and its other operands: equal constants, or views of weights which all depend on
//    the sliced dimension in the same way, so that the weights can be laid side by side.
// 3. The operation is made on the whole tensor; its result is tried next.
#include "compiler/affine/Ranges.h"
#include "compiler/graph/transforms/Movement.h"
#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace tgc::graph {
namespace {

struct Slice {
  ViewOp view;
  int64_t start;
  Operation *reader = nullptr;
};

/// Where a view starts along the one dimension it slices; nothing if it is no slice.
std::optional<int64_t> sliceStart(ViewOp view, std::optional<unsigned> &dim) {
  ArrayRef<int64_t> shape = shapeOf(view.getResult()), source = shapeOf(view.getSource());
  if (view.getFill() || shape.size() != source.size())
    return std::nullopt;
  int64_t start = 0;
  for (auto [i, expr] : llvm::enumerate(view.getMap().getResults())) {
    AffineExpr offset = affine::simplify(expr - getAffineDimExpr(i, view.getContext()), shape);
    auto constant = dyn_cast<AffineConstantExpr>(offset);
    if (!constant)
      return std::nullopt;
    if (shape[i] == source[i])
      continue;
    if (dim && *dim != i)
      return std::nullopt;
    dim = i;
    start = constant.getValue();
  }
  return dim ? std::optional<int64_t>(start) : std::nullopt;
}

class Joiner {
public:
  explicit Joiner(func::FuncOp function) : function(function) {}

  void run() {
    // What a join erases stands behind the value it started from, so the walk stays valid.
    for (Operation *op = &function.getBody().front().front(); op; op = op->getNextNode())
      if (op->getNumResults() == 1 && op->getNumOperands() > 0)
        for (Value value = op->getResult(0); value;)
          value = join(value);
  }

private:
  /// The joined result, null if `value` has no such readers.
  Value join(Value value) {
    std::optional<unsigned> dim;
    SmallVector<Slice> slices;
    for (Operation *user : value.getUsers()) {
      auto view = dyn_cast<ViewOp>(user);
      auto start = view ? sliceStart(view, dim) : std::nullopt;
      if (!start || !view->hasOneUse())
        return {};
      Operation *reader = *view->user_begin();
      if (!isElementwise(reader))
        return {};
      slices.push_back({view, *start, reader});
    }
    if (slices.size() < 2)
      return {};
    llvm::sort(slices, [](const Slice &a, const Slice &b) { return a.start < b.start; });
    int64_t at = 0;
    for (Slice &slice : slices) {
      if (slice.start != at)
        return {};
      at += shapeOf(slice.view.getResult())[*dim];
    }
    return at == shapeOf(value)[*dim] ? joinReaders(value, *dim, slices) : Value();
  }

  static unsigned operandOf(const Slice &slice) { return slice.view->getUses().begin()->getOperandNumber(); }

  Value joinReaders(Value value, unsigned dim, ArrayRef<Slice> slices) {
    weightOnly.clear(); // operations come and go between joins
    Operation *first = slices[0].reader;
    for (const Slice &slice : slices)
      if (slice.reader->getName() != first->getName() || operandOf(slice) != operandOf(slices[0]) ||
          slice.reader->getPropertiesAsAttribute() != first->getPropertiesAsAttribute() ||
          elementOf(slice.reader->getResult(0)) != elementOf(first->getResult(0)))
        return {};
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    SmallVector<Value> operands;
    for (unsigned i = 0; i < first->getNumOperands(); ++i) {
      Value operand = i == operandOf(slices[0]) ? value : joinOperand(builder, value, dim, slices, i);
      if (!operand)
        return {};
      operands.push_back(operand);
    }
    SmallVector<Location> locations;
    for (const Slice &slice : slices)
      locations.push_back(slice.reader->getLoc());
    Value joined = buildElementwise(builder, first, operands);
    joined.getDefiningOp()->setLoc(FusedLoc::get(value.getContext(), locations));
    for (Slice slice : slices) {
      OpBuilder at(slice.reader);
      slice.reader->getResult(0).replaceAllUsesWith(
          buildView(at, slice.view->getLoc(), joined, slice.view.getMap(), shapeOf(slice.view.getResult())));
      slice.reader->erase();
      slice.view->erase();
    }
    return joined;
  }

  /// Operand i of all readers as one tensor in the shape of `value`; null if they do not go together.
  Value joinOperand(OpBuilder &builder, Value value, unsigned dim, ArrayRef<Slice> slices, unsigned i) {
    MLIRContext *context = builder.getContext();
    Value first = slices[0].reader->getOperand(i);
    if (TypedAttr splat = splatOf(first)) {
      for (const Slice &slice : slices)
        if (splatOf(slice.reader->getOperand(i)) != splat)
          return {};
      return buildSplat(builder, value.getLoc(), RankedTensorType::get(shapeOf(value), splat.getType()),
                        splat);
    }
    // Weights, each under the same map, which uses the sliced dimension as one whole dimension of theirs.
    AffineMap map;
    std::optional<unsigned> weightDim;
    Movement weights;
    SmallVector<int64_t> shape;
    int64_t total = 0;
    for (Slice slice : slices) {
      Value weight = slice.reader->getOperand(i);
      AffineMap own = AffineMap::getMultiDimIdentityMap(shapeOf(value).size(), context);
      if (auto view = weight.getDefiningOp<ViewOp>(); view && !view.getFill()) {
        own = view.getMap();
        weight = view.getSource();
      }
      if (!isWeightOnly(weight, weightOnly))
        return {};
      if (!map) {
        map = own;
        shape.assign(shapeOf(weight).begin(), shapeOf(weight).end());
        for (auto [d, expr] : llvm::enumerate(map.getResults()))
          if (expr.isFunctionOfDim(dim)) {
            if (weightDim || expr != getAffineDimExpr(dim, context))
              return {};
            weightDim = d;
          }
        if (!weightDim)
          return {};
      }
      int64_t extent = shapeOf(slice.view.getResult())[dim];
      SmallVector<int64_t> expected(shape);
      expected[*weightDim] = extent;
      if (own != map || shapeOf(weight) != ArrayRef<int64_t>(expected))
        return {};
      AffineExpr at = getAffineDimExpr(*weightDim, context);
      SmallVector<AffineExpr> index(AffineMap::getMultiDimIdentityMap(shape.size(), context).getResults());
      index[*weightDim] = at - total;
      IntegerSet where =
          IntegerSet::get(shape.size(), 0, {at - total, total + extent - 1 - at}, {false, false});
      weights.pieces.push_back({weight, AffineMap::get(shape.size(), 0, index, context), where});
      total += extent;
    }
    shape[*weightDim] = total;
    for (const Piece &piece : weights.pieces)
      hoist(piece.source, value);
    Value joined =
        buildMovement(builder, value.getLoc(), RankedTensorType::get(shape, elementOf(first)), weights);
    return buildView(builder, value.getLoc(), joined, map, shapeOf(value));
  }

  /// Moves what `weight` is computed from before the operation that defines `value`.
  static void hoist(Value weight, Value value) {
    Operation *op = weight.getDefiningOp(), *point = value.getDefiningOp();
    if (!op || op->isBeforeInBlock(point))
      return;
    for (Value operand : op->getOperands())
      hoist(operand, value);
    op->moveBefore(point);
  }

  func::FuncOp function;
  llvm::DenseMap<Value, bool> weightOnly;
};

class JoinSlicesPass : public PassWrapper<JoinSlicesPass, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(JoinSlicesPass)
  StringRef getArgument() const final { return "tgc-join-slices"; }
  StringRef getDescription() const final { return "Join equal operations on all slices of a tensor"; }
  void runOnOperation() final { Joiner(getOperation()).run(); }
};

} // namespace

std::unique_ptr<Pass> createJoinSlicesPass() { return std::make_unique<JoinSlicesPass>(); }

} // namespace tgc::graph
