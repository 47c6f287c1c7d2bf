#include "runtime/program/PreparePlan.h"
#include <algorithm>
#include <numeric>

namespace tgc::runtime {

namespace {
bool transient(SlotClass slotClass) {
  return slotClass == SlotClass::Arena || slotClass == SlotClass::Workspace;
}

void sortUnique(std::vector<uint32_t> &items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

/// Adds everything that the edges reach from the marked nodes.
void spread(std::vector<uint32_t> pending, const std::vector<std::vector<uint32_t>> &edges,
            std::vector<bool> &marked) {
  while (!pending.empty()) {
    uint32_t node = pending.back();
    pending.pop_back();
    for (uint32_t next : edges[node])
      if (!marked[next]) {
        marked[next] = true;
        pending.push_back(next);
      }
  }
}

std::vector<uint32_t> indices(const std::vector<bool> &marked) {
  std::vector<uint32_t> result;
  for (uint32_t i = 0; i < marked.size(); ++i)
    if (marked[i])
      result.push_back(i);
  return result;
}
} // namespace

PreparePlan::PreparePlan(const Package &package) : package(package) {
  findEdges();
  findForOthers();
  findPeak();
}

void PreparePlan::findEdges() {
  std::vector<uint32_t> weightOf(package.slots.size(), UINT32_MAX);
  for (uint32_t w = 0; w < package.weights.size(); ++w)
    weightOf[package.weights[w].slot] = w;
  size_t launches = package.prepare.size();
  byRun.assign(package.weights.size(), false);
  byPrepare.assign(package.weights.size(), false);
  dependents.resize(package.weights.size());
  reads.resize(launches);
  consumers.resize(launches);
  suppliers.resize(launches);

  auto useInRun = [&](uint32_t slot) {
    if (weightOf[slot] != UINT32_MAX)
      byRun[weightOf[slot]] = true;
  };
  for (const Launch &launch : package.run)
    for (const Param &param : launch.params)
      if (param.usesSlot())
        useInRun(param.slot);
  for (const TensorRecord &output : package.outputs)
    useInRun(output.slot);

  std::vector<std::vector<uint32_t>> writers(package.slots.size()); // so far
  for (uint32_t l = 0; l < launches; ++l) {
    const Launch &launch = package.prepare[l];
    for (uint32_t weight : launch.weights)
      dependents[weight].push_back(l);
    for (const Param &param : launch.params) {
      if (!param.usesSlot() || !param.reads())
        continue;
      if (uint32_t weight = weightOf[param.slot]; weight != UINT32_MAX) {
        byPrepare[weight] = true;
        reads[l].push_back(weight);
        dependents[weight].push_back(l);
      }
      for (uint32_t writer : writers[param.slot]) {
        consumers[writer].push_back(l);
        if (transient(package.slots[param.slot].slotClass))
          suppliers[l].push_back(writer);
      }
    }
    for (const Param &param : launch.params)
      if (param.usesSlot() && param.writes() &&
          (writers[param.slot].empty() || writers[param.slot].back() != l))
        writers[param.slot].push_back(l);
    sortUnique(reads[l]);
  }
  for (auto *lists : {&dependents, &consumers, &suppliers})
    for (std::vector<uint32_t> &list : *lists)
      sortUnique(list);
}

std::vector<uint32_t> PreparePlan::launchesFor(const std::vector<uint32_t> &weights) const {
  std::vector<bool> marked(package.prepare.size(), false);
  std::vector<uint32_t> first;
  for (uint32_t weight : weights)
    for (uint32_t launch : dependents[weight])
      if (!marked[launch]) {
        marked[launch] = true;
        first.push_back(launch);
      }
  spread(first, consumers, marked);
  spread(indices(marked), suppliers, marked);
  return indices(marked);
}

std::vector<uint32_t> PreparePlan::allLaunches() const {
  std::vector<uint32_t> all(package.prepare.size());
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

void PreparePlan::findForOthers() {
  forOthers.assign(package.weights.size(), false);
  for (uint32_t weight = 0; weight < package.weights.size(); ++weight)
    for (uint32_t launch : launchesFor({weight}))
      for (uint32_t other : reads[launch])
        if (other != weight)
          forOthers[other] = true;
}

void PreparePlan::findPeak() {
  std::vector<uint32_t> lastReader(package.weights.size(), 0);
  for (uint32_t l = 0; l < reads.size(); ++l)
    for (uint32_t weight : reads[l])
      lastReader[weight] = l;
  auto bytes = [&](uint32_t weight) { return package.slots[package.weights[weight].slot].bytes; };
  uint64_t held = 0;
  std::vector<bool> present(package.weights.size(), false), made(package.slots.size(), false);
  for (uint32_t w = 0; w < package.weights.size(); ++w)
    if (byRun[w]) {
      present[w] = true;
      held += bytes(w);
    }
  peak = held;
  for (uint32_t l = 0; l < reads.size(); ++l) {
    for (uint32_t weight : reads[l])
      if (!present[weight]) {
        present[weight] = true;
        held += bytes(weight);
      }
    for (const Param &param : package.prepare[l].params)
      if (param.usesSlot() && package.slots[param.slot].slotClass == SlotClass::Prepared &&
          !made[param.slot]) {
        made[param.slot] = true;
        held += package.slots[param.slot].bytes;
      }
    peak = std::max(peak, held);
    for (uint32_t weight : reads[l])
      if (!byRun[weight] && lastReader[weight] == l)
        held -= bytes(weight);
  }
}

} // namespace tgc::runtime
