#include "compiler/schedule/TakeApart.h"

#include "compiler/schedule/SplitReduction.h"
#include "compiler/schedule/Unfold.h"
#include "compiler/schedule/Winograd.h"

using namespace mlir;

namespace tgc {

SmallVector<kernel::FuncOp> takeApart(ModuleOp module, kernel::FuncOp kernel, const KernelInfo &info,
                                      const PartsResult &parts) {
  if (const auto *split = std::get_if<SplitPlan>(&*parts.plan))
    return splitReduction(module, kernel, info, *split);
  if (const auto *unfold = std::get_if<UnfoldPlan>(&*parts.plan))
    return applyUnfold(module, kernel, info, *unfold);
  return applyWinograd(module, kernel, info, std::get<WinogradPlan>(*parts.plan));
}

} // namespace tgc
