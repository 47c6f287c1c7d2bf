// kernel-canonical
//
// In: kernels and their launches. Out: every kernel in canonical form (Canonical.h), launches with their
// buffers in the new order. A kernel that has a schedule keeps its form, since the schedule names its axes.
#include "compiler/kernel/Canonical.h"
#include "compiler/kernel/Passes.h"
#include "compiler/kernel/transforms/Launches.h"

using namespace mlir;

namespace tgc::kernel {
namespace {

struct CanonicalPass : PassWrapper<CanonicalPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CanonicalPass)
  StringRef getArgument() const override { return "kernel-canonical"; }
  StringRef getDescription() const override {
    return "canonical names and order of axes, buffers and operations";
  }
  void runOnOperation() override {
    auto launches = launchesByKernel(getOperation());
    for (FuncOp func : getOperation().getOps<FuncOp>()) {
      if (func.getSchedule())
        continue;
      SmallVector<unsigned> order;
      canonicalize(func, order);
      for (LaunchOp launch : launches[func.getSymName()])
        reorderLaunch(launch, order);
    }
  }
};

} // namespace

std::unique_ptr<Pass> createCanonicalPass() { return std::make_unique<CanonicalPass>(); }

} // namespace tgc::kernel
