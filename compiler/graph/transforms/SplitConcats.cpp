// Input: a concatenation of computed tensors (the queries of a text and of an image, each with its own norm) that
// goes through element-wise work before anything else reads it. Output: the work done on the parts, which then
// belongs to the kernels of the parts, and a concatenation of its results.
//
// 1. A concatenation is a piece without fill whose sources follow each other along one dimension, whole and in
//    place. It is considered if each source comes, through element-wise work and movement, from a contraction or a
//    reduction.
// 2. Its region is grown over element-wise operations and movement that carry that dimension through unchanged: as
//    one dimension of the result, on which nothing else of the index depends.
// 3. The region is split if it has arithmetic, if nothing outside reads the concatenation itself, and if what the
//    outside reads goes into contractions alone, which read parts as well as wholes.
// 4. Each operation of the region is made once a part; operands from outside are sliced. What the outside reads
//    becomes a concatenation of the parts' results.
#include "compiler/affine/Ranges.h"
#include "compiler/graph/transforms/Movement.h"
#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace tgc::graph {
namespace {

constexpr unsigned kMostParts = 4;
constexpr unsigned kLargestRegion = 64;

/// One part of a concatenation: positions start … start + extent - 1 of the dimension.
struct Part {
  Value source;
  int64_t start, extent;
};

struct Concat {
  PieceOp op;
  unsigned dim;
  SmallVector<Part> parts;
};

std::optional<Concat> concatOf(PieceOp op) {
  Concat concat{op, 0, {}};
  ArrayRef<int64_t> shape = shapeOf(op.getResult());
  if (op.getFill() || op.getSources().size() > kMostParts)
    return std::nullopt;
  std::optional<unsigned> dim;
  int64_t next = 0;
  for (auto [source, attr] : llvm::zip(op.getSources(), op.getMaps())) {
    AffineMap map = cast<AffineMapAttr>(attr).getValue();
    ArrayRef<int64_t> own = shapeOf(source);
    if (own.size() != shape.size())
      return std::nullopt;
    int64_t start = 0, extent = 0;
    for (unsigned d = 0; d < shape.size(); ++d) {
      auto offset = dyn_cast<AffineConstantExpr>(
          affine::simplify(getAffineDimExpr(d, op.getContext()) - map.getResult(d), shape));
      if (own[d] == shape[d] && (shape[d] == 1 || (offset && offset.getValue() == 0)))
        continue;
      if (!offset || (dim && *dim != d))
        return std::nullopt;
      dim = d;
      start = offset.getValue();
      extent = own[d];
    }
    if (extent == 0 || start != next)
      return std::nullopt;
    next += extent;
    concat.parts.push_back({source, start, extent});
  }
  // In place and one after the other, the sources' own bounds say where each applies.
  if (!dim || next != shape[*dim])
    return std::nullopt;
  concat.dim = *dim;
  return concat;
}

bool isMovement(Operation *op) { return isa<ViewOp, PieceOp>(op); }

/// The contractions and reductions that a value is computed from through element-wise operations and
/// movement.
void nearestCores(Value value, llvm::SmallPtrSetImpl<Operation *> &cores,
                  llvm::SmallPtrSetImpl<Operation *> &seen) {
  Operation *op = value.getDefiningOp();
  if (!op || !seen.insert(op).second)
    return;
  if (isa<ContractOp, ReduceOp, MomentsOp>(op)) {
    cores.insert(op);
    return;
  }
  for (Value operand : op->getOperands())
    nearestCores(operand, cores, seen);
}

/// Whether each part is computed, and by other contractions and reductions than the others.
bool computedApart(const Concat &concat) {
  llvm::SmallPtrSet<Operation *, 8> all;
  for (const Part &part : concat.parts) {
    llvm::SmallPtrSet<Operation *, 8> cores;
    llvm::SmallPtrSet<Operation *, 32> seen;
    nearestCores(part.source, cores, seen);
    if (cores.empty())
      return false;
    for (Operation *core : cores)
      if (!all.insert(core).second)
        return false;
  }
  return true;
}

class Splitter {
public:
  explicit Splitter(Concat concat) : concat(concat) {}

  bool run() {
    if (!grow() || !worthwhile())
      return false;
    split();
    return true;
  }

private:
  int64_t extent() { return shapeOf(concat.op.getResult())[concat.dim]; }

  /// The dimension of a movement's result that carries the region's dimension, if just one does and all else
  /// is independent of it.
  std::optional<unsigned> carried(Operation *op) {
    std::optional<unsigned> found;
    Movement movement = movementOf(op);
    for (const Piece &piece : movement.pieces) {
      auto it = region.find(piece.source);
      if (it == region.end())
        continue;
      auto expr = dyn_cast<AffineDimExpr>(piece.map.getResult(it->second));
      if (!expr || (found && *found != expr.getPosition()))
        return std::nullopt;
      found = expr.getPosition();
    }
    if (!found || shapeOf(op->getResult(0))[*found] != extent())
      return std::nullopt;
    for (const Piece &piece : movement.pieces) {
      auto it = region.find(piece.source);
      for (auto [d, expr] : llvm::enumerate(piece.map.getResults()))
        if (it != region.end() && d != it->second && expr.isFunctionOfDim(*found))
          return std::nullopt;
      if (IntegerSet where = piece.where)
        for (AffineExpr expr : where.getConstraints())
          if (expr.isFunctionOfDim(*found))
            return std::nullopt;
    }
    return found;
  }

  bool grow() {
    region[concat.op.getResult()] = concat.dim;
    for (size_t i = 0; i < order.size() + 1; ++i) {
      Value value = i == 0 ? Value(concat.op.getResult()) : Value(order[i - 1]->getResult(0));
      for (Operation *user : value.getUsers()) {
        if (region.contains(user->getNumResults() == 1 ? user->getResult(0) : Value()) || !joins(user))
          continue;
        order.push_back(user);
        if (order.size() > kLargestRegion)
          return false;
      }
    }
    llvm::sort(order, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    return true;
  }

  bool joins(Operation *op) {
    if (isMovement(op)) {
      auto dim = carried(op);
      if (dim)
        region[op->getResult(0)] = *dim;
      return dim.has_value();
    }
    if (!isElementwise(op))
      return false;
    std::optional<unsigned> dim;
    for (Value operand : op->getOperands())
      if (auto it = region.find(operand); it != region.end()) {
        if (dim && *dim != it->second)
          return false;
        dim = it->second;
      }
    region[op->getResult(0)] = *dim;
    return true;
  }

  bool inRegion(Operation *op) const { return op->getNumResults() == 1 && region.contains(op->getResult(0)); }

  bool worthwhile() {
    Value whole = concat.op.getResult();
    if (llvm::any_of(whole.getUsers(), [&](Operation *user) { return !inRegion(user); }))
      return false;
    bool arithmetic = false;
    for (Operation *op : order) {
      arithmetic |= isElementwise(op) && !isa<arith::ExtFOp, arith::TruncFOp>(op);
      bool read = llvm::any_of(op->getUsers(), [&](Operation *user) { return !inRegion(user); });
      if (!read)
        continue;
      if (!llvm::all_of(op->getUsers(),
                        [&](Operation *user) { return inRegion(user) || isa<ContractOp>(user); }))
        return false;
      outside.push_back(op);
    }
    return arithmetic && !outside.empty();
  }

  // Splitting.

  RankedTensorType partType(Value value, unsigned dim, const Part &part) {
    SmallVector<int64_t> shape(shapeOf(value));
    shape[dim] = part.extent;
    return RankedTensorType::get(shape, elementOf(value));
  }

  /// The part of a value outside the region that goes with `part` along `dim`.
  Value sliced(OpBuilder &builder, Value value, unsigned dim, const Part &part) {
    RankedTensorType type = partType(value, dim, part);
    if (TypedAttr splat = splatOf(value))
      return buildSplat(builder, value.getLoc(), type, splat);
    SmallVector<AffineExpr> index(
        AffineMap::getMultiDimIdentityMap(type.getRank(), builder.getContext()).getResults());
    index[dim] = index[dim] + part.start;
    return buildView(builder, value.getLoc(), value,
                     AffineMap::get(type.getRank(), 0, index, builder.getContext()), type.getShape());
  }

  Value partOf(OpBuilder &builder, Operation *op, unsigned number, const Part &part) {
    unsigned dim = region.lookup(op->getResult(0));
    if (isElementwise(op)) {
      SmallVector<Value> operands;
      for (Value operand : op->getOperands())
        operands.push_back(region.contains(operand) ? parts[{operand, number}]
                                                    : sliced(builder, operand, dim, part));
      return buildElementwise(builder, op, operands);
    }
    RankedTensorType type = partType(op->getResult(0), dim, part);
    SmallVector<AffineExpr> shifted(
        AffineMap::getMultiDimIdentityMap(type.getRank(), builder.getContext()).getResults());
    shifted[dim] = shifted[dim] + part.start;
    Movement movement = movementOf(op);
    for (Piece &piece : movement.pieces) {
      if (region.contains(piece.source)) {
        piece.source = parts[{piece.source, number}];
        continue;
      }
      piece.map = piece.map.compose(AffineMap::get(type.getRank(), 0, shifted, builder.getContext()));
    }
    return buildMovement(builder, op->getLoc(), type, movement);
  }

  void split() {
    Value whole = concat.op.getResult();
    for (auto [number, part] : llvm::enumerate(concat.parts))
      parts[{whole, number}] = part.source;
    for (Operation *op : order) {
      OpBuilder builder(op);
      for (auto [number, part] : llvm::enumerate(concat.parts))
        parts[{op->getResult(0), number}] = partOf(builder, op, number, part);
    }
    for (Operation *op : outside) {
      OpBuilder builder(op->getContext());
      builder.setInsertionPointAfter(op);
      Value value = op->getResult(0);
      unsigned dim = region.lookup(value), rank = shapeOf(value).size();
      Movement joined;
      for (auto [number, part] : llvm::enumerate(concat.parts)) {
        SmallVector<AffineExpr> index(AffineMap::getMultiDimIdentityMap(rank, op->getContext()).getResults());
        AffineExpr at = index[dim];
        index[dim] = at - part.start;
        IntegerSet where =
            IntegerSet::get(rank, 0, {at - part.start, part.start + part.extent - 1 - at}, {false, false});
        joined.pieces.push_back(
            {parts[{value, number}], AffineMap::get(rank, 0, index, op->getContext()), where});
      }
      Value result = buildMovement(builder, op->getLoc(), cast<RankedTensorType>(value.getType()), joined);
      value.replaceUsesWithIf(result, [&](OpOperand &use) { return isa<ContractOp>(use.getOwner()); });
    }
    for (Operation *op : llvm::reverse(order))
      if (op->use_empty())
        op->erase();
    if (whole.use_empty())
      concat.op.erase();
  }

  Concat concat;
  llvm::DenseMap<Value, unsigned> region; ///< with the dimension that is carried through
  SmallVector<Operation *> order;
  SmallVector<Operation *> outside; ///< operations of the region that others read
  llvm::DenseMap<std::pair<Value, unsigned>, Value> parts;
};

class SplitConcatsPass : public PassWrapper<SplitConcatsPass, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitConcatsPass)
  StringRef getArgument() const final { return "tgc-split-concats"; }
  StringRef getDescription() const final { return "Work on the parts of a concatenation"; }
  void runOnOperation() final {
    Block &block = getOperation().getBody().front();
    for (Operation *op = &block.front(); op;) {
      // A split erases the concatenation and operations behind it.
      Operation *before = op->getPrevNode();
      auto piece = dyn_cast<PieceOp>(op);
      auto concat = piece ? concatOf(piece) : std::nullopt;
      bool split = concat && computedApart(*concat) && Splitter(*concat).run();
      op = !split ? op->getNextNode() : before ? before->getNextNode() : &block.front();
    }
  }
};

} // namespace

std::unique_ptr<Pass> createSplitConcatsPass() { return std::make_unique<SplitConcatsPass>(); }

} // namespace tgc::graph
