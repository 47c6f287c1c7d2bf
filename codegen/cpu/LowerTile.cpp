// In:  tile.func @k(buffers…) block %b of N threads(1), tile.scratch inside.
// Out: func.func @k(buffers…, [%scratch: memref<SxI8>,] %begin: index, %end: index) with tgc.kernel
//      and tgc.scratch_bytes.
// 1. Copies, maps, dots and walks become loops (LowerCopy.h).
// 2. The body becomes that of a loop over the blocks from begin to end; what does not depend on the block
//    (constants, views of buffers) goes before it.
// 3. Every tile.scratch becomes a view of the scratch at an offset aligned to 64 bytes.
#include "codegen/cpu/LowerTile.h"

#include "codegen/cpu/LowerCopy.h"
#include "compiler/support/Error.h"
#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

constexpr int64_t scratchAlignment = 64;

int64_t bytesOf(MemRefType type) {
  int64_t bits = std::max(8u, type.getElementTypeBitWidth());
  return type.getNumElements() * (bits / 8);
}

class LowerFunction {
public:
  explicit LowerFunction(tile::FuncOp tile) : tile(tile), builder(tile), loc(tile.getLoc()) {}

  void run() {
    if (tile.getThreads() != 1)
      internalError("kernel {}: a block of {} threads on a CPU", tile.getSymName().str(), tile.getThreads());
    int64_t scratchBytes = 0;
    tile.walk([&](tile::ScratchOp scratch) {
      offsets[scratch] = scratchBytes;
      scratchBytes += llvm::alignTo(bytesOf(scratch.getType()), scratchAlignment);
    });
    SmallVector<Type> types =
        llvm::map_to_vector(tile.getBuffers(), [](Value buffer) { return buffer.getType(); });
    if (scratchBytes)
      types.push_back(MemRefType::get({scratchBytes}, builder.getI8Type()));
    types.append(2, builder.getIndexType());
    auto function = builder.create<func::FuncOp>(loc, tile.getSymName(), builder.getFunctionType(types, {}));
    function->setAttr("tgc.kernel", builder.getUnitAttr());
    function->setAttr("tgc.scratch_bytes", builder.getI64IntegerAttr(scratchBytes));
    fill(function, scratchBytes);
    tile.erase();
  }

private:
  void fill(func::FuncOp function, int64_t scratchBytes) {
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    unsigned buffers = tile.getBuffers().size();
    Value begin = entry->getArgument(entry->getNumArguments() - 2), end = entry->getArguments().back();
    Value one = builder.create<arith::ConstantIndexOp>(loc, 1);
    auto loop = builder.create<scf::ForOp>(loc, begin, end, one);
    builder.create<func::ReturnOp>(loc);
    for (unsigned i = 0; i < buffers; ++i)
      tile.getBuffers()[i].replaceAllUsesWith(entry->getArgument(i));
    tile.getBlockIndex().replaceAllUsesWith(loop.getInductionVar());
    Operation *yield = loop.getBody()->getTerminator();
    for (Operation &op : llvm::make_early_inc_range(*tile.getBlock())) {
      bool invariant =
          op.getNumRegions() == 0 && isMemoryEffectFree(&op) &&
          llvm::all_of(op.getOperands(), [&](Value operand) { return operand.getParentBlock() == entry; });
      op.moveBefore(invariant ? loop.getOperation() : yield);
    }
    function.walk([&](tile::ScratchOp scratch) {
      OpBuilder inside(scratch);
      Value offset = inside.create<arith::ConstantIndexOp>(loc, offsets.lookup(scratch));
      Value view = inside.create<memref::ViewOp>(loc, cast<MemRefType>(scratch.getType()),
                                                 entry->getArgument(buffers), offset, ValueRange());
      scratch.replaceAllUsesWith(view);
      scratch.erase();
    });
  }

  tile::FuncOp tile;
  OpBuilder builder;
  Location loc;
  llvm::DenseMap<Operation *, int64_t> offsets;
};

} // namespace

void lowerTileModule(ModuleOp module, const CpuTarget &target) {
  lowerTileOperations(module, target);
  for (auto tile : llvm::make_early_inc_range(module.getOps<tile::FuncOp>()))
    LowerFunction(tile).run();
}

} // namespace tgc::cpu
