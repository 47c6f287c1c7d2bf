// 1. Number the launches, those to prepare first, and find for every buffer the first and last that use it, and
//    whether a prepare launch writes it.
// 2. Class every buffer by the operation that makes it.
// 3. Place the intermediate ones in arenas so that none overlaps another alive at the same time.
#include "compiler/package/MemoryPlan.h"

#include "compiler/kernel/transforms/Launches.h"
#include "runtime/format/ArenaPlan.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

using namespace mlir;
using tgc::runtime::SlotClass;

namespace tgc {
namespace {

/// Uses of one buffer.
struct Lifetime {
  int64_t first = -1, last = -1;
  bool prepared = false; ///< written by a prepare launch
  bool run = false;      ///< used by a launch that runs every time

  void use(int64_t launch) {
    if (first < 0)
      first = launch;
    last = launch;
  }
};

std::optional<SlotClass> classOf(Operation &op, const Lifetime &lifetime) {
  return TypeSwitch<Operation *, std::optional<SlotClass>>(&op)
      .Case<kernel::InputOp>([](auto) { return SlotClass::Input; })
      .Case<kernel::WeightOp>([](auto) { return SlotClass::Weight; })
      // An output that depends on weights alone is written by prepare and copied out in every run.
      .Case<kernel::OutputOp>(
          [&](auto) { return lifetime.prepared ? SlotClass::Prepared : SlotClass::Output; })
      .Case<kernel::BufferOp>([&](auto) -> std::optional<SlotClass> {
        // What only other prepare launches read is over with them.
        if (lifetime.prepared && lifetime.run)
          return SlotClass::Prepared;
        return lifetime.first >= 0 ? std::optional(SlotClass::Arena) : std::nullopt;
      })
      .Default([](Operation *) { return std::nullopt; });
}

uint64_t bytesOfType(MemRefType type) {
  return type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
}

} // namespace

uint64_t MemoryPlan::bytesOf(SlotClass slotClass) const {
  uint64_t bytes = 0;
  for (const auto &[buffer, place] : places)
    bytes += place.slotClass == slotClass ? place.bytes : 0;
  return bytes;
}

uint64_t MemoryPlan::arenaBytes() const { return std::accumulate(arenas.begin(), arenas.end(), uint64_t(0)); }

MemoryPlan planMemory(kernel::ProgramOp program, uint64_t maxAllocation,
                      llvm::function_ref<bool(kernel::LaunchOp, unsigned)> writes) {
  llvm::DenseMap<Value, Lifetime> lifetimes;
  int64_t position = 0;
  for (auto launch : program.getOps<kernel::LaunchOp>()) {
    for (auto [i, buffer] : llvm::enumerate(launch.getBuffers())) {
      Lifetime &lifetime = lifetimes[kernel::baseOf(buffer)];
      lifetime.use(position);
      if (!launch.getPrepare())
        lifetime.run = true;
      else if (writes(launch, i))
        lifetime.prepared = true;
    }
    ++position;
  }
  MemoryPlan plan;
  std::vector<runtime::Interval> intervals;
  for (Operation &op : *program.getBlock()) {
    if (op.getNumResults() != 1)
      continue;
    Value buffer = op.getResult(0);
    const Lifetime &lifetime = lifetimes[buffer];
    std::optional<SlotClass> slotClass = classOf(op, lifetime);
    if (!slotClass)
      continue;
    plan.places[buffer] = {*slotClass, bytesOfType(cast<MemRefType>(buffer.getType())), 0, 0};
    if (*slotClass == SlotClass::Arena)
      intervals.push_back({plan.places[buffer].bytes, uint32_t(lifetime.first), uint32_t(lifetime.last), 64});
  }
  runtime::ArenasPlan arenas = runtime::planArenas(intervals, maxAllocation);
  plan.arenas = arenas.totals;
  size_t next = 0;
  for (auto &[buffer, place] : plan.places)
    if (place.slotClass == SlotClass::Arena) {
      place.arena = arenas.arenas[next];
      place.offset = arenas.offsets[next++];
    }
  return plan;
}

} // namespace tgc
