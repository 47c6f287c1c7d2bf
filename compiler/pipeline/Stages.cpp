#include "compiler/pipeline/Stages.h"

namespace tgc {

llvm::ArrayRef<Stage> stages() {
  static constexpr Stage list[] = {
      {"import", "the model as graph operations, as the front end gives it", importStage, true},
      {"graph", "graph passes: views composed, norms and attention recognised, projections merged",
       graphStage, true},
      {"kernel", "cut into kernels over named axes", kernelStage, true},
      {"schedule", "a schedule for every kernel, weights packed as it wants", scheduleStage, true},
      {"tile", "one block's program for every kernel", tileStage, true},
      {"thread", "one thread's program for every kernel", threadStage, true},
      {"code", "machine code", codeStage, false},
      {"package", "code, launches, memory and weights in one file", packageStage, false},
  };
  return list;
}

std::vector<std::pair<std::string, std::string>> stageNames() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const Stage &stage : stages())
    if (stage.text)
      names.push_back({stage.name, stage.purpose});
  return names;
}

} // namespace tgc
