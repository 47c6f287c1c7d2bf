// Input: contractions of one left operand with different weights. Output: one contraction with the weights side by
// side, and slices of its result: q, k and v projections, all modulation vectors of a model, the projections of a
// text in all its cross attentions.
//
// 1. Contractions of the sum kind are grouped by left operand, maps, types and extents, all but one dimension n of
//    the result, which the left operand does not depend on and which is one whole dimension of the right one. The
//    right operand must depend on weights alone, so that no merge makes a cycle.
// 2. A group is cut where merging would hold much memory for long: members further apart than kNear operations stay
//    together only while their results together are no larger than their weights.
// 3. The weights become a piece along that dimension, and the results views of the merged result.
#include "compiler/affine/Ranges.h"
#include "compiler/graph/transforms/Movement.h"
#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace tgc::graph {
namespace {

/// Operations between q, k, v and the MLP of one block; far less than between blocks of large results.
constexpr unsigned kNear = 256;

/// The dimension along which a contraction may be merged, in its space and in the right operand.
struct Axis {
  unsigned space, weight;
};

std::optional<Axis> mergeAxis(ContractOp op) {
  unsigned rank = shapeOf(op.getResult()).size();
  ArrayRef<int64_t> extents = op.getExtents();
  // The last such dimension: the columns.
  for (unsigned d = rank; d-- > 0;) {
    if (extents[d] == 1 || op.getLhsMap().isFunctionOfDim(d))
      continue;
    std::optional<unsigned> found;
    bool plain = true;
    for (auto [i, expr] : llvm::enumerate(op.getRhsMap().getResults())) {
      if (!expr.isFunctionOfDim(d))
        continue;
      plain &=
          !found && expr == getAffineDimExpr(d, op.getContext()) && shapeOf(op.getRhs())[i] == extents[d];
      found = i;
    }
    if (found && plain)
      return Axis{d, *found};
  }
  return std::nullopt;
}

double bytes(Value value) {
  return double(ShapedType::getNumElements(shapeOf(value))) * elementOf(value).getIntOrFloatBitWidth() / 8;
}

struct Member {
  ContractOp op;
  unsigned position;
};

/// `shape` with dimension d replaced.
SmallVector<int64_t> resized(ArrayRef<int64_t> shape, unsigned d, int64_t extent) {
  SmallVector<int64_t> result(shape);
  result[d] = extent;
  return result;
}

class MergeContractionsPass : public PassWrapper<MergeContractionsPass, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MergeContractionsPass)
  StringRef getArgument() const final { return "tgc-merge-contractions"; }
  StringRef getDescription() const final { return "Merge contractions of one left operand"; }

  void runOnOperation() final {
    llvm::DenseMap<Value, bool> weightOnly;
    llvm::MapVector<std::pair<Value, Attribute>, SmallVector<Member>> groups;
    unsigned position = 0;
    for (Operation &op : getOperation().getBody().front()) {
      ++position;
      auto contract = dyn_cast<ContractOp>(op);
      if (!contract || contract.getKind() != ContractKind::Sum ||
          !isWeightOnly(contract.getRhs(), weightOnly) || isWeightOnly(contract.getLhs(), weightOnly))
        continue;
      if (auto axis = mergeAxis(contract))
        groups[{contract.getLhs(), keyOf(contract, *axis)}].push_back({contract, position});
    }
    for (auto &[key, members] : groups)
      for (ArrayRef<Member> rest = members; !rest.empty();) {
        unsigned count = runLength(rest);
        if (count > 1)
          merge(rest.take_front(count));
        rest = rest.drop_front(count);
      }
  }

private:
  /// Everything about a contraction but its left operand and its extent along the axis.
  static Attribute keyOf(ContractOp op, Axis axis) {
    Builder builder(op.getContext());
    return builder.getArrayAttr({builder.getDenseI64ArrayAttr(resized(op.getExtents(), axis.space, 0)),
                                 builder.getDenseI64ArrayAttr(resized(shapeOf(op.getRhs()), axis.weight, 0)),
                                 op.getLhsMapAttr(), op.getRhsMapAttr(),
                                 TypeAttr::get(elementOf(op.getResult())),
                                 TypeAttr::get(elementOf(op.getRhs()))});
  }

  /// How many members from the first on are merged.
  static unsigned runLength(ArrayRef<Member> members) {
    double results = 0, weights = 0;
    for (auto [i, member] : llvm::enumerate(members)) {
      ContractOp op = member.op;
      results += bytes(op.getResult());
      weights += bytes(op.getRhs());
      if (i > 0 && results > weights && member.position - members[i - 1].position > kNear)
        return i;
    }
    return members.size();
  }

  /// Moves what `value` is computed from before `point`.
  static void hoist(Value value, Operation *point) {
    Operation *op = value.getDefiningOp();
    if (!op || op->isBeforeInBlock(point))
      return;
    for (Value operand : op->getOperands())
      hoist(operand, point);
    op->moveBefore(point);
  }

  static void merge(ArrayRef<Member> members) {
    ContractOp first = members[0].op;
    Axis axis = *mergeAxis(first);
    SmallVector<Location> locations;
    SmallVector<int64_t> starts;
    int64_t total = 0;
    for (const Member &member : members) {
      ContractOp op = member.op;
      hoist(op.getRhs(), first);
      locations.push_back(op.getLoc());
      starts.push_back(total);
      total += op.getExtents()[axis.space];
    }
    OpBuilder builder(first);
    MLIRContext *context = builder.getContext();
    Location loc = FusedLoc::get(context, locations);

    SmallVector<int64_t> weightShape = resized(shapeOf(first.getRhs()), axis.weight, total);
    AffineExpr dim = getAffineDimExpr(axis.weight, context);
    Movement weights;
    for (auto [member, start] : llvm::zip(members, starts)) {
      ContractOp op = member.op;
      AffineMap identity = AffineMap::getMultiDimIdentityMap(weightShape.size(), context);
      SmallVector<AffineExpr> index(identity.getResults());
      index[axis.weight] = dim - start;
      int64_t end = start + op.getExtents()[axis.space];
      IntegerSet where = IntegerSet::get(weightShape.size(), 0, {dim - start, end - 1 - dim}, {false, false});
      weights.pieces.push_back({op.getRhs(), AffineMap::get(weightShape.size(), 0, index, context), where});
    }
    Value joined =
        buildMovement(builder, loc, RankedTensorType::get(weightShape, elementOf(first.getRhs())), weights);

    SmallVector<int64_t> extents = resized(first.getExtents(), axis.space, total);
    unsigned rank = shapeOf(first.getResult()).size();
    auto type =
        RankedTensorType::get(ArrayRef<int64_t>(extents).take_front(rank), elementOf(first.getResult()));
    Value result = builder.create<ContractOp>(loc, type, ContractKind::Sum, first.getLhs(), joined, extents,
                                              first.getLhsMap(), first.getRhsMap(), first.getTf32());
    for (auto [member, start] : llvm::zip(members, starts)) {
      ContractOp op = member.op;
      SmallVector<AffineExpr> index(AffineMap::getMultiDimIdentityMap(rank, context).getResults());
      index[axis.space] = index[axis.space] + start;
      op.replaceAllUsesWith(buildView(builder, op.getLoc(), result, AffineMap::get(rank, 0, index, context),
                                      shapeOf(op.getResult())));
    }
    for (const Member &member : members)
      ContractOp(member.op).erase();
  }
};

} // namespace

std::unique_ptr<Pass> createMergeContractionsPass() { return std::make_unique<MergeContractionsPass>(); }

} // namespace tgc::graph
