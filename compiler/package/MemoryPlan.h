// Where every buffer of a program lies: its class of slot, and for intermediate values the place in the arena.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "runtime/format/Package.h"
#include "llvm/ADT/MapVector.h"

namespace tgc {

struct BufferPlace {
  runtime::SlotClass slotClass = runtime::SlotClass::Arena;
  uint64_t bytes = 0;
  uint64_t offset = 0; ///< in the arena
};

struct MemoryPlan {
  llvm::MapVector<mlir::Value, BufferPlace> places; ///< in the program's order; buffers nobody uses are left out
  uint64_t arenaBytes = 0;

  uint64_t bytesOf(runtime::SlotClass slotClass) const;
};

/// Buffers that prepare launches write live as long as the program; all other intermediate ones share one arena
/// by their lifetimes in the run list. `writes` tells whether a launch stores to its i-th buffer.
MemoryPlan planMemory(kernel::ProgramOp program,
                      llvm::function_ref<bool(kernel::LaunchOp launch, unsigned buffer)> writes);

/// The buffer that a launch's operand is (a part of).
mlir::Value baseOf(mlir::Value buffer);

} // namespace tgc
