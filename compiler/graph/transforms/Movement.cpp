#include "compiler/graph/transforms/Movement.h"

#include "compiler/affine/Ranges.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tgc::graph {

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }
Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

static IntegerSet everywhere(MLIRContext *context, unsigned dims) {
  return IntegerSet::get(dims, 0, getAffineConstantExpr(0, context), /*eqFlags=*/true);
}
static bool isEverywhere(IntegerSet set) {
  return !set || llvm::all_of(llvm::zip(set.getConstraints(), set.getEqFlags()), [](auto constraint) {
    return std::get<1>(constraint) && std::get<0>(constraint) == 0;
  });
}

Movement movementOf(Operation *op) { return {getPieces(op), getFill(op)}; }

bool isIdentityMap(AffineMap map, ArrayRef<int64_t> domain, ArrayRef<int64_t> source) {
  if (domain != source)
    return false;
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (domain[i] != 1 && (!dim || dim.getPosition() != i))
      return false;
  }
  return true;
}

/// The domain without what the piece's own bounds say.
static IntegerSet withoutBounds(const Piece &piece, ArrayRef<int64_t> source, ArrayRef<int64_t> shape) {
  SmallVector<AffineExpr> exprs;
  SmallVector<bool> equalities;
  for (auto [expr, equality] : llvm::zip(piece.where.getConstraints(), piece.where.getEqFlags())) {
    bool implied =
        !equality && llvm::any_of(llvm::zip(piece.map.getResults(), source), [&, e = expr](auto dim) {
          auto [index, extent] = dim;
          return e == index || e == affine::simplify(extent - 1 - index, shape);
        });
    if (implied)
      continue;
    exprs.push_back(expr);
    equalities.push_back(equality);
  }
  if (exprs.empty())
    return everywhere(piece.map.getContext(), shape.size());
  return IntegerSet::get(shape.size(), 0, exprs, equalities);
}

/// `expr` without its constant term, and that term; the sign is such that equal quantities look equal.
static std::pair<AffineExpr, int64_t> withoutConstant(AffineExpr expr, ArrayRef<int64_t> shape) {
  SmallVector<AffineExpr> origin(shape.size(), getAffineConstantExpr(0, expr.getContext()));
  auto constant = dyn_cast<AffineConstantExpr>(expr.replaceDims(origin));
  int64_t value = constant ? constant.getValue() : 0;
  return {affine::simplify(expr - value, shape), value};
}

namespace {
/// Values lowest … highest of one quantity.
struct Interval {
  int64_t lowest, highest;
};
} // namespace

/// The interval of `quantity` that a domain is; `quantity` is set by the first domain that has one.
static std::optional<Interval> intervalOf(IntegerSet where, AffineExpr &quantity, ArrayRef<int64_t> shape) {
  std::optional<Interval> interval;
  for (auto [expr, equality] : llvm::zip(where.getConstraints(), where.getEqFlags())) {
    auto [rest, constant] = withoutConstant(expr, shape);
    if (isa<AffineConstantExpr>(rest))
      continue;
    AffineExpr negative = affine::simplify(-rest, shape);
    // A quantity counts up: -d0 + 5 >= 0 bounds d0.
    if (!quantity)
      quantity = affine::rangeOf(rest, shape).min < 0 ? negative : rest;
    if (rest != quantity && negative != quantity)
      return std::nullopt;
    if (!interval) {
      affine::Range range = affine::rangeOf(quantity, shape);
      interval = Interval{range.min, range.max};
    }
    bool rising = rest == quantity;
    if (rising || equality)
      interval->lowest = std::max(interval->lowest, rising ? -constant : constant);
    if (!rising || equality)
      interval->highest = std::min(interval->highest, rising ? -constant : constant);
  }
  return interval;
}

std::optional<United> unite(SmallVector<Piece> pieces, ArrayRef<int64_t> shape) {
  if (pieces.size() < 2 || !pieces[0].where)
    return std::nullopt;
  AffineExpr quantity;
  SmallVector<Interval> intervals;
  for (Piece piece : pieces) {
    auto interval = piece.source == pieces[0].source && piece.where ? intervalOf(piece.where, quantity, shape)
                                                                    : std::nullopt;
    if (!interval)
      return std::nullopt;
    intervals.push_back(*interval);
  }
  affine::Range range = affine::rangeOf(quantity, shape);
  int64_t length = intervals[0].highest - intervals[0].lowest + 1, next = range.min;
  for (Interval interval : intervals) {
    if (interval.lowest != next || interval.highest - interval.lowest + 1 != length)
      return std::nullopt;
    next += length;
  }
  if (length < 1 || next != range.max + 1)
    return std::nullopt;
  AffineExpr step = affine::simplify((quantity - range.min).floorDiv(length), shape);
  SmallVector<AffineExpr> results;
  for (unsigned d = 0; d < pieces[0].map.getNumResults(); ++d) {
    AffineExpr first = pieces[0].map.getResult(d);
    int64_t moved = 0;
    for (auto [i, piece] : llvm::enumerate(pieces)) {
      auto offset = dyn_cast<AffineConstantExpr>(affine::simplify(piece.map.getResult(d) - first, shape));
      if (!offset || (i > 1 && offset.getValue() != moved * int64_t(i)))
        return std::nullopt;
      if (i == 1)
        moved = offset.getValue();
    }
    results.push_back(first + step * moved);
  }
  AffineMap map = AffineMap::get(shape.size(), 0, results, pieces[0].map.getContext());
  return United{affine::simplify(map, shape), step};
}

/// A dimension and a modulus that the domains of pieces test.
static std::optional<std::pair<unsigned, int64_t>> testedResidue(ArrayRef<Piece> pieces,
                                                                 ArrayRef<int64_t> shape) {
  constexpr int64_t kMostResidues = 8;
  std::optional<std::pair<unsigned, int64_t>> found;
  for (Piece piece : pieces) {
    if (!piece.where)
      continue;
    for (AffineExpr constraint : piece.where.getConstraints())
      constraint.walk([&](AffineExpr expr) {
        auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
        if (found || expr.getKind() != AffineExprKind::Mod)
          return;
        auto modulus = dyn_cast<AffineConstantExpr>(binary.getRHS());
        for (unsigned d = 0; modulus && d < shape.size(); ++d)
          if (binary.getLHS().isFunctionOfDim(d) && modulus.getValue() <= kMostResidues &&
              shape[d] % modulus.getValue() == 0)
            found = {d, modulus.getValue()};
      });
  }
  return found;
}

/// Pieces whose domains test a residue of one dimension, as one piece for each residue, where that decides which
/// piece applies everywhere: even and odd elements written into zeros one after the other.
static std::optional<SmallVector<Piece>> byResidue(ArrayRef<Piece> pieces, ArrayRef<int64_t> shape) {
  auto tested = pieces.size() > 1 ? testedResidue(pieces, shape) : std::nullopt;
  if (!tested)
    return std::nullopt;
  auto [dim, modulus] = *tested;
  MLIRContext *context = pieces[0].map.getContext();
  AffineExpr d = getAffineDimExpr(dim, context);
  SmallVector<int64_t> quotients(shape);
  quotients[dim] /= modulus;
  SmallVector<AffineExpr> there(AffineMap::getMultiDimIdentityMap(shape.size(), context).getResults());
  SmallVector<AffineExpr> back = there;
  back[dim] = d.floorDiv(modulus);
  SmallVector<Piece> result;
  for (int64_t residue = 0; residue < modulus; ++residue) {
    there[dim] = d * modulus + residue;
    bool chosen = false;
    for (Piece piece : pieces) {
      AffineMap map = piece.map.replaceDimsAndSymbols(there, {}, shape.size(), 0);
      IntegerSet where = piece.where ? piece.where.replaceDimsAndSymbols(there, {}, shape.size(), 0)
                                     : everywhere(context, shape.size());
      where = affine::withBounds(where, affine::simplify(map, quotients), shapeOf(piece.source), quotients);
      if (affine::neverHolds(where))
        continue;
      if (!isEverywhere(where))
        return std::nullopt;
      map = affine::simplify(map, quotients).replaceDimsAndSymbols(back, {}, shape.size(), 0);
      result.push_back({piece.source, affine::simplify(map, shape),
                        IntegerSet::get(shape.size(), 0, {d % modulus - residue}, {true})});
      chosen = true;
      break;
    }
    if (!chosen)
      return std::nullopt;
  }
  return result;
}

Movement normalised(Movement movement, ArrayRef<int64_t> shape) {
  if (auto pieces = byResidue(movement.pieces, shape))
    movement = {*pieces, {}};
  if (!movement.fill)
    if (auto united = unite(movement.pieces, shape))
      movement.pieces = {
          {movement.pieces[0].source, united->map, everywhere(united->map.getContext(), shape.size())}};
  Movement result;
  result.fill = movement.fill;
  bool covered = false;
  for (Piece piece : movement.pieces) {
    MLIRContext *context = piece.map.getContext();
    if (!piece.where)
      piece.where = everywhere(context, shape.size());
    piece.where = affine::simplify(piece.where, shape);
    if (affine::neverHolds(piece.where) || llvm::is_contained(shapeOf(piece.source), 0))
      continue;
    piece.map = affine::simplify(piece.map, shape);
    if (!isEverywhere(piece.where))
      piece.map = affine::simplifyGiven(piece.map, piece.where, shape);
    piece.where = withoutBounds(piece, shapeOf(piece.source), shape);
    bool inside = affine::alwaysInside(piece.map, shapeOf(piece.source), shape);
    result.pieces.push_back(piece);
    if ((covered = isEverywhere(piece.where) && inside))
      break;
  }
  if (covered)
    result.fill = {};
  if (result.fill || result.pieces.empty())
    return result;
  // Without a fill the pieces cover the result.
  const Piece &first = result.pieces.front();
  bool one = llvm::all_of(result.pieces, [&](const Piece &piece) {
    return piece.source == first.source && piece.map == first.map;
  });
  if (one) {
    result.pieces.truncate(1);
    result.pieces[0].where = everywhere(result.pieces[0].map.getContext(), shape.size());
  }
  return result;
}

Value buildView(OpBuilder &builder, Location loc, Value source, AffineMap map, ArrayRef<int64_t> shape) {
  map = affine::simplify(map, shape);
  if (isIdentityMap(map, shape, shapeOf(source)))
    return source;
  return builder.create<ViewOp>(loc, RankedTensorType::get(shape, elementOf(source)), source,
                                AffineMapAttr::get(map), IntegerSetAttr(), TypedAttr());
}

Value buildMovement(OpBuilder &builder, Location loc, RankedTensorType type, const Movement &given) {
  Movement movement = normalised(given, type.getShape());
  TypedAttr fill = movement.fill;
  if (movement.pieces.empty())
    return buildSplat(builder, loc, type, fill ? fill : builder.getZeroAttr(type.getElementType()));
  if (movement.pieces.size() == 1) {
    const Piece &piece = movement.pieces[0];
    if (!fill)
      return buildView(builder, loc, piece.source, piece.map, type.getShape());
    return builder.create<ViewOp>(
        loc, type, piece.source, AffineMapAttr::get(piece.map),
        isEverywhere(piece.where) ? IntegerSetAttr() : IntegerSetAttr::get(piece.where), fill);
  }
  SmallVector<Value> sources;
  SmallVector<Attribute> maps, wheres;
  for (const Piece &piece : movement.pieces) {
    sources.push_back(piece.source);
    maps.push_back(AffineMapAttr::get(piece.map));
    wheres.push_back(IntegerSetAttr::get(piece.where));
  }
  return builder.create<PieceOp>(loc, type, sources, builder.getArrayAttr(maps), builder.getArrayAttr(wheres),
                                 fill);
}

TypedAttr splatOf(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto splat = constant ? dyn_cast<SplatElementsAttr>(constant.getValue()) : SplatElementsAttr();
  return splat ? cast<TypedAttr>(splat.getSplatValue<Attribute>()) : TypedAttr();
}

Value buildSplat(OpBuilder &builder, Location loc, RankedTensorType type, TypedAttr value) {
  return builder.create<arith::ConstantOp>(loc,
                                           cast<TypedAttr>(DenseElementsAttr::get(type, Attribute(value))));
}

bool isElementwise(Operation *op) {
  return op->getNumResults() == 1 && op->getNumOperands() > 0 &&
         isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) &&
         isa<RankedTensorType>(op->getResult(0).getType());
}

Value buildElementwise(OpBuilder &builder, Operation *like, ValueRange operands) {
  auto type = RankedTensorType::get(shapeOf(operands.front()), elementOf(like->getResult(0)));
  OperationState state(like->getLoc(), like->getName(), operands, TypeRange(type));
  state.attributes = like->getDiscardableAttrDictionary();
  state.propertiesAttr = like->getPropertiesAsAttribute();
  return builder.create(state)->getResult(0);
}

bool isWeightOnly(Value value, llvm::DenseMap<Value, bool> &known) {
  if (auto it = known.find(value); it != known.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  bool result =
      op && llvm::all_of(op->getOperands(), [&](Value operand) { return isWeightOnly(operand, known); });
  return known[value] = result;
}

} // namespace tgc::graph
