// Input: a cluster, and which values are in memory. Output: a kernel.func.
//
// 1. The cluster's axes of more than one point become the kernel's first axes.
// 2. Each output is lowered at its placement and stored there.
// 3. lower(value, index): a value in memory is a load; a view changes the index, with a condition where it has a
//    fill; an element-wise operation lowers its operands at the same index; a contraction gets new axes for its
//    reduced dimensions; a reduction that the cluster owns runs over the cluster's own axes.
// 4. Pieces of values in memory become one load in pieces; of computed values, selects.
#include "compiler/cut/KernelWriter.h"

#include "compiler/affine/Ranges.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace tgc::graph;

namespace tgc::cut {
namespace {

/// One piece of a load: an element of a value in memory where the conditions hold.
struct LoadPiece {
  Value value;
  Exprs index;
  Conditions where;
};

class Writer {
public:
  Writer(OpBuilder &builder, Plan &plan, const Cluster &cluster,
         llvm::function_ref<MemRefType(Value)> bufferType)
      : builder(builder), plan(plan), cluster(cluster), bufferType(bufferType), context(plan.context()) {}

  WrittenKernel write(StringRef name) {
    OpBuilder::InsertionGuard guard(builder);
    func = builder.create<kernel::FuncOp>(locationOf(cluster, context), name);
    builder.setInsertionPointToEnd(func.getBlock());
    for (int64_t extent : cluster.axes) {
      extents.push_back(extent);
      axes.push_back(extent > 1 ? Value(func.addAxis("p" + std::to_string(func.getNumAxes()), extent))
                                : Value());
    }
    for (Value output : cluster.outputs) {
      const Placement &placement = cluster.placed.find(output)->second;
      Value value = lower(output, placement.index);
      Uses uses = use(placement.index, placement.where);
      auto store = builder.create<kernel::StoreOp>(nodeLoc(output), value, buffer(output, "y"), uses.axes,
                                                   uses.map, uses.set);
      (void)store;
    }
    return {func, values};
  }

private:
  struct Uses {
    SmallVector<Value> axes;
    AffineMap map;
    IntegerSet set;
    Exprs dims; ///< compression of our axis positions to positions in `axes`
  };

  /// The axes that expressions and conditions name, and both over these alone.
  Uses use(ArrayRef<AffineExpr> exprs, const Conditions &conditions) {
    llvm::SmallBitVector named(extents.size());
    auto note = [&](AffineExpr expr) {
      expr.walk([&](AffineExpr part) {
        if (auto dim = dyn_cast<AffineDimExpr>(part))
          named.set(dim.getPosition());
      });
    };
    llvm::for_each(exprs, note);
    llvm::for_each(conditions.exprs, note);
    Uses uses;
    for (unsigned i = 0; i < extents.size(); ++i) {
      bool used = named.test(i) && axes[i];
      uses.dims.push_back(used ? getAffineDimExpr(uses.axes.size(), context)
                               : getAffineConstantExpr(0, context));
      if (used)
        uses.axes.push_back(axes[i]);
    }
    uses.map = AffineMap::get(uses.axes.size(), 0, replaceDims(exprs, uses.dims), context);
    uses.set = conditions.replaced(uses.dims).toSet(context, uses.axes.size());
    return uses;
  }

  static Location nodeLoc(Value value) { return value.getLoc(); }

  Value buffer(Value value, StringRef prefix) {
    auto [it, added] = buffers.try_emplace(value);
    if (!added)
      return it->second;
    bool free = !cluster.prepare && plan.weightOnly.contains(value);
    std::string name = (prefix + Twine(values.size())).str();
    it->second = func.addBuffer(name, bufferType(value), free);
    values.push_back(value);
    return it->second;
  }

  AffineExpr newAxis(int64_t extent) {
    extents.push_back(extent);
    axes.push_back(func.addAxis("r" + std::to_string(func.getNumAxes()), extent));
    return getAffineDimExpr(extents.size() - 1, context);
  }

  Value constant(TypedAttr value, Location loc) { return builder.create<arith::ConstantOp>(loc, value); }
  static TypedAttr zero(Type type) { return Builder(type.getContext()).getZeroAttr(type); }

  /// The scalar at element `index` (over the axes) of a graph value.
  Value lower(Value value, ArrayRef<AffineExpr> index) {
    Exprs simple = simplified(index, extents);
    auto key = std::make_pair(value, AffineMap::get(kAllAxes, 0, simple, context));
    if (auto known = memo.find(key); known != memo.end())
      return known->second;
    Value result = lowerNew(value, simple);
    memo[key] = result;
    return result;
  }

  bool loads(Value value) {
    if (!plan.inMemory(value))
      return false;
    auto it = plan.stored.find(value);
    return it == plan.stored.end() || it->second != cluster.id;
  }

  Value lowerNew(Value value, const Exprs &index) {
    Operation *op = value.getDefiningOp();
    if (loads(value))
      return emitLoad({{value, index, {}}}, TypedAttr(), nodeLoc(value));
    if (isMovement(op))
      return lowerMovement(op, index);
    if (auto contract = dyn_cast<ContractOp>(op))
      return lowerContract(contract, index);
    if (isa<ReduceOp, MomentsOp>(op))
      return lowerReduction(value, index);
    if (auto gather = dyn_cast<GatherOp>(op))
      return lowerGather(gather, index);
    if (auto coord = dyn_cast<CoordOp>(op)) {
      Uses uses = use(simplified(replaceDims(coord.getMap().getResults(), index), extents), {});
      return builder.create<kernel::CoordOp>(op->getLoc(), elementOf(value), uses.axes, uses.map);
    }
    if (auto constantOp = dyn_cast<arith::ConstantOp>(op))
      return constant(
          cast<TypedAttr>(cast<SplatElementsAttr>(constantOp.getValue()).getSplatValue<Attribute>()),
          op->getLoc());
    return lowerElementwise(op, index);
  }

  /// A comparison of coordinates with a constant is a condition on the axes.
  Value lowerTest(arith::CmpIOp op, ArrayRef<AffineExpr> index) {
    auto coord = plan.accesses.resolve(op.getLhs()).root.getDefiningOp<CoordOp>();
    auto constantOp = op.getRhs().getDefiningOp<arith::ConstantOp>();
    if (op.getPredicate() != arith::CmpIPredicate::eq || !coord || !constantOp || !isSplat(constantOp))
      return {};
    int64_t value = cast<SplatElementsAttr>(constantOp.getValue()).getSplatValue<APInt>().getSExtValue();
    Exprs at = replaceDims(plan.accesses.resolve(op.getLhs()).index, index);
    Conditions where;
    where.add(coord.getMap().getResult(0).replaceDims(at) - value, /*equality=*/true);
    where.simplify(extents);
    Uses uses = use({}, where);
    return builder.create<kernel::TestOp>(op.getLoc(), builder.getI1Type(), uses.axes, uses.set);
  }

  Value lowerElementwise(Operation *op, ArrayRef<AffineExpr> index) {
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      if (Value test = lowerTest(compare, index))
        return test;
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(lower(operand, index));
    SmallVector<Type> types =
        llvm::map_to_vector(op->getResults(), [](Value result) { return elementOf(result); });
    OperationState state(op->getLoc(), op->getName(), operands, types);
    state.attributes = op->getDiscardableAttrDictionary();
    state.propertiesAttr = op->getPropertiesAsAttribute();
    return builder.create(state)->getResult(0);
  }

  // Movement.

  /// Where a piece of a movement operation applies at `index`, and its source's index there.
  std::pair<Exprs, Conditions> pieceAt(const Piece &piece, ArrayRef<AffineExpr> index, bool bounded) {
    Exprs source = simplified(replaceDims(piece.map.getResults(), index), extents);
    Conditions where;
    where.add(piece.where, index);
    if (bounded)
      for (auto [expr, extent] : llvm::zip(source, shapeOf(piece.source))) {
        where.add(expr, false);
        where.add(extent - 1 - expr, false);
      }
    where.simplify(extents);
    return {source, where};
  }

  Value lowerMovement(Operation *op, const Exprs &index) {
    Type type = elementOf(op->getResult(0));
    TypedAttr fill = getFill(op);
    SmallVector<LoadPiece> loadPieces;
    if (collectPieces(op, index, {}, fill, /*last=*/true, loadPieces))
      return emitLoad(loadPieces, fill ? fill : zero(type), op->getLoc());
    SmallVector<Piece> pieces = getPieces(op);
    SmallVector<std::pair<Exprs, Conditions>> at;
    bool covered = false;
    for (const Piece &piece : pieces) {
      at.push_back(pieceAt(piece, index, /*bounded=*/fill || pieces.size() > 1));
      if ((covered = at.back().second.empty()))
        break;
    }
    // Selects from the last piece backwards; the last needs no test where the pieces cover everything.
    Value result;
    for (size_t i = at.size(); i-- > 0;) {
      auto &[source, where] = at[i];
      if (where.neverHold())
        continue;
      bool tested = result || (fill && !covered);
      if (!result && tested)
        result = constant(fill, op->getLoc());
      Value value = lower(pieces[i].source, source);
      if (tested) {
        Uses uses = use({}, where);
        Value test = builder.create<kernel::TestOp>(op->getLoc(), builder.getI1Type(), uses.axes, uses.set);
        value = builder.create<arith::SelectOp>(op->getLoc(), test, value, result);
      }
      result = value;
    }
    return result ? result : constant(fill ? fill : zero(type), op->getLoc());
  }

  /// The pieces of a load of `op` at `index` where `where` holds; false if a source must be computed, or if
  /// fills differ. Only the last piece may itself have gaps, because what it leaves open goes to the fill.
  bool collectPieces(Operation *op, const Exprs &index, const Conditions &where, TypedAttr fill, bool last,
                     SmallVectorImpl<LoadPiece> &out) {
    TypedAttr ownFill = getFill(op);
    if (ownFill && (!last || ownFill != fill))
      return false;
    SmallVector<Piece> pieces = getPieces(op);
    for (auto [i, piece] : llvm::enumerate(pieces)) {
      Operation *source = piece.source.getDefiningOp();
      bool movement = !loads(piece.source) && source && isMovement(source);
      if (!movement && !loads(piece.source))
        return false;
      bool fromHere = last && i + 1 == pieces.size();
      // A load has its buffer's bounds as conditions anyway.
      auto [at, conditions] = pieceAt(piece, index, movement && (ownFill || pieces.size() > 1));
      conditions.add(where);
      conditions.simplify(extents);
      if (conditions.neverHold())
        continue;
      if (movement) {
        if (!collectPieces(source, at, conditions, fill, fromHere, out))
          return false;
      } else {
        out.push_back({piece.source, at, conditions});
      }
    }
    return true;
  }

  /// The conditions that are more than the piece's own bounds, which a load tests anyway.
  Conditions beyondBounds(const LoadPiece &piece) {
    Conditions kept;
    for (auto [expr, equality] : llvm::zip(piece.where.exprs, piece.where.equalities)) {
      bool implied =
          !equality && llvm::any_of(llvm::zip(piece.index, shapeOf(piece.value)), [&, e = expr](auto dim) {
            auto [index, extent] = dim;
            return e == index || e == affine::simplify(extent - 1 - index, extents);
          });
      if (!implied)
        kept.add(expr, equality);
    }
    return kept;
  }

  Value emitLoad(ArrayRef<LoadPiece> given, TypedAttr fill, Location loc) {
    if (given.empty())
      return constant(fill, loc);
    SmallVector<LoadPiece> pieces(given);
    for (LoadPiece &piece : pieces)
      piece.where = beyondBounds(piece);
    // Axes of all pieces together.
    Exprs exprs;
    Conditions conditions;
    for (const LoadPiece &piece : pieces) {
      exprs.append(piece.index);
      conditions.add(piece.where);
    }
    Uses uses = use(exprs, conditions);
    SmallVector<Value> buffers;
    SmallVector<AffineMap> maps;
    SmallVector<IntegerSet> sets;
    bool inside = true;
    for (const LoadPiece &piece : pieces) {
      AffineMap map = AffineMap::get(extents.size(), 0, piece.index, context);
      inside &= affine::alwaysInside(map, shapeOf(piece.value), extents) && piece.where.empty();
      buffers.push_back(buffer(piece.value, "x"));
      maps.push_back(AffineMap::get(uses.axes.size(), 0, replaceDims(piece.index, uses.dims), context));
      sets.push_back(piece.where.replaced(uses.dims).toSet(context, uses.axes.size()));
    }
    if (pieces.size() == 1 && inside)
      return builder.create<kernel::LoadOp>(loc, buffers[0], uses.axes, maps[0]);
    return builder.create<kernel::LoadOp>(loc, buffers, uses.axes, maps, sets,
                                          fill ? fill : zero(elementOf(pieces[0].value)));
  }

  // Cores.

  SmallVector<Value> axisValues(ArrayRef<AffineExpr> exprs) {
    llvm::SetVector<Value> found;
    for (AffineExpr expr : exprs)
      expr.walk([&](AffineExpr part) {
        if (auto dim = dyn_cast<AffineDimExpr>(part))
          if (Value axis = axes[dim.getPosition()])
            found.insert(axis);
      });
    return found.takeVector();
  }

  /// New axes for reduced dimensions of these extents; at least one axis.
  Exprs reducedIndex(ArrayRef<int64_t> sizes) {
    Exprs index;
    bool any = false;
    for (auto [i, size] : llvm::enumerate(sizes)) {
      bool needed = size > 1 || (!any && i + 1 == sizes.size());
      any |= needed;
      index.push_back(needed ? newAxis(size) : getAffineConstantExpr(0, context));
    }
    return index;
  }

  Value lowerContract(ContractOp op, ArrayRef<AffineExpr> index) {
    Exprs point(index);
    Exprs reduced = reducedIndex(op.getExtents().drop_front(index.size()));
    if (reduced.empty())
      reduced.push_back(newAxis(1));
    point.append(reduced);
    Value lhs = lower(op.getLhs(), replaceDims(op.getLhsMap().getResults(), point));
    Value rhs = lower(op.getRhs(), replaceDims(op.getRhsMap().getResults(), point));
    Type type = elementOf(op.getResult());
    SmallVector<Value> over = axisValues(reduced);
    if (op.getKind() == ContractKind::Softmax)
      return builder.create<kernel::SoftmaxOp>(op.getLoc(), type, lhs, rhs, over);
    return builder.create<kernel::ContractOp>(op.getLoc(), type, lhs, rhs, over, op.getTf32());
  }

  Value lowerReduction(Value result, ArrayRef<AffineExpr> index) {
    Operation *op = result.getDefiningOp();
    auto reduce = dyn_cast<ReduceOp>(op);
    ArrayRef<int64_t> dims = reduce ? reduce.getDims() : cast<MomentsOp>(op).getDims();
    Value operand = op->getOperand(0);
    bool arg = reduce && (reduce.getKind() == ReduceKind::ArgMax || reduce.getKind() == ReduceKind::ArgMin);
    Exprs point, reduced;
    if (auto own = ownPoint(result, operand, index)) {
      point = *own;
      for (int64_t dim : dims)
        reduced.push_back(point[dim]);
    }
    SmallVector<Value> over = axisValues(reduced);
    if (over.empty() || (arg && over.size() > 1)) {
      Extents shape = shapeOf(operand);
      reduced = reducedIndex(llvm::map_to_vector(dims, [&](int64_t dim) { return shape[dim]; }));
      point.clear();
      for (int64_t dim = 0, kept = 0; dim < int64_t(shape.size()); ++dim) {
        auto *at = llvm::find(dims, dim);
        point.push_back(at != dims.end() ? reduced[at - dims.begin()] : index[kept++]);
      }
      over = axisValues(reduced);
    }
    Value source = lower(operand, point);
    if (reduce) {
      auto kind = kernel::ReduceKind(uint32_t(reduce.getKind()));
      return builder.create<kernel::ReduceOp>(op->getLoc(), elementOf(result), kind, source, over,
                                              reduce.getIsUnsigned());
    }
    auto moments =
        builder.create<kernel::MomentsOp>(op->getLoc(), elementOf(result), elementOf(result), source, over);
    AffineMap at = AffineMap::get(kAllAxes, 0, index, context);
    memo[{op->getResult(0), at}] = moments.getMean();
    memo[{op->getResult(1), at}] = moments.getVariance();
    return moments->getResult(cast<OpResult>(result).getResultNumber());
  }

  /// The source's point of a reduction that the cluster places, if `index` is the reduction's own.
  std::optional<Exprs> ownPoint(Value result, Value operand, ArrayRef<AffineExpr> index) {
    auto placed = cluster.placed.find(result), source = cluster.placed.find(operand);
    auto owner = plan.owner.find(result.getDefiningOp());
    if (owner == plan.owner.end() || owner->second != cluster.id || placed == cluster.placed.end() ||
        source == cluster.placed.end() ||
        ArrayRef<AffineExpr>(simplified(placed->second.index, extents)) != index)
      return std::nullopt;
    return source->second.index;
  }

  Value lowerGather(GatherOp op, ArrayRef<AffineExpr> index) {
    Value at = lower(op.getIndices(), replaceDims(op.getIndexMap().getResults(), index));
    Value table = plan.accesses.resolve(op.getSource()).root;
    if (table != op.getSource() || !loads(table))
      internalError("a gathered tensor is not in memory");
    Uses uses = use(simplified(replaceDims(op.getMap().getResults(), index), extents), {});
    Type type = elementOf(op.getResult());
    TypedAttr fill = op.getFillAttr();
    return builder.create<kernel::GatherOp>(
        op.getLoc(), type, buffer(table, "x"), uses.axes, AffineMapAttr::get(uses.map),
        builder.getI64IntegerAttr(op.getAxis()), at, fill ? fill : zero(type));
  }

  static constexpr unsigned kAllAxes = 1024; ///< dimensions of memo keys, beyond any kernel's axes

  OpBuilder &builder;
  Plan &plan;
  const Cluster &cluster;
  llvm::function_ref<MemRefType(Value)> bufferType;
  MLIRContext *context;
  kernel::FuncOp func;
  SmallVector<Value> axes; ///< by our positions; null for an extent of one
  SmallVector<int64_t> extents;
  SmallVector<Value> values;
  llvm::DenseMap<Value, Value> buffers;
  llvm::DenseMap<std::pair<Value, AffineMap>, Value> memo;
};

} // namespace

WrittenKernel writeKernel(OpBuilder &builder, Plan &plan, const Cluster &cluster, StringRef name,
                          llvm::function_ref<MemRefType(Value)> bufferType) {
  return Writer(builder, plan, cluster, bufferType).write(name);
}

Location locationOf(const Cluster &cluster, MLIRContext *context) {
  SmallVector<Location> locations;
  llvm::DenseSet<Location> seen;
  auto note = [&](Operation *op) {
    if (seen.insert(op->getLoc()).second && !isa<UnknownLoc>(op->getLoc()))
      locations.push_back(op->getLoc());
  };
  llvm::for_each(cluster.cores, note);
  llvm::for_each(cluster.members, note);
  if (locations.empty())
    return UnknownLoc::get(context);
  return locations.size() == 1 ? locations[0] : FusedLoc::get(context, locations);
}

} // namespace tgc::cut
