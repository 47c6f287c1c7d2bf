// Input and output: the graph stage. One greedy rewrite to a fixed point.
//
// 1. A view or piece of a view or piece becomes one: maps compose, domains are conjoined. A piece that many read is
//    left alone unless the reader sees one source only, or all its readers are views.
// 2. Movement of a constant is a constant; of coordinates, other coordinates; an identity vanishes.
// 3. Views without fill fold into the maps of contractions and gathers' indices.
// 4. An element-wise operation whose operands are equal views of equally shaped tensors, of as many or fewer
//    elements than the result, works on the tensors, and its result is viewed. A piece of tensors that are all
//    widened is widened itself. The rotation of pairs or halves, (-b, a) of (a, b), is one view of the pairs
//    exchanged, negated at every other place.
#include "compiler/affine/Ranges.h"
#include "compiler/graph/transforms/Movement.h"
#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tgc::graph {
namespace {

bool isMovement(Operation *op) { return op && isa<ViewOp, PieceOp>(op); }

IntegerSet composeSet(IntegerSet set, AffineMap map) {
  SmallVector<AffineExpr> exprs;
  for (AffineExpr expr : set.getConstraints())
    exprs.push_back(expr.replaceDims(map.getResults()));
  return IntegerSet::get(map.getNumDims(), 0, exprs, set.getEqFlags());
}

IntegerSet trueSet(AffineMap map) {
  return IntegerSet::get(map.getNumDims(), 0, getAffineConstantExpr(0, map.getContext()), true);
}

/// The outer piece with its source's own movement put in its place; false if the fills do not agree.
bool composePiece(Piece outer, bool last, bool total, Movement &result, ArrayRef<int64_t> shape) {
  Movement inner = movementOf(outer.source.getDefiningOp());
  if (inner.fill) {
    if (total)
      result.fill = inner.fill;
    else if (!last || result.fill != inner.fill)
      return false;
  }
  IntegerSet outerWhere = outer.where;
  if (!outerWhere)
    outerWhere = trueSet(outer.map);
  outerWhere = affine::withBounds(outerWhere, outer.map, shapeOf(outer.source), shape);
  for (Piece piece : inner.pieces) {
    IntegerSet where = outerWhere;
    if (piece.where)
      where = affine::conjoin(where, composeSet(piece.where, outer.map));
    result.pieces.push_back({piece.source, piece.map.compose(outer.map), where});
  }
  return true;
}

LogicalResult composeMovement(Operation *op, PatternRewriter &rewriter) {
  Movement movement = movementOf(op);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  bool any = false;
  Movement result;
  result.fill = movement.fill;
  for (auto [i, piece] : llvm::enumerate(movement.pieces)) {
    Operation *source = piece.source.getDefiningOp();
    bool last = i + 1 == movement.pieces.size();
    bool total = movement.pieces.size() == 1 && !movement.fill;
    bool composed = false;
    if (isMovement(source)) {
      Movement trial = result;
      composed = composePiece(piece, last, total, trial, type.getShape());
      bool enlarges = type.getNumElements() > cast<RankedTensorType>(piece.source.getType()).getNumElements();
      bool single = isa<ViewOp>(source) ||
                    (!enlarges &&
                     (piece.source.hasOneUse() ||
                      llvm::all_of(source->getUsers(), [](Operation *user) { return isa<ViewOp>(user); })));
      if (composed && !single) {
        // Only worth it if the reader sees one of the sources.
        Movement alone;
        alone.fill = trial.fill;
        alone.pieces.assign(trial.pieces.begin() + result.pieces.size(), trial.pieces.end());
        composed = normalised(alone, type.getShape()).pieces.size() <= 1;
      }
      if (composed)
        result = std::move(trial);
    }
    if (!composed)
      result.pieces.push_back(piece);
    any |= composed;
  }
  if (!any)
    return failure();
  rewriter.replaceOp(op, buildMovement(rewriter, op->getLoc(), type, result));
  return success();
}

/// Steps 1 and 2 on one operation.
template <typename OpT>
struct Compose : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    return composeMovement(op, rewriter);
  }
};

/// Simplifies a movement alone: fewer pieces, no fill, the source itself.
template <typename OpT>
struct Simplify : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Movement before = movementOf(op);
    // All sources one constant: the result is it wherever something applies.
    TypedAttr value = before.fill ? before.fill : splatOf(before.pieces.front().source);
    if (value &&
        llvm::all_of(before.pieces, [&](const Piece &piece) { return splatOf(piece.source) == value; })) {
      rewriter.replaceOp(op, buildSplat(rewriter, op.getLoc(), type, value));
      return success();
    }
    Movement after = normalised(before, type.getShape());
    bool identity = after.pieces.size() == 1 && !after.fill &&
                    isIdentityMap(after.pieces[0].map, type.getShape(), shapeOf(after.pieces[0].source));
    if (!identity && after.pieces.size() == before.pieces.size() && after.fill == before.fill &&
        (isa<ViewOp>(op) || after.pieces.size() > 1)) {
      bool same = true;
      for (auto [a, b] : llvm::zip(after.pieces, before.pieces))
        same &= a.map == b.map;
      if (same)
        return failure();
    }
    rewriter.replaceOp(op, buildMovement(rewriter, op.getLoc(), type, after));
    return success();
  }
};

struct ViewOfCoord : OpRewritePattern<ViewOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ViewOp op, PatternRewriter &rewriter) const override {
    auto coord = op.getSource().getDefiningOp<CoordOp>();
    if (!coord || op.getFill())
      return failure();
    auto type = cast<RankedTensorType>(op.getResult().getType());
    AffineMap map = affine::simplify(coord.getMap().compose(op.getMap()), type.getShape());
    rewriter.replaceOpWithNewOp<CoordOp>(op, type, AffineMapAttr::get(map));
    return success();
  }
};

struct FoldIntoContract : OpRewritePattern<ContractOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ContractOp op, PatternRewriter &rewriter) const override {
    bool any = false;
    auto fold = [&](Value operand, AffineMap map) -> std::pair<Value, AffineMap> {
      auto view = operand.getDefiningOp<ViewOp>();
      if (!view || view.getFill())
        return {operand, map};
      any = true;
      return {view.getSource(), affine::simplify(view.getMap().compose(map), op.getExtents())};
    };
    auto [lhs, lhsMap] = fold(op.getLhs(), op.getLhsMap());
    auto [rhs, rhsMap] = fold(op.getRhs(), op.getRhsMap());
    if (!any)
      return failure();
    rewriter.replaceOpWithNewOp<ContractOp>(op, op.getType(), op.getKind(), lhs, rhs, op.getExtents(), lhsMap,
                                            rhsMap);
    return success();
  }
};

struct FoldIntoGather : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    auto view = op.getIndices().getDefiningOp<ViewOp>();
    if (!view || view.getFill())
      return failure();
    auto shape = shapeOf(op.getResult());
    AffineMap map = affine::simplify(view.getMap().compose(op.getIndexMap()), shape);
    rewriter.modifyOpInPlace(op, [&] {
      op.getIndicesMutable().assign(view.getSource());
      op.setIndexMapAttr(AffineMapAttr::get(map));
    });
    return success();
  }
};

/// Step 4.
struct PushBelowElementwise : RewritePattern {
  explicit PushBelowElementwise(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isElementwise(op))
      return failure();
    ViewOp first;
    for (Value operand : op->getOperands()) {
      if (splatOf(operand))
        continue;
      auto view = operand.getDefiningOp<ViewOp>();
      if (!view || view.getFill() ||
          (first &&
           (view.getMap() != first.getMap() || shapeOf(view.getSource()) != shapeOf(first.getSource()))))
        return failure();
      if (!first)
        first = view;
    }
    if (!first)
      return failure();
    ArrayRef<int64_t> shape = shapeOf(op->getResult(0)), source = shapeOf(first.getSource());
    if (ShapedType::getNumElements(source) > ShapedType::getNumElements(shape))
      return failure();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (TypedAttr splat = splatOf(operand))
        operands.push_back(
            buildSplat(rewriter, operand.getLoc(), RankedTensorType::get(source, splat.getType()), splat));
      else
        operands.push_back(operand.getDefiningOp<ViewOp>().getSource());
    }
    Value value = buildElementwise(rewriter, op, operands);
    rewriter.replaceOp(op, buildView(rewriter, op->getLoc(), value, first.getMap(), shape));
    return success();
  }
};

/// A piece of widened tensors is the widened piece: the narrow one is what may be kept in memory.
struct PieceOfWidened : OpRewritePattern<PieceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PieceOp op, PatternRewriter &rewriter) const override {
    if (op.getFill())
      return failure();
    Type narrow;
    Movement movement = movementOf(op);
    for (Piece &piece : movement.pieces) {
      auto widen = piece.source.getDefiningOp<arith::ExtFOp>();
      if (!widen || (narrow && elementOf(widen.getIn()) != narrow))
        return failure();
      narrow = elementOf(widen.getIn());
      piece.source = widen.getIn();
    }
    auto type = cast<RankedTensorType>(op.getType());
    Value joined =
        buildMovement(rewriter, op.getLoc(), RankedTensorType::get(type.getShape(), narrow), movement);
    rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, type, joined);
    return success();
  }
};

/// Two pieces of one source, one of them negated: one view, negated at the places of that piece.
struct PieceOfNegated : OpRewritePattern<PieceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PieceOp op, PatternRewriter &rewriter) const override {
    SmallVector<Piece> pieces = getPieces(op);
    if (op.getFill() || pieces.size() != 2)
      return failure();
    std::optional<unsigned> negated;
    for (auto [i, piece] : llvm::enumerate(pieces)) {
      if (auto negation = piece.source.getDefiningOp<arith::NegFOp>()) {
        if (negated)
          return failure();
        negated = i;
        piece.source = negation.getOperand();
      }
      if (auto view = piece.source.getDefiningOp<ViewOp>(); view && !view.getFill()) {
        piece.map = view.getMap().compose(piece.map);
        piece.source = view.getSource();
      }
    }
    auto type = cast<RankedTensorType>(op.getType());
    auto united = negated ? unite(pieces, type.getShape()) : std::nullopt;
    if (!united)
      return failure();
    Location loc = op.getLoc();
    Value value = buildView(rewriter, loc, pieces[0].source, united->map, type.getShape());
    Value negative = rewriter.create<arith::NegFOp>(loc, value);
    auto places = RankedTensorType::get(type.getShape(), rewriter.getI32Type());
    Value place = rewriter.create<CoordOp>(
        loc, places, AffineMapAttr::get(AffineMap::get(type.getRank(), 0, united->step)));
    Value which = buildSplat(rewriter, loc, places, rewriter.getI32IntegerAttr(*negated));
    Value there = rewriter.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, place, which);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, there, negative, value);
    return success();
  }
};

class ComposeViewsPass : public PassWrapper<ComposeViewsPass, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ComposeViewsPass)
  StringRef getArgument() const final { return "tgc-compose-views"; }
  StringRef getDescription() const final { return "Compose views and pieces, fold them into their readers"; }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<Compose<ViewOp>, Compose<PieceOp>, Simplify<ViewOp>, Simplify<PieceOp>, ViewOfCoord,
                 FoldIntoContract, FoldIntoGather, PushBelowElementwise, PieceOfWidened, PieceOfNegated>(
        &getContext());
    GreedyRewriteConfig config;
    config.useTopDownTraversal = true;
    config.maxIterations = 64;
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns), config))) {
      getOperation().emitError("views do not come to rest");
      signalPassFailure();
    }
  }
};

} // namespace

std::unique_ptr<Pass> createComposeViewsPass() { return std::make_unique<ComposeViewsPass>(); }

} // namespace tgc::graph
