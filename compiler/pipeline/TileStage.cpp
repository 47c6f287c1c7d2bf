// Input: kernels with schedules. Output: a block program in place of every kernel, by the generator that its
// plan names.
#include "compiler/loop/GenerateLoop.h"
#include "compiler/pipe/GeneratePipe.h"
#include "compiler/pipeline/Stages.h"
#include "compiler/schedule/Describe.h"
#include "compiler/support/Error.h"
#include "search/Plan.h"

using namespace mlir;

namespace tgc {

void tileStage(StageAccess access) {
  for (auto kernel : llvm::make_early_inc_range(access.module()->getOps<kernel::FuncOp>())) {
    KernelInfo info = describeKernel(kernel);
    std::string name = kernel.getSymName().str();
    if (!kernel.getSchedule())
      badInput("kernel {} has no schedule", name);
    PlanResult plan = makePlan(info, parseSchedule(kernel.getSchedule()->str()), access.target().device());
    if (!plan)
      badInput("kernel {}: schedule '{}' is not legal: {}", name, kernel.getSchedule()->str(), plan.reason);
    access.reports().try_emplace(name,
                                 KernelReport{info, kernel.getSchedule()->str(), describe(*plan.plan, info)});
    SmallVector<bool> writes;
    for (const BufferInfo &buffer : info.buffers)
      writes.push_back(buffer.stored);
    OpBuilder builder(kernel);
    tile::FuncOp function = std::holds_alternative<PipePlan>(plan.plan->body)
                                ? generatePipe(builder, kernel, info, *plan.plan)
                                : generateLoop(builder, kernel, info, *plan.plan);
    function->setAttr(kWritesAttr, builder.getDenseBoolArrayAttr(writes));
    kernel.erase();
  }
}

} // namespace tgc
