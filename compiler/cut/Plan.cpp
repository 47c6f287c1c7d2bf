#include "compiler/cut/Plan.h"

using namespace mlir;

namespace tgc::cut {

Cluster &Plan::newCluster(Operation *op) {
  Cluster &cluster = clusters.emplace_back();
  cluster.id = clusters.size() - 1;
  cluster.prepare = isWeightOnly(op);
  cluster.firstOp = cluster.lastOp = position.lookup(op);
  cluster.members.push_back(op);
  if (isCore(op))
    cluster.cores.push_back(op);
  owner[op] = cluster.id;
  return cluster;
}

Cluster *Plan::ownerOf(Operation *op) {
  auto it = op ? owner.find(op) : owner.end();
  return it == owner.end() ? nullptr : &clusters[it->second];
}
const Cluster *Plan::ownerOf(Operation *op) const { return const_cast<Plan *>(this)->ownerOf(op); }

bool Plan::inMemory(Value value) const {
  Operation *op = value.getDefiningOp();
  return !op || isWeight(op) || stored.contains(value) || assembled.contains(value);
}

bool Plan::reaches(unsigned from, unsigned to) const {
  if (from == to)
    return true;
  visited_.clear();
  visited_.resize(clusters.size());
  SmallVector<unsigned> stack{from};
  while (!stack.empty()) {
    unsigned id = stack.pop_back_val();
    for (unsigned next : clusters[id].reads) {
      if (next == to)
        return true;
      // What reads `to` has an operation after the first of `to`.
      if (visited_.test(next) || clusters[next].lastOp <= clusters[to].firstOp)
        continue;
      visited_.set(next);
      stack.push_back(next);
    }
  }
  return false;
}

} // namespace tgc::cut
