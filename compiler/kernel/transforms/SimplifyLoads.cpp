#include "compiler/kernel/transforms/SimplifyLoads.h"

#include "compiler/affine/Ranges.h"
#include "compiler/kernel/transforms/Access.h"

using namespace mlir;

namespace tgc::kernel {
namespace {

struct Piece {
  Value buffer;
  AffineMap map;
  IntegerSet condition;

  ArrayRef<int64_t> shape() const { return cast<MemRefType>(buffer.getType()).getShape(); }
};

/// The points where the only constraint of a set fails, if it has just one and that is an inequality.
std::optional<AffineExpr> negated(IntegerSet set) {
  if (set.getNumConstraints() != 1 || set.isEq(0))
    return std::nullopt;
  return -set.getConstraint(0) - 1;
}

IntegerSet with(IntegerSet set, AffineExpr expr) {
  return affine::conjoin(set, IntegerSet::get(set.getNumDims(), 0, expr, /*eqFlags=*/false));
}

/// The union of two conditions that differ in one constraint and its opposite.
std::optional<IntegerSet> unite(IntegerSet a, IntegerSet b, ArrayRef<int64_t> extents) {
  if (a == b)
    return a;
  if (a.getNumConstraints() != b.getNumConstraints())
    return std::nullopt;
  std::optional<unsigned> different;
  for (unsigned i = 0; i < a.getNumConstraints(); ++i)
    if (a.getConstraint(i) != b.getConstraint(i) || a.isEq(i) != b.isEq(i)) {
      if (different)
        return std::nullopt;
      different = i;
    }
  if (a.isEq(*different) || b.isEq(*different))
    return std::nullopt;
  AffineExpr sum = affine::simplify(a.getConstraint(*different) + b.getConstraint(*different), extents);
  if (sum != getAffineConstantExpr(-1, a.getContext()))
    return std::nullopt;
  SmallVector<AffineExpr> exprs(a.getConstraints());
  SmallVector<bool> equalities(a.getEqFlags());
  exprs.erase(exprs.begin() + *different);
  equalities.erase(equalities.begin() + *different);
  return exprs.empty() ? alwaysTrue(a.getContext(), a.getNumDims())
                       : IntegerSet::get(a.getNumDims(), 0, exprs, equalities);
}

} // namespace

bool simplifyLoad(FuncOp func, LoadOp load, IntegerSet need) {
  ArrayRef<int64_t> extents = func.getExtents();
  Access access = accessOf(func, load);
  bool guarded = load.getFill().has_value();
  SmallVector<Piece> pieces;
  IntegerSet reached = need; // where no earlier piece has the value, as far as one set can say it
  for (unsigned i = 0; i < load.getNumPieces(); ++i) {
    Piece piece{load.getBuffers()[i], access.maps[i], access.conditions[i]};
    IntegerSet unbounded = alwaysTrue(func.getContext(), extents.size());
    IntegerSet inside = affine::withBounds(unbounded, piece.map, piece.shape(), extents);
    if (affine::neverHolds(
            affine::simplify(affine::conjoin(affine::conjoin(piece.condition, inside), reached), extents)))
      continue;
    piece.condition = affine::simplifyGiven(affine::simplify(piece.condition, extents),
                                            affine::conjoin(inside, need), extents);
    if (affine::neverHolds(piece.condition))
      continue;
    AffineMap map = affine::simplify(
        affine::simplifyGiven(piece.map, affine::conjoin(piece.condition, need), extents), extents);
    // Without an else value the index has to be inside everywhere, not only where the value is needed.
    piece.map = guarded || affine::alwaysInside(map, piece.shape(), extents)
                    ? map
                    : affine::simplify(piece.map, extents);
    if (!pieces.empty() && pieces.back().buffer == piece.buffer && pieces.back().map == piece.map)
      if (auto both = unite(pieces.back().condition, piece.condition, extents)) {
        pieces.back().condition = *both;
        piece = pieces.pop_back_val();
      }
    pieces.push_back(piece);
    bool wherever =
        isAlwaysTrue(affine::simplifyGiven(affine::withBounds(unbounded, piece.map, piece.shape(), extents),
                                           affine::conjoin(piece.condition, need), extents));
    if (!wherever)
      continue;
    if (isAlwaysTrue(piece.condition))
      break;
    if (auto rest = negated(piece.condition))
      reached = with(reached, *rest);
  }
  if (pieces.empty()) {
    if (!guarded)
      return false;
    OpBuilder builder(load);
    load.getResult().replaceAllUsesWith(builder.create<arith::ConstantOp>(load.getLoc(), *load.getFill()));
    load.erase();
    return true;
  }
  TypedAttr fill = load.getFill().value_or(nullptr);
  if (pieces.size() == 1 && isAlwaysTrue(pieces[0].condition) &&
      affine::alwaysInside(pieces[0].map, pieces[0].shape(), extents))
    fill = nullptr;
  SmallVector<Value> buffers;
  Access simple;
  for (const Piece &piece : pieces) {
    buffers.push_back(piece.buffer);
    simple.maps.push_back(piece.map);
    simple.conditions.push_back(piece.condition);
  }
  if (pieces.size() == load.getNumPieces() && fill == load.getFill().value_or(nullptr)) {
    if (simple == access && llvm::equal(buffers, load.getBuffers()))
      return false;
    load.getBuffersMutable().assign(buffers);
    setAccess(func, load, simple);
    return true;
  }
  replacePieces(load, buffers, simple, fill);
  return true;
}

} // namespace tgc::kernel
