// kernel-merge-axes
//
// In: simplified kernels and their launches. Out: axes that are only used together, as a * extent(b) + b, are
// one; dimensions of buffers that were only indexed by such a pair, or have size 1, are gone. Launches see
// their buffers through memref.reinterpret_cast in the new shapes.
// 1. Dimensions of size 1 whose index is 0 leave every buffer of more dimensions.
// 2. For every pair (a, b): each expression must hold both in that ratio or neither. Where a stands in one
//    dimension of a buffer and b in the next, whose index fills it, the two dimensions are collapsed first,
//    if they are contiguous and every access of the buffer has the pair there, or two other axes that fill them.
// 3. Reductions run over both or neither; a remap or argmax along one of them keeps them apart.
// 4. The pair becomes one axis. Again until no pair is left.
#include "compiler/affine/Normalize.h"
#include "compiler/kernel/Passes.h"
#include "compiler/kernel/transforms/Access.h"
#include "compiler/kernel/transforms/Launches.h"

#include <set>

using namespace mlir;

namespace tgc::kernel {
namespace {

/// A dimension of a buffer argument that takes up the one behind it.
using Collapse = std::pair<unsigned, unsigned>;

SmallVector<Value> buffersOf(Operation *op) {
  if (auto load = dyn_cast<LoadOp>(op))
    return llvm::to_vector(load.getBuffers());
  if (auto gather = dyn_cast<GatherOp>(op))
    return {gather.getBuffer()};
  if (auto store = dyn_cast<StoreOp>(op))
    return {store.getBuffer()};
  return {};
}

class AxisMerger {
public:
  explicit AxisMerger(FuncOp func) : func_(func) {
    for (BlockArgument buffer : func.getBuffers())
      types_.push_back(cast<MemRefType>(buffer.getType()));
  }

  void run() {
    for (unsigned buffer = 0; buffer < types_.size(); ++buffer)
      for (int64_t dim = types_[buffer].getRank() - 1; dim >= 0; --dim)
        if (types_[buffer].getRank() > 1 && types_[buffer].getDimSize(dim) == 1 && isZero(buffer, dim))
          dropDim(buffer, dim);
    while (mergeOne())
      ;
  }

  ArrayRef<MemRefType> types() const { return types_; }

private:
  /// Calls visit(op, piece, access) for every use of a buffer.
  void forEachUse(unsigned buffer, llvm::function_ref<void(Operation *, unsigned)> visit) {
    for (Operation &op : *func_.getBlock())
      for (auto [piece, value] : llvm::enumerate(buffersOf(&op)))
        if (value == func_.getBuffers()[buffer])
          visit(&op, piece);
  }

  bool isZero(unsigned buffer, unsigned dim) {
    bool zero = true;
    forEachUse(buffer, [&](Operation *op, unsigned piece) {
      auto constant = dyn_cast<AffineConstantExpr>(accessOf(func_, op).maps[piece].getResult(dim));
      auto gather = dyn_cast<GatherOp>(op);
      zero &= constant && constant.getValue() == 0 && !(gather && gather.getDim() == dim);
    });
    return zero;
  }

  void changeMaps(unsigned buffer, llvm::function_ref<void(SmallVectorImpl<AffineExpr> &)> change,
                  unsigned dim) {
    forEachUse(buffer, [&](Operation *op, unsigned piece) {
      Access access = accessOf(func_, op);
      SmallVector<AffineExpr> exprs(access.maps[piece].getResults());
      change(exprs);
      access.maps[piece] = AffineMap::get(func_.getNumAxes(), 0, exprs, func_.getContext());
      setAccess(func_, op, access);
      if (auto gather = dyn_cast<GatherOp>(op); gather && gather.getDim() > dim)
        gather.setDim(gather.getDim() - 1);
    });
  }

  void layoutOf(unsigned buffer, SmallVectorImpl<int64_t> &shape, SmallVectorImpl<int64_t> &strides,
                int64_t &offset) {
    shape.assign(types_[buffer].getShape().begin(), types_[buffer].getShape().end());
    (void)getStridesAndOffset(types_[buffer], strides, offset);
  }

  void dropDim(unsigned buffer, unsigned dim) {
    changeMaps(buffer, [&](SmallVectorImpl<AffineExpr> &exprs) { exprs.erase(exprs.begin() + dim); }, dim);
    SmallVector<int64_t> shape, strides;
    int64_t offset;
    layoutOf(buffer, shape, strides, offset);
    shape.erase(shape.begin() + dim);
    strides.erase(strides.begin() + dim);
    types_[buffer] = stridedType(shape, strides, offset, types_[buffer].getElementType());
  }

  void collapseDim(unsigned buffer, unsigned dim) {
    SmallVector<int64_t> shape, strides;
    int64_t offset;
    layoutOf(buffer, shape, strides, offset);
    int64_t inner = shape[dim + 1];
    changeMaps(
        buffer,
        [&](SmallVectorImpl<AffineExpr> &exprs) {
          exprs[dim] = exprs[dim] * inner + exprs[dim + 1];
          exprs.erase(exprs.begin() + dim + 1);
        },
        dim);
    shape[dim] *= inner;
    shape.erase(shape.begin() + dim + 1);
    strides.erase(strides.begin() + dim);
    types_[buffer] = stridedType(shape, strides, offset, types_[buffer].getElementType());
  }

  /// Whether every part of the sum has a with extent(b) times the coefficient of b.
  bool together(const affine::Linear &sum, unsigned a, unsigned b) {
    int64_t outer = 0, inner = 0;
    for (auto &[atom, coefficient] : sum.terms) {
      if (!atom->isDim()) {
        if (!together(atom->base, a, b))
          return false;
        continue;
      }
      outer += atom->dim == a ? coefficient : 0;
      inner += atom->dim == b ? coefficient : 0;
    }
    return outer == inner * func_.getExtents()[b];
  }

  bool together(affine::Normalizer &normalizer, AffineExpr expr, unsigned a, unsigned b) {
    std::optional<affine::Linear> sum = normalizer.parse(expr);
    return sum && together(*sum, a, b);
  }

  bool mergeable(unsigned a, unsigned b, std::set<Collapse> &collapses) {
    affine::Normalizer normalizer(affine::Normalizer::fromExtents(func_.getExtents()));
    for (Operation &op : *func_.getBlock()) {
      auto over = reducedAxes(&op);
      bool overA = llvm::is_contained(over, func_.getAxes()[a]),
           overB = llvm::is_contained(over, func_.getAxes()[b]);
      if (overA != overB)
        return false;
      auto reduce = dyn_cast<ReduceOp>(op);
      if (overA && reduce &&
          (reduce.getKind() == ReduceKind::ArgMax || reduce.getKind() == ReduceKind::ArgMin))
        return false;
      auto remap = dyn_cast<RemapOp>(op);
      if (remap && (func_.axisIndex(remap.getAxis()) == a || func_.axisIndex(remap.getAxis()) == b))
        return false;
      if (!hasAccess(&op))
        continue;
      Access access = accessOf(func_, &op);
      for (IntegerSet set : access.conditions)
        for (AffineExpr expr : set.getConstraints())
          if (!together(normalizer, expr, a, b))
            return false;
      SmallVector<Value> buffers = buffersOf(&op);
      for (auto [piece, map] : llvm::enumerate(access.maps))
        for (unsigned dim = 0; dim < map.getNumResults(); ++dim) {
          if (together(normalizer, map.getResult(dim), a, b))
            continue;
          if (buffers.empty() || !collapsible(normalizer, &op, buffers[piece], map, dim, a, b))
            return false;
          collapses.insert({cast<BlockArgument>(buffers[piece]).getArgNumber(), dim});
          ++dim; // its index is the pair's second half
        }
    }
    // Every other use of a buffer must fit the collapse too.
    for (auto [buffer, dim] : collapses) {
      bool fits = true;
      forEachUse(buffer, [&](Operation *op, unsigned piece) {
        AffineMap map = accessOf(func_, op).maps[piece];
        fits &= collapsible(normalizer, op, func_.getBuffers()[buffer], map, dim, a, b) ||
                (!isa<GatherOp>(op) && isFilled(buffer, map, dim, a, b));
      });
      if (!fits || collapses.count({buffer, dim + 1}))
        return false;
    }
    return true;
  }

  bool collapsible(affine::Normalizer &normalizer, Operation *op, Value buffer, AffineMap map, unsigned dim,
                   unsigned a, unsigned b) {
    unsigned number = cast<BlockArgument>(buffer).getArgNumber();
    SmallVector<int64_t> shape, strides;
    int64_t offset;
    layoutOf(number, shape, strides, offset);
    auto gather = dyn_cast<GatherOp>(op);
    if (dim + 1 >= shape.size() || strides[dim] != shape[dim + 1] * strides[dim + 1] ||
        (gather && (gather.getDim() == dim || gather.getDim() == dim + 1)))
      return false;
    AffineExpr outer = map.getResult(dim), inner = map.getResult(dim + 1);
    std::optional<affine::Linear> innerSum = normalizer.parse(inner);
    if (!innerSum || !outer.isFunctionOfDim(a) || !inner.isFunctionOfDim(b))
      return false;
    affine::Range range = normalizer.range(*innerSum);
    return range.min >= 0 && range.max < shape[dim + 1] &&
           together(normalizer, outer * shape[dim + 1] + inner, a, b);
  }

  /// Whether the dimension and the next one are indexed by two axes alone, neither a nor b, that go through all of them.
  bool isFilled(unsigned buffer, AffineMap map, unsigned dim, unsigned a, unsigned b) {
    for (unsigned d : {dim, dim + 1}) {
      auto axis = dyn_cast<AffineDimExpr>(map.getResult(d));
      if (!axis || axis.getPosition() == a || axis.getPosition() == b ||
          func_.getExtents()[axis.getPosition()] != types_[buffer].getDimSize(d))
        return false;
    }
    return true;
  }

  bool mergeOne() {
    for (unsigned a = 0; a < func_.getNumAxes(); ++a)
      for (unsigned b = 0; b < func_.getNumAxes(); ++b) {
        std::set<Collapse> collapses;
        if (a == b || !mergeable(a, b, collapses))
          continue;
        for (auto [buffer, dim] : llvm::reverse(collapses))
          collapseDim(buffer, dim);
        changeAxes(func_, mergeOf(a, b));
        return true;
      }
    return false;
  }

  AxisChange mergeOf(unsigned a, unsigned b) {
    AxisChange change;
    MLIRContext *context = func_.getContext();
    int64_t size = func_.getExtents()[b];
    change.oldAsNew.resize(func_.getNumAxes());
    for (unsigned i = 0; i < func_.getNumAxes(); ++i) {
      if (i == b)
        continue;
      AffineExpr next = getAffineDimExpr(change.extents.size(), context), old = getAffineDimExpr(i, context);
      change.names.push_back(func_.axisName(func_.getAxes()[i]).str());
      change.extents.push_back(func_.getExtents()[i] * (i == a ? size : 1));
      change.oldAsNew[i] = i == a ? next.floorDiv(size) : next;
      change.newAsOld.push_back(i == a ? old * size + getAffineDimExpr(b, context) : old);
      if (i == a)
        change.oldAsNew[b] = next % size;
    }
    return change;
  }

  FuncOp func_;
  SmallVector<MemRefType> types_;
};

struct MergeAxesPass : PassWrapper<MergeAxesPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MergeAxesPass)
  StringRef getArgument() const override { return "kernel-merge-axes"; }
  StringRef getDescription() const override { return "join axes and dimensions that are only used together"; }
  void runOnOperation() override {
    auto launches = launchesByKernel(getOperation());
    for (FuncOp func : getOperation().getOps<FuncOp>()) {
      AxisMerger merger(func);
      merger.run();
      setBufferTypes(func, merger.types(), launches[func.getSymName()]);
    }
    eraseUnusedCasts(getOperation());
  }
};

} // namespace

std::unique_ptr<Pass> createMergeAxesPass() { return std::make_unique<MergeAxesPass>(); }

} // namespace tgc::kernel
