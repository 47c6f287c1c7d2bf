// Input: an ONNX file. Output: the graph stage's module as the front end gives it.
#include "compiler/pipeline/Stages.h"

namespace tgc {

void importStage(StageAccess access) {
  access.module() = onnx::importModel(access.context(), access.options().model, access.options().import);
}

} // namespace tgc
