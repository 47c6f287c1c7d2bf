// Contractions through the register-tiled outer product of a device with one thread a block.
// 1. The atom's columns are the side along which the store is contiguous; flipped, that is the left operand's.
// 2. A free weight on the columns' side is packed into panels; it is then read once for every tile of rows, which
//    are many. Anything else is packed by each block, so that blocks take many rows for it.
// 3. Sums, a panel of rows and a slice of columns fit the private cache; there are several blocks for every core.
// 4. With too few rows or columns for a register tile the weight's traffic is all that counts: plain loops.
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/Tiles.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc::heuristic {
namespace {

constexpr int64_t leastRows = 4;
constexpr int64_t blocksPerUnit = 4;

const Atom *atomFor(const KernelInfo &kernel, const DeviceInfo &device) {
  ElementType sums = kernel.reductions[kernel.contract->reduction].accumulator;
  for (const Atom &atom : device.atoms)
    if (atom.accumulator == sums && !atom.asynchronous && atom.threads == 1)
      return &atom;
  return nullptr;
}

/// Extents of a block's tile.
struct Block {
  int64_t rows, columns, depth;
};

class ContractRule {
public:
  ContractRule(const KernelInfo &kernel, const DeviceInfo &device, const Atom &atom, bool flip)
      : kernel(kernel), device(device), atom(atom), contract(*kernel.contract), flip(flip),
        rowOperand(flip ? contract.rhs : contract.lhs), columnOperand(flip ? contract.lhs : contract.rhs),
        rows(innermostFirst(kernel, flip ? contract.n : contract.m, mainLoad(kernel, rowOperand))),
        columns(innermostFirst(kernel, flip ? contract.m : contract.n, mainStore(kernel))),
        depth(innermostFirst(kernel, contract.k, mainLoad(kernel, rowOperand))) {}

  bool worthwhile() const {
    return extentOf(kernel, rows) >= leastRows && extentOf(kernel, columns) >= leastRows;
  }

  /// Schedules from large blocks to small ones.
  std::vector<Schedule> candidates() const {
    std::vector<Schedule> list;
    bool packed = freeWeight() != nullptr;
    int64_t bytes = bytesOf(atom.accumulator);
    // Half of the private cache for the sums and what is multiplied; the rest for what streams through.
    for (int64_t elements = device.l2Bytes / bytes / 2; elements >= 4096; elements /= 2) {
      Block block;
      block.depth = std::min<int64_t>(extentOf(kernel, depth), 384);
      block.columns = packed ? std::max<int64_t>(atom.n, elements / 512) : std::max<int64_t>(atom.n, elements / 1024);
      block.columns = std::min(block.columns, extentOf(kernel, columns));
      block.rows = std::max<int64_t>(atom.m, (elements - block.columns * (packed ? 0 : block.depth)) /
                                                 (block.columns + block.depth));
      list.push_back(make(block, packed));
    }
    return list;
  }

  int64_t blocks(const Schedule &schedule) const {
    int64_t count = extentOf(kernel, contract.batch);
    for (const std::vector<int> *side : {&rows, &columns})
      for (int axis : *side) {
        auto tile = schedule.tile.find(kernel.axes[axis].name);
        int64_t size = tile == schedule.tile.end() ? 1 : tile->second;
        count *= (kernel.axes[axis].extent + size - 1) / size;
      }
    return count;
  }

private:
  /// The columns' operand if it is one free weight.
  const BufferInfo *freeWeight() const {
    if (columnOperand.accesses.size() != 1)
      return nullptr;
    const BufferInfo &buffer = kernel.buffers[kernel.accesses[columnOperand.accesses.front()].buffer];
    return buffer.free ? &buffer : nullptr;
  }

  Schedule make(const Block &block, bool packed) const {
    Schedule schedule;
    schedule.atom = atom.name;
    schedule.flip = flip;
    fillTiles(kernel, columns, block.columns, packed ? atom.n : atom.n / 2, schedule);
    fillTiles(kernel, rows, block.rows, atom.m, schedule);
    fillTiles(kernel, depth, block.depth, 1, schedule);
    for (int axis : contract.complete)
      schedule.tile[kernel.axes[axis].name] = kernel.axes[axis].extent;
    if (packed)
      schedule.packs[freeWeight()->name] = fmt::format("{}{}k", flip ? 'm' : 'n', atom.n);
    return schedule;
  }

  const KernelInfo &kernel;
  const DeviceInfo &device;
  const Atom &atom;
  const ContractInfo &contract;
  bool flip;
  const OperandInfo &rowOperand, &columnOperand;
  std::vector<int> rows, columns, depth;
};

/// Whether the store is contiguous along an axis of the left operand.
bool storesAlongLeft(const KernelInfo &kernel) {
  const Access *store = mainStore(kernel);
  for (int axis : kernel.contract->m)
    if (kernel.axes[axis].extent > 1 && store && store->strideOf(axis, kernel.buffers[store->buffer]) == 1)
      return true;
  return false;
}

} // namespace

std::optional<Schedule> contractSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads > 1 || !kernel.contract)
    return std::nullopt;
  const Atom *atom = atomFor(kernel, device);
  if (!atom)
    return std::nullopt;
  std::optional<Schedule> legal;
  bool flip = storesAlongLeft(kernel);
  for (bool side : {flip, !flip}) {
    ContractRule rule(kernel, device, *atom, side);
    if (!rule.worthwhile())
      return std::nullopt;
    for (Schedule &schedule : rule.candidates()) {
      if (!makePlan(kernel, schedule, device))
        continue;
      bool enough = rule.blocks(schedule) >= device.units * blocksPerUnit;
      if (!legal || enough)
        legal = std::move(schedule);
      if (enough)
        return legal;
    }
    if (legal)
      return legal;
  }
  return std::nullopt;
}

} // namespace tgc::heuristic
