// In:  tile.func @k(buffers…) block %b of N threads(T), with tile.thread, tile.reduce and tile.scratch.
// Out: func.func @k(buffers…) with tgc.kernel, tgc.threads and tgc.shared_bytes.
// 1. The body moves into the function; block and thread are numbers of the gpu dialect.
// 2. Reductions across threads become shuffles and shared memory (LowerReduce.h).
// 3. Every tile.scratch becomes a view of shared memory.
#include "codegen/common/LowerLoop.h"

#include "codegen/common/LowerReduce.h"
#include "codegen/common/SharedMemory.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;

namespace tgc {

void lowerLoopProgram(tile::FuncOp tile, const DeviceInfo &device) {
  OpBuilder builder(tile);
  Location loc = tile.getLoc();
  SmallVector<Type> types =
      llvm::map_to_vector(tile.getBuffers(), [](Value buffer) { return buffer.getType(); });
  auto function = builder.create<func::FuncOp>(loc, tile.getSymName(), builder.getFunctionType(types, {}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  Value block = builder.create<gpu::BlockIdOp>(loc, gpu::Dimension::x);
  Value thread = builder.create<gpu::ThreadIdOp>(loc, gpu::Dimension::x);
  for (auto [from, to] : llvm::zip(tile.getBuffers(), entry->getArguments()))
    from.replaceAllUsesWith(to);
  tile.getBlockIndex().replaceAllUsesWith(block);
  entry->getOperations().splice(entry->end(), tile.getBlock()->getOperations());
  builder.setInsertionPointToEnd(entry);
  builder.create<func::ReturnOp>(loc);

  SharedMemory shared(function);
  function.walk([&](tile::ThreadOp op) {
    op.replaceAllUsesWith(thread);
    op.erase();
  });
  lowerReduces(function, thread, tile.getThreads(), device.subgroup, shared);
  function.walk([&](tile::ScratchOp op) {
    auto type = cast<MemRefType>(op.getType());
    op.replaceAllUsesWith(shared.allocate(type.getElementType(), type.getShape()));
    op.erase();
  });
  if (shared.bytes() > device.sharedBytes)
    internalError("kernel {}: {} bytes of shared memory, {} has {}", function.getSymName().str(),
                  shared.bytes(), device.name, device.sharedBytes);
  function->setAttr("tgc.kernel", builder.getUnitAttr());
  function->setAttr("tgc.threads", builder.getI64IntegerAttr(tile.getThreads()));
  function->setAttr("tgc.shared_bytes", builder.getI64IntegerAttr(shared.bytes()));
  tile.erase();
}

} // namespace tgc
