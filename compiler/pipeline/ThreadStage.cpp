// Input: the tile stage. Output: one thread's program in place of every block program, by the target.
// What the package needs to know of a kernel stays with it as attributes.
#include "compiler/pipeline/Stages.h"
#include "compiler/support/Error.h"

using namespace mlir;

namespace tgc {

void threadStage(StageAccess access) {
  struct Carried {
    Attribute writes;
    int64_t blocks;
  };
  std::map<std::string, Carried> carried;
  for (auto function : access.module()->getOps<tile::FuncOp>())
    carried[function.getSymName().str()] = {function->getAttr(kWritesAttr), int64_t(function.getBlocks())};
  access.target().lowerToThread(*access.module());
  Builder builder(&access.context());
  for (auto function : access.module()->getOps<func::FuncOp>()) {
    const Carried &kernel = carried[function.getSymName().str()];
    if (!kernel.writes)
      badInput("block program {} does not say which buffers it writes ({})", function.getSymName().str(),
               kWritesAttr.str());
    function->setAttr(kWritesAttr, kernel.writes);
    function->setAttr(kBlocksAttr, builder.getI64IntegerAttr(kernel.blocks));
  }
}

} // namespace tgc
