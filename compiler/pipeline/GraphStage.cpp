// Input: the graph as imported. Output: the same computation after the graph passes.
#include "compiler/graph/transforms/Passes.h"
#include "compiler/pipeline/Stages.h"

using namespace mlir;

namespace tgc {

void graphStage(StageAccess access) {
  const std::optional<std::string> &precision = access.options().import.precision;
  runPasses(access, [&](OpPassManager &passes) {
    OpPassManager &functions = passes.nest<func::FuncOp>();
    if (precision == "f16" || precision == "bf16" || precision == "tf32")
      functions.addPass(graph::createNarrowContractionsPass(*precision));
    graph::addGraphPasses(functions, access.target().device().attendColumns);
  });
}

} // namespace tgc
