// Input: the graph stage. Output: kernels over named axes and the program that launches them.
#include "compiler/cut/Passes.h"
#include "compiler/kernel/Passes.h"
#include "compiler/pipeline/Stages.h"

using namespace mlir;

namespace tgc {

void kernelStage(StageAccess access) {
  runPasses(access, [](OpPassManager &passes) {
    cut::addCutPasses(passes);
    kernel::addKernelPasses(passes);
  });
}

} // namespace tgc
