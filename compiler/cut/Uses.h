// Who uses the buffers of a program: launches, and the places in their kernels.
#pragma once
#include "compiler/kernel/Kernel.h"

namespace tgc::cut {

/// A buffer, or a part of it, as an argument of a launched kernel.
struct BufferUse {
  kernel::LaunchOp launch;
  kernel::FuncOp kernel;
  unsigned argument = 0;

  mlir::BlockArgument buffer() { return kernel.getBuffers()[argument]; }
};

/// The kernels of a program and how often each is launched.
class ProgramUses {
public:
  explicit ProgramUses(kernel::ProgramOp program);

  /// Uses of a buffer's value; nothing if something else than a kernel launched once uses it.
  std::optional<llvm::SmallVector<BufferUse>> of(mlir::Value buffer);

  /// The use that an operand of a launch is, on the same condition.
  std::optional<BufferUse> ofOperand(mlir::OpOperand &operand);

private:
  llvm::StringMap<kernel::FuncOp> kernels_;
  llvm::StringMap<unsigned> launches_;
};

} // namespace tgc::cut
