// A block program with roles, rings and fragments goes through pipe/, any other through codegen/common/LowerLoop.h.
#include "codegen/ptx/LowerTile.h"

#include "codegen/common/LowerLoop.h"
#include "codegen/ptx/pipe/LowerPipe.h"

using namespace mlir;

namespace tgc::ptx {

void lowerTileModule(ModuleOp module, const DeviceInfo &device) {
  for (auto tile : llvm::make_early_inc_range(module.getOps<tile::FuncOp>()))
    if (isPipe(tile))
      lowerPipe(tile, /*matrixStores=*/device.architecture.rfind("sm_90", 0) == 0);
    else
      lowerLoopProgram(tile, device);
}

} // namespace tgc::ptx
