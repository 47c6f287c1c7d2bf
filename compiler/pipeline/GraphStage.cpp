// Input: the graph as imported. Output: the same computation after the graph passes. What a device without f64 computes
// in f32 is noted.
#include "compiler/graph/transforms/Passes.h"
#include "compiler/pipeline/Stages.h"
#include <fmt/ranges.h>
#include <set>

using namespace mlir;

namespace tgc {

/// Each node once, in the order of the graph.
static std::vector<std::string> namesOf(ArrayRef<Location> places) {
  std::vector<std::string> names;
  std::set<std::string> known;
  for (Location place : places)
    for (const std::string &name : nodeNames(place))
      if (known.insert(name).second)
        names.push_back(name);
  return names;
}

void graphStage(StageAccess access) {
  const std::optional<std::string> &precision = access.options().import.precision;
  SmallVector<Location> inSingle;
  runPasses(access, [&](OpPassManager &passes) {
    OpPassManager &functions = passes.nest<func::FuncOp>();
    if (!access.target().supports(ElementType::F64))
      functions.addPass(graph::createAvoidDoublePass(&inSingle));
    if (precision == "f16" || precision == "bf16" || precision == "tf32")
      functions.addPass(graph::createNarrowContractionsPass(*precision));
    graph::addGraphPasses(functions, access.target().device().attendColumns);
  });
  if (!inSingle.empty())
    access.note(fmt::format("{} has no float64; in float32 it computes: {}", access.target().device().name,
                            fmt::join(namesOf(inSingle), ", ")));
}

} // namespace tgc
