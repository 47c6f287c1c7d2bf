// From a kernel and its plan to the tile stage.
// 1. The function with the kernel's buffers; the block's tile from tile.walk.
// 2. Scratch, the loop over the depth (or the keys) with copies and dots: Contract.cpp, Attend.cpp.
// 3. The epilogue: the kernel's stores at every point of the tile, where the contraction's value is read from
//    the sums.
#include "compiler/pipe/GeneratePipe.h"
#include "compiler/pipe/Program.h"
#include "compiler/support/Error.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"

using namespace mlir;

namespace tgc {

/// The kernel's reduction of that number, in the order of the body.
static Operation *reductionAt(kernel::FuncOp kernel, int number) {
  for (Operation &op : *kernel.getBlock())
    if (!kernel::reducedAxes(&op).empty() && number-- == 0)
      return &op;
  internalError("kernel {} has fewer reductions than its description", kernel.getSymName().str());
}

tile::FuncOp generatePipe(OpBuilder &builder, kernel::FuncOp kernel, const KernelInfo &info,
                          const Plan &plan) {
  if (!std::holds_alternative<PipePlan>(plan.body))
    internalError("kernel {} has no plan for the pipe", kernel.getSymName().str());
  pipe::Program program(builder, kernel, info, plan);
  tile::FuncOp function = program.write([&] {
    if (info.contract) {
      auto contract = cast<kernel::ContractOp>(reductionAt(kernel, info.contract->reduction));
      if (program.plan.roles && program.plan.roles->direct)
        directContractBody(program, contract);
      else if (program.plan.roles && program.plan.roles->producers == 0)
        groupsContractBody(program, contract);
      else if (program.plan.roles)
        rolesContractBody(program, contract);
      else
        program.walk(program.block(), [&] { contractBody(program, contract); });
    } else {
      auto softmax = cast<kernel::SoftmaxOp>(reductionAt(kernel, info.attend->reduction));
      auto scores = cast<kernel::ContractOp>(reductionAt(kernel, info.attend->scores->reduction));
      if (program.plan.roles && program.plan.roles->direct)
        directAttendBody(program, softmax, scores);
      else if (program.plan.roles)
        rolesAttendBody(program, softmax, scores);
      else
        program.walk(program.block(), [&] { attendBody(program, softmax, scores); });
    }
  });
  // Starts and indices were written where they were needed.
  IRRewriter rewriter(builder.getContext());
  DominanceInfo dominance(function);
  eliminateCommonSubExpressions(rewriter, dominance, function);
  return function;
}

} // namespace tgc
