// Input: clusters with their stored values. Output: the same work in fewer clusters.
//
// 1. Clusters without contraction are candidates, grouped by the values they load, their axes and their reduced
//    axes: the norms of q and k, which read one projection and one table; the sine and the cosine of one angle.
// 2. Two of a group are united if neither needs the other's values, and if that saves more (a launch, the loads
//    they share) than it costs (nothing, by the model: one kernel of twice the work).
// 3. A cluster is compared with the last few of its group only: what lies far apart in the graph depends on each
//    other, or would hold memory for long.
#include "compiler/cut/Plan.h"

#include <map>
#include <set>

using namespace mlir;

namespace tgc::cut {
namespace {

constexpr unsigned kCompared = 4;
constexpr unsigned kMostBuffers = 24;
/// More than this, and a kernel that is many times the same work is worth less than one that is tuned once.
constexpr unsigned kMostOutputs = 4;

class Merger {
public:
  explicit Merger(Plan &plan) : plan(plan) {}

  void run() {
    collectReads(plan, loads);
    std::map<std::pair<std::vector<int64_t>, const void *>, SmallVector<unsigned>> groups;
    for (Cluster &cluster : plan.clusters) {
      if (cluster.dead || cluster.hasContract())
        continue;
      bool merged = false;
      for (Value value : SmallVector<Value>(loads[cluster.id].getArrayRef())) {
        if (merged)
          break;
        SmallVector<unsigned> &group = groups[{compactAxes(cluster), value.getAsOpaquePointer()}];
        for (size_t i = group.size(); i-- > 0 && group.size() - i <= kCompared && !merged;)
          merged = !plan.clusters[group[i]].dead && merge(plan.clusters[group[i]], cluster);
        if (!merged)
          group.push_back(cluster.id);
      }
    }
  }

private:
  static std::vector<int64_t> compactAxes(const Cluster &cluster) {
    std::vector<int64_t> axes;
    for (int64_t extent : cluster.axes)
      if (extent > 1)
        axes.push_back(extent);
    return axes;
  }

  /// The axes that the cluster reduces over, by their place among axes of more than one point.
  static std::set<unsigned> reduced(const Cluster &cluster) {
    std::set<unsigned> found;
    SmallVector<unsigned> place;
    unsigned next = 0;
    for (int64_t extent : cluster.axes)
      place.push_back(extent > 1 ? next++ : ~0u);
    for (Operation *core : cluster.cores) {
      auto reduce = dyn_cast<graph::ReduceOp>(core);
      ArrayRef<int64_t> dims = reduce ? reduce.getDims() : cast<graph::MomentsOp>(core).getDims();
      const Placement &source = cluster.placed.find(core->getOperand(0))->second;
      for (int64_t dim : dims)
        source.index[dim].walk([&](AffineExpr expr) {
          if (auto axis = dyn_cast<AffineDimExpr>(expr))
            found.insert(place[axis.getPosition()]);
        });
    }
    return found;
  }

  bool merge(Cluster &into, Cluster &from) {
    if (into.prepare != from.prepare || reduced(into) != reduced(from) || plan.reaches(into.id, from.id) ||
        plan.reaches(from.id, into.id))
      return false;
    llvm::SetVector<Value> values = loads[into.id];
    double shared = 0;
    for (Value value : loads[from.id])
      if (!values.insert(value))
        shared += double(bytesOf(value));
    unsigned outputs = into.outputs.size() + from.outputs.size();
    if (outputs > kMostOutputs || values.size() + outputs > kMostBuffers)
      return false;
    double apart = plan.choices.cost.launchSeconds + plan.choices.cost.bytes(shared);
    if (!plan.choices.decide(Choice::MergeRows, from.outputs.front(), 0, apart))
      return false;
    take(into, from);
    loads[into.id] = values;
    return true;
  }

  void take(Cluster &into, Cluster &from) {
    // The axes agree but for those of one point.
    Exprs dims;
    size_t next = 0;
    for (int64_t extent : from.axes) {
      if (extent == 1) {
        dims.push_back(getAffineConstantExpr(0, plan.context()));
        continue;
      }
      while (into.axes[next] == 1)
        ++next;
      dims.push_back(getAffineDimExpr(next++, plan.context()));
    }
    for (auto &[value, placement] : from.placed) {
      Placement moved{simplified(replaceDims(placement.index, dims), into.axes),
                      placement.where.replaced(dims)};
      into.placed.insert({value, moved});
    }
    for (Operation *member : from.members)
      plan.owner[member] = into.id;
    for (Value output : from.outputs)
      plan.stored[output] = into.id;
    into.members.append(from.members);
    into.cores.append(from.cores);
    into.outputs.append(from.outputs);
    into.firstOp = std::min(into.firstOp, from.firstOp);
    into.lastOp = std::max(into.lastOp, from.lastOp);
    for (unsigned id : from.reads)
      if (id != into.id && !llvm::is_contained(into.reads, id))
        into.reads.push_back(id);
    for (Cluster &cluster : plan.clusters)
      if (llvm::is_contained(cluster.reads, from.id)) {
        llvm::erase(cluster.reads, from.id);
        if (cluster.id != into.id && !llvm::is_contained(cluster.reads, into.id))
          cluster.reads.push_back(into.id);
      }
    from.dead = true;
    from.members.clear();
    from.cores.clear();
    from.outputs.clear();
  }

  Plan &plan;
  LoadedValues loads;
};

} // namespace

void collectReads(Plan &plan, LoadedValues &loads) {
  loads.assign(plan.clusters.size(), {});
  for (Cluster &cluster : plan.clusters) {
    if (cluster.dead)
      continue;
    llvm::DenseSet<Value> visited;
    SmallVector<Value> stack(cluster.outputs.begin(), cluster.outputs.end());
    llvm::SetVector<unsigned> reads;
    auto note = [&](Value value) {
      if (auto it = plan.stored.find(value); it != plan.stored.end() && it->second != cluster.id)
        reads.insert(it->second);
    };
    while (!stack.empty()) {
      Value value = stack.pop_back_val();
      if (!visited.insert(value).second)
        continue;
      Operation *op = value.getDefiningOp();
      auto stored = plan.stored.find(value);
      bool foreign = stored != plan.stored.end() && stored->second != cluster.id;
      if (!op || isWeight(op) || foreign || plan.assembled.contains(value)) {
        loads[cluster.id].insert(value);
        note(value);
        // An assembled value depends on those who store its parts.
        if (plan.assembled.contains(value))
          for (const Read &read : plan.accesses.reads(op))
            note(read.root);
        continue;
      }
      if (isSplat(op))
        continue;
      for (const Read &read : plan.accesses.reads(op))
        stack.push_back(read.root);
    }
    cluster.reads.assign(reads.begin(), reads.end());
  }
}

void mergeSiblings(Plan &plan) { Merger(plan).run(); }

} // namespace tgc::cut
