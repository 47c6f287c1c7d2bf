#include "compiler/cut/Uses.h"

using namespace mlir;

namespace tgc::cut {

ProgramUses::ProgramUses(kernel::ProgramOp program) {
  for (auto func : program->getParentOfType<ModuleOp>().getOps<kernel::FuncOp>())
    kernels_[func.getSymName()] = func;
  for (auto launch : program.getBlock()->getOps<kernel::LaunchOp>())
    ++launches_[launch.getKernel()];
}

std::optional<BufferUse> ProgramUses::ofOperand(OpOperand &operand) {
  auto launch = dyn_cast<kernel::LaunchOp>(operand.getOwner());
  if (!launch || launches_.lookup(launch.getKernel()) != 1 || !kernels_.contains(launch.getKernel()))
    return std::nullopt;
  return BufferUse{launch, kernels_[launch.getKernel()], operand.getOperandNumber()};
}

std::optional<SmallVector<BufferUse>> ProgramUses::of(Value buffer) {
  SmallVector<BufferUse> uses;
  for (OpOperand &operand : buffer.getUses()) {
    auto use = ofOperand(operand);
    if (!use)
      return std::nullopt;
    uses.push_back(*use);
  }
  return uses;
}

} // namespace tgc::cut
