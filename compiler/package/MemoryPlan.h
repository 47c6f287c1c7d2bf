// Where every buffer of a program lies: its class of slot, and for intermediate values the place in the arena.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "runtime/format/Package.h"
#include "llvm/ADT/MapVector.h"

namespace tgc {

struct BufferPlace {
  runtime::SlotClass slotClass = runtime::SlotClass::Arena;
  uint64_t bytes = 0;
  uint32_t arena = 0;
  uint64_t offset = 0; ///< in the arena
};

struct MemoryPlan {
  llvm::MapVector<mlir::Value, BufferPlace>
      places;                   ///< in the program's order; buffers nobody uses are left out
  std::vector<uint64_t> arenas; ///< bytes of each

  uint64_t bytesOf(runtime::SlotClass slotClass) const;
  uint64_t arenaBytes() const;
};

/// Buffers that prepare launches write live as long as the program; all other intermediate ones share an arena
/// by their lifetimes in the run list, or several where a device allocates at most `maxAllocation` bytes at once
/// (0: no limit). `writes` tells whether a launch stores to its i-th buffer.
MemoryPlan planMemory(kernel::ProgramOp program, uint64_t maxAllocation,
                      llvm::function_ref<bool(kernel::LaunchOp launch, unsigned buffer)> writes);

} // namespace tgc
