// Input: a function in the graph stage. Output: clusters, each around one contraction, or around reductions over
// one set of axes, with the element-wise operations that can be computed at the same points.
// Operations are visited in order.
// 1. A contraction starts a cluster over its result's dimensions. One that combines by softmax takes up the cluster
//    of its logits when nothing else uses that.
// 2. A reduction joins a cluster of reductions over the same axes in which its source is placed; else it starts one
//    over its source's dimensions, and the element-wise operations before the source are placed with it.
// 3. Any other operation joins the youngest cluster that computes one of its operands, if its elements go along
//    with points of the cluster's axes (unify), if then every core of the cluster is needed at its own point only,
//    and if no value would be needed before it is there. Operations that join nothing float: they are computed
//    where they are read, or get a kernel of their own later.
#include "compiler/cut/Plan.h"

#include "compiler/affine/Ranges.h"
#include "llvm/ADT/SmallBitVector.h"
#include <set>

using namespace mlir;
using namespace tgc::graph;

namespace tgc::cut {
namespace {

bool sameIndex(ArrayRef<AffineExpr> a, ArrayRef<AffineExpr> b, Extents axes) {
  if (a == b)
    return true;
  return simplified(a, axes) == simplified(b, axes);
}

class Former {
public:
  explicit Former(Plan &plan) : plan(plan), context(plan.context()) {}

  void run() {
    for (Operation &op : plan.function.getBody().front().without_terminator()) {
      if (!plan.accesses.isSolid(&op) || isWeight(&op) || isSplat(&op))
        continue;
      if (auto contract = dyn_cast<ContractOp>(op))
        visitContract(contract);
      else if (isa<ReduceOp, MomentsOp>(op))
        visitReduction(&op);
      else
        visitElementwise(&op);
    }
  }

private:
  /// Clusters whose values an operation needs, through operations that float.
  const SmallVector<unsigned> &needs(Operation *op) {
    if (auto known = needs_.find(op); known != needs_.end())
      return known->second;
    SmallVector<unsigned> result;
    for (const Read &read : plan.accesses.reads(op)) {
      Operation *source = read.root.getDefiningOp();
      if (!source)
        continue;
      if (auto it = plan.owner.find(source); it != plan.owner.end())
        result.push_back(it->second);
      else
        result.append(needs(source));
    }
    llvm::sort(result);
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return needs_[op] = std::move(result);
  }

  /// Whether a value is computed by a cluster, or floats above values that are.
  bool depends(Value value, unsigned id) {
    Operation *op = plan.accesses.resolve(value).root.getDefiningOp();
    if (!op)
      return false;
    auto it = plan.owner.find(op);
    return it != plan.owner.end() ? it->second == id : llvm::is_contained(needs(op), id);
  }

  void addReads(Cluster &cluster, ArrayRef<unsigned> ids) {
    for (unsigned id : ids)
      if (id != cluster.id && !llvm::is_contained(cluster.reads, id))
        cluster.reads.push_back(id);
  }

  void addMember(Cluster &cluster, Operation *op) {
    SmallVector<unsigned> ids = needs(op);
    needs_.erase(op); // readers ask for the owner from now on
    cluster.members.push_back(op);
    if (isCore(op))
      cluster.cores.push_back(op);
    cluster.lastOp = std::max(cluster.lastOp, plan.position.lookup(op));
    plan.owner[op] = cluster.id;
    addReads(cluster, ids);
  }

  Cluster &start(Operation *op) {
    SmallVector<unsigned> ids = needs(op);
    needs_.erase(op);
    Cluster &cluster = plan.newCluster(op);
    addReads(cluster, ids);
    return cluster;
  }

  // Contractions.

  void visitContract(ContractOp op) {
    std::optional<unsigned> logits;
    if (op.getKind() == ContractKind::Softmax)
      logits = logitsCluster(op);
    Cluster &cluster = start(op);
    Value result = op.getResult();
    cluster.axes.assign(shapeOf(result).begin(), shapeOf(result).end());
    cluster.placed[result] = {identityIndex(cluster.axes, context), {}};
    if (logits)
      takeUp(cluster, plan.clusters[*logits]);
  }

  /// The cluster that computes the logits, if the softmax is all that uses it.
  std::optional<unsigned> logitsCluster(ContractOp op) {
    Operation *source = plan.accesses.reads(op)[0].root.getDefiningOp();
    const Cluster *cluster = plan.ownerOf(source);
    if (!cluster || !cluster->hasContract() || cluster->prepare)
      return std::nullopt;
    for (Operation *member : cluster->members)
      if (cast<ContractOp>(cluster->cores.front()).getKind() != ContractKind::Sum ||
          !usedOnlyBy(member->getResult(0), *cluster, op))
        return std::nullopt;
    double stored =
        plan.choices.cost.bytes(2.0 * bytesOf(source->getResult(0))) + plan.choices.cost.launchSeconds;
    if (!plan.choices.decide(Choice::Attend, op.getResult(), 0, stored))
      return std::nullopt;
    return cluster->id;
  }

  bool usedOnlyBy(Value value, const Cluster &cluster, Operation *reader) {
    for (Operation *user : value.getUsers()) {
      if (user == reader)
        continue;
      if (!plan.accesses.isSolid(user)) {
        if (!usedOnlyBy(user->getResult(0), cluster, reader))
          return false;
        continue;
      }
      auto it = plan.owner.find(user);
      if (it == plan.owner.end() || it->second != cluster.id)
        return false;
    }
    return true;
  }

  void takeUp(Cluster &cluster, Cluster &other) {
    for (Operation *member : other.members)
      plan.owner[member] = cluster.id;
    cluster.members.insert(cluster.members.begin(), other.members.begin(), other.members.end());
    cluster.cores.insert(cluster.cores.begin(), other.cores.begin(), other.cores.end());
    cluster.firstOp = std::min(cluster.firstOp, other.firstOp);
    llvm::erase(cluster.reads, other.id);
    addReads(cluster, other.reads);
    other.dead = true;
    other.members.clear();
    other.cores.clear();
  }

  // Reductions.

  /// Axes that the reduced dimensions of `op` run over.
  std::set<unsigned> reducedAxes(Operation *op, const Placement &source) {
    auto dims = isa<ReduceOp>(op) ? cast<ReduceOp>(op).getDims() : cast<MomentsOp>(op).getDims();
    std::set<unsigned> axes;
    for (int64_t dim : dims)
      source.index[dim].walk([&](AffineExpr expr) {
        if (auto axis = dyn_cast<AffineDimExpr>(expr))
          axes.insert(axis.getPosition());
      });
    return axes;
  }

  bool joinReduction(Operation *op, Cluster &cluster) {
    const Read &read = plan.accesses.reads(op)[0];
    auto it = cluster.placed.find(read.root);
    if (cluster.dead || cluster.hasContract() || cluster.prepare != plan.isWeightOnly(op) ||
        it == cluster.placed.end() || !it->second.where.empty())
      return false;
    auto unified = unify(domainOf(op), read.index, it->second, cluster.axes, context);
    if (!unified || !unified->placement.where.empty() || !unified->splits.empty())
      return false;
    auto axes = reducedAxes(op, unified->placement);
    for (Operation *core : cluster.cores)
      if (reducedAxes(core, cluster.placed.find(core->getOperand(0))->second) != axes)
        return false;
    if (makesCycle(op, cluster))
      return false;
    addMember(cluster, op);
    placeReduction(op, cluster, unified->placement);
    return true;
  }

  void placeReduction(Operation *op, Cluster &cluster, const Placement &source) {
    auto dims = isa<ReduceOp>(op) ? cast<ReduceOp>(op).getDims() : cast<MomentsOp>(op).getDims();
    // The reduction's own operand, so that later splits of axes reach it.
    cluster.placed.insert({op->getOperand(0), source});
    Placement result;
    for (auto [dim, expr] : llvm::enumerate(source.index))
      if (!llvm::is_contained(dims, int64_t(dim)))
        result.index.push_back(expr);
    for (Value value : op->getResults())
      cluster.placed[value] = result;
    rowClusters_[plan.accesses.reads(op)[0].root].push_back(cluster.id);
  }

  bool makesCycle(Operation *op, const Cluster &cluster) {
    return llvm::any_of(needs(op),
                        [&](unsigned id) { return id != cluster.id && plan.reaches(id, cluster.id); });
  }

  void visitReduction(Operation *op) {
    Value root = plan.accesses.reads(op)[0].root;
    if (Cluster *cluster = plan.ownerOf(root.getDefiningOp()); cluster && joinReduction(op, *cluster))
      return;
    if (auto it = rowClusters_.find(root); it != rowClusters_.end())
      for (unsigned id : SmallVector<unsigned>(it->second))
        if (joinReduction(op, plan.clusters[id]))
          return;
    Cluster &cluster = start(op);
    cluster.axes.assign(domainOf(op).begin(), domainOf(op).end());
    placeReduction(op, cluster, {identityIndex(cluster.axes, context), {}});
    placeTree(root, plan.accesses.reads(op)[0].index, cluster, root);
  }

  /// Places what a reduction's source is computed from, through element-wise operations; `source` itself may
  /// be placed already.
  void placeTree(Value value, ArrayRef<AffineExpr> index, Cluster &cluster, Value source) {
    Operation *op = value.getDefiningOp();
    if (op && isSplat(op))
      return;
    // Only values read at another element for each point are in step with the axes.
    Exprs simple = simplified(index, cluster.axes);
    if (!usesAllAxes(simple, cluster.axes) || (cluster.placed.contains(value) && value != source))
      return;
    // Reshapes between the value and the reduction show as digits of the axes.
    if (auto splits = digitSplits(simple, cluster.axes); splits && !splits->empty())
      simple = simplified(replaceDims(simple, split(cluster, *splits)), cluster.axes);
    cluster.placed[value] = {simple, {}};
    if (!op || isCore(op) || isWeight(op) || isMovement(op) || isa<GatherOp>(op))
      return;
    // Deeper placements may split axes further.
    for (const Read &read : plan.accesses.reads(op))
      placeTree(read.root, replaceDims(read.index, cluster.placed[value].index), cluster, Value());
  }

  static bool usesAllAxes(ArrayRef<AffineExpr> index, Extents axes) {
    llvm::SmallBitVector used(axes.size());
    for (AffineExpr expr : index)
      expr.walk([&](AffineExpr part) {
        if (auto axis = dyn_cast<AffineDimExpr>(part))
          used.set(axis.getPosition());
      });
    for (auto [axis, extent] : llvm::enumerate(axes))
      if (extent > 1 && !used.test(axis))
        return false;
    return true;
  }

  // Element-wise operations.

  void visitElementwise(Operation *op) {
    SmallVector<unsigned> candidates;
    for (const Read &read : plan.accesses.reads(op))
      if (Cluster *cluster = plan.ownerOf(read.root.getDefiningOp()))
        if (!llvm::is_contained(candidates, cluster->id) && cluster->prepare == plan.isWeightOnly(op))
          candidates.push_back(cluster->id);
    llvm::sort(candidates,
               [&](unsigned a, unsigned b) { return plan.clusters[a].lastOp > plan.clusters[b].lastOp; });
    for (unsigned id : candidates)
      if (join(op, plan.clusters[id]))
        return;
  }

  bool join(Operation *op, Cluster &cluster) {
    if (makesCycle(op, cluster))
      return false;
    Extents domain = shapeOf(op->getResult(0));
    // Candidates: the placement of an operand carried over, then the same row-major order as any member.
    for (const Read &read : plan.accesses.reads(op)) {
      auto it = cluster.placed.find(read.root);
      if (it == cluster.placed.end())
        continue;
      // A piece has elements where its sources do not: conditions on those do not carry over.
      bool partial = isMovement(op) && !it->second.where.empty();
      if (read.identity && !partial && accept(op, cluster, {it->second, {}, cluster.axes}))
        return true;
      Placement target{it->second.index, isMovement(op) ? Conditions() : it->second.where};
      auto unified = unify(domain, read.index, target, cluster.axes, context, /*extend=*/isMovement(op));
      if (unified && accept(op, cluster, *unified))
        return true;
    }
    if (!isMovement(op))
      return false;
    Exprs identity = identityIndex(domain, context);
    AffineExpr position = linearise(identity, domain, context);
    for (Operation *member : llvm::reverse(cluster.members)) {
      Value value = member->getResult(0);
      auto it = cluster.placed.find(value);
      if (it == cluster.placed.end() || elementsOf(value) != elementsOf(op->getResult(0)))
        continue;
      Exprs access = simplified(delinearise(position, shapeOf(value)), domain);
      auto unified = unify(domain, access, it->second, cluster.axes, context);
      if (unified)
        return accept(op, cluster, *unified);
    }
    return false;
  }

  /// Whether every element of a tensor has a point: as many points as elements, since placements are
  /// one-to-one. What a cluster reads in step may be part of a tensor, and so may what follows from it.
  bool covers(const Placement &placement, Extents axes, Value value) {
    SmallVector<affine::Range> ranges;
    if (!placement.where.empty())
      ranges = affine::dimRanges(placement.where.toSet(context, axes.size()), axes);
    llvm::SmallBitVector used(axes.size());
    for (AffineExpr expr : placement.index)
      expr.walk([&](AffineExpr part) {
        if (auto axis = dyn_cast<AffineDimExpr>(part))
          used.set(axis.getPosition());
      });
    int64_t points = 1;
    for (unsigned axis : used.set_bits())
      points *= ranges.empty() ? axes[axis] : ranges[axis].max - ranges[axis].min + 1;
    return points == elementsOf(value);
  }

  /// Splits axes of a cluster; gives the old axes over the new ones.
  Exprs split(Cluster &cluster, ArrayRef<Split> splits) {
    Exprs dims;
    for (unsigned i = 0; i < cluster.axes.size(); ++i)
      dims.push_back(getAffineDimExpr(i, context));
    if (splits.empty())
      return dims;
    for (Split split : splits)
      dims = replaceDims(dims, applySplit(split, cluster.axes, context));
    for (auto &[value, placement] : cluster.placed) {
      placement.index = simplified(replaceDims(placement.index, dims), cluster.axes);
      placement.where = placement.where.replaced(dims);
      placement.where.simplify(cluster.axes);
    }
    return dims;
  }

  /// Joins at this placement if every core is needed at its own point only.
  bool accept(Operation *op, Cluster &cluster, const Unified &unified) {
    Exprs dims;
    SmallVector<int64_t> axes(cluster.axes);
    for (unsigned i = 0; i < axes.size(); ++i)
      dims.push_back(getAffineDimExpr(i, context));
    for (Split split : unified.splits)
      dims = replaceDims(dims, applySplit(split, axes, context));
    if (!covers(unified.placement, axes, op->getResult(0)))
      return false;
    Checker checker{*this, cluster, dims, axes, {}};
    if (!checker.checkOperands(op, unified.placement.index))
      return false;
    addMember(cluster, op);
    split(cluster, unified.splits);
    cluster.placed[op->getResult(0)] = unified.placement;
    return true;
  }

  /// Whether a value computed inside a cluster at given points needs the cluster's cores at their own points.
  struct Checker {
    Former &former;
    Cluster &cluster;
    ArrayRef<AffineExpr> dims; ///< the cluster's axes over those after the splits
    Extents axes;
    llvm::DenseSet<std::pair<Value, AffineMap>> visited;

    bool check(Value value, ArrayRef<AffineExpr> index) {
      Operation *op = value.getDefiningOp();
      if (!op || isWeight(op) || isSplat(op))
        return true;
      auto owner = former.plan.owner.find(op);
      bool own = owner != former.plan.owner.end() && owner->second == cluster.id;
      if (owner != former.plan.owner.end() && !own)
        return true; // loaded
      Exprs simple = simplified(index, axes);
      if (own) {
        auto it = cluster.placed.find(value);
        if (it != cluster.placed.end() && sameIndex(replaceDims(it->second.index, dims), simple, axes))
          return true;
        if (isCore(op))
          return false;
      }
      if (!visited.insert({value, AffineMap::get(axes.size(), 0, simple, op->getContext())}).second)
        return true;
      return checkOperands(op, simple);
    }

    bool checkOperands(Operation *op, ArrayRef<AffineExpr> index) {
      // A gathered tensor is complete before the kernel starts.
      if (auto gather = dyn_cast<GatherOp>(op); gather && former.depends(gather.getSource(), cluster.id))
        return false;
      for (const Read &read : former.plan.accesses.reads(op))
        if (!check(read.root, read.identity ? Exprs(index) : replaceDims(read.index, index)))
          return false;
      return true;
    }
  };

  Plan &plan;
  MLIRContext *context;
  llvm::DenseMap<Operation *, SmallVector<unsigned>> needs_;
  llvm::DenseMap<Value, SmallVector<unsigned>> rowClusters_;
};

} // namespace

void formClusters(Plan &plan) { Former(plan).run(); }

} // namespace tgc::cut
