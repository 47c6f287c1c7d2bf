// kernel-split-axes
//
// In: a simplified kernel.
// Out: floordiv and mod by constants are gone from its maps and conditions as far as splitting axes can remove
//     them; what is left runs over the parts of axes that no split takes further.
// 1. Every division E floordiv c in normal form names candidates: an axis x with coefficient a in E leaves the
//    division when x is split by w = c / gcd(a, c), if w divides x's extent.
// 2. Of all candidates of all maps and conditions the one is taken after which divisions run over the fewest
//    points. Splits that a remap or an argmax along the axis forbids are no candidates.
// 3. Again until no candidate helps.
#include "compiler/affine/Normalize.h"
#include "compiler/kernel/Passes.h"
#include "compiler/kernel/transforms/Access.h"

#include <numeric>
#include <set>

using namespace mlir;

namespace tgc::kernel {
namespace {

/// The distinct divisions of a kernel's expressions.
class Divisions {
public:
  explicit Divisions(ArrayRef<int64_t> extents)
      : extents_(extents), normalizer_(affine::Normalizer::fromExtents(extents)) {}

  void add(AffineExpr expr) {
    if (std::optional<affine::Linear> sum = normalizer_.parse(expr))
      add(*sum);
  }
  void add(const Access &access) {
    for (AffineMap map : access.maps)
      for (AffineExpr expr : map.getResults())
        add(expr);
    for (IntegerSet set : access.conditions)
      for (AffineExpr expr : set.getConstraints())
        add(expr);
  }

  /// Points over which all divisions together have to be computed.
  int64_t points() const {
    int64_t total = 0;
    for (const affine::Atom *atom : atoms_) {
      llvm::SmallBitVector used(extents_.size());
      note(atom, used);
      int64_t product = 1;
      for (unsigned axis : used.set_bits())
        product *= extents_[axis];
      total += product;
    }
    return total;
  }

  /// Axis and size of the inner part.
  std::set<std::pair<unsigned, int64_t>> candidates() const {
    std::set<std::pair<unsigned, int64_t>> found;
    for (const affine::Atom *atom : atoms_)
      for (auto &[term, coefficient] : atom->base.terms) {
        if (!term->isDim())
          continue;
        int64_t inner = atom->divisor / std::gcd(atom->divisor, std::abs(coefficient));
        int64_t extent = extents_[term->dim];
        if (inner > 1 && extent > inner && extent % inner == 0)
          found.insert({term->dim, inner});
      }
    return found;
  }

private:
  void add(const affine::Linear &sum) {
    for (auto &term : sum.terms)
      if (!term.first->isDim() && atoms_.insert(term.first).second)
        add(term.first->base);
  }
  static void note(const affine::Atom *atom, llvm::SmallBitVector &used) {
    if (atom->isDim())
      used.set(atom->dim);
    for (auto &term : atom->base.terms)
      note(term.first, used);
  }

  ArrayRef<int64_t> extents_;
  affine::Normalizer normalizer_;
  std::set<const affine::Atom *> atoms_;
};

AxisChange splitOf(FuncOp func, unsigned axis, int64_t inner) {
  AxisChange change;
  MLIRContext *context = func.getContext();
  for (unsigned i = 0; i < func.getNumAxes(); ++i) {
    AffineExpr next = getAffineDimExpr(change.extents.size(), context), old = getAffineDimExpr(i, context);
    std::string name = func.axisName(func.getAxes()[i]).str();
    if (i != axis) {
      change.names.push_back(name);
      change.extents.push_back(func.getExtents()[i]);
      change.oldAsNew.push_back(next);
      change.newAsOld.push_back(old);
      continue;
    }
    change.names.push_back(freshAxisName(func, name + "o"));
    change.names.push_back(freshAxisName(func, name + "i"));
    change.extents.push_back(func.getExtents()[i] / inner);
    change.extents.push_back(inner);
    change.oldAsNew.push_back(next * inner + getAffineDimExpr(change.extents.size() - 1, context));
    change.newAsOld.push_back(old.floorDiv(inner));
    change.newAsOld.push_back(old % inner);
  }
  return change;
}

bool oneSplit(FuncOp func) {
  Divisions now(func.getExtents());
  SmallVector<Access> accesses;
  for (Operation &op : *func.getBlock())
    if (hasAccess(&op)) {
      accesses.push_back(accessOf(func, &op));
      now.add(accesses.back());
    }
  llvm::SmallBitVector whole(func.getNumAxes()); // axes whose positions are counted
  for (auto reduce : func.getBlock()->getOps<ReduceOp>())
    if (reduce.getKind() == ReduceKind::ArgMax || reduce.getKind() == ReduceKind::ArgMin)
      for (Value axis : reduce.getOver())
        whole.set(func.axisIndex(axis));
  int64_t least = now.points();
  std::optional<AxisChange> best;
  for (auto [axis, inner] : now.candidates()) {
    if (whole.test(axis))
      continue;
    AxisChange change = splitOf(func, axis, inner);
    Divisions after(change.extents);
    for (const Access &access : accesses)
      after.add(mapExprs(access, change.extents.size(),
                         [&](AffineExpr expr) { return expr.replaceDims(change.oldAsNew); }));
    if (after.points() >= least || !remapsSurvive(func, change))
      continue;
    least = after.points();
    best = change;
  }
  if (!best)
    return false;
  changeAxes(func, *best);
  return true;
}

struct SplitAxesPass : PassWrapper<SplitAxesPass, OperationPass<FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitAxesPass)
  StringRef getArgument() const override { return "kernel-split-axes"; }
  StringRef getDescription() const override { return "remove floordiv and mod by splitting axes"; }
  void runOnOperation() override { splitAxes(getOperation()); }
};

} // namespace

void splitAxes(FuncOp func) {
  while (oneSplit(func))
    ;
}

std::unique_ptr<Pass> createSplitAxesPass() { return std::make_unique<SplitAxesPass>(); }

} // namespace tgc::kernel
