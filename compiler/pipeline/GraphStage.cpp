// Input: the graph as imported. Output: the same computation after the graph passes.
#include "compiler/graph/transforms/Passes.h"
#include "compiler/pipeline/Stages.h"

using namespace mlir;

namespace tgc {

void graphStage(StageAccess access) {
  runPasses(access, [](OpPassManager &passes) { graph::addGraphPasses(passes.nest<func::FuncOp>()); });
}

} // namespace tgc
