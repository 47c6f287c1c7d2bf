#include "compiler/kernel/transforms/Launches.h"

using namespace mlir;
using namespace tgc::kernel;

llvm::StringMap<SmallVector<LaunchOp>> tgc::kernel::launchesByKernel(ModuleOp module) {
  llvm::StringMap<SmallVector<LaunchOp>> launches;
  module.walk([&](LaunchOp launch) { launches[launch.getKernel()].push_back(launch); });
  return launches;
}

MemRefType tgc::kernel::stridedType(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides, int64_t offset,
                                    Type element) {
  int64_t expected = 1;
  bool plain = offset == 0;
  for (auto [size, stride] : llvm::reverse(llvm::zip(shape, strides))) {
    plain &= stride == expected;
    expected *= size;
  }
  if (plain)
    return MemRefType::get(shape, element);
  return MemRefType::get(shape, element, StridedLayoutAttr::get(element.getContext(), offset, strides));
}

Value tgc::kernel::castBuffer(OpBuilder &builder, Value buffer, MemRefType type) {
  Location loc = buffer.getLoc();
  while (auto cast = buffer.getDefiningOp<memref::ReinterpretCastOp>())
    buffer = cast.getSource();
  if (buffer.getType() == type)
    return buffer;
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  (void)getStridesAndOffset(type, strides, offset);
  return builder.create<memref::ReinterpretCastOp>(loc, type, buffer, offset, type.getShape(), strides);
}

void tgc::kernel::setBufferTypes(FuncOp func, ArrayRef<MemRefType> types, ArrayRef<LaunchOp> launches) {
  for (auto [argument, type] : llvm::zip(func.getBuffers(), types))
    argument.setType(type);
  for (LaunchOp launch : launches) {
    OpBuilder builder(launch);
    for (auto [i, type] : llvm::enumerate(types))
      if (launch.getBuffers()[i].getType() != type)
        launch->setOperand(i, castBuffer(builder, launch.getBuffers()[i], type));
  }
}

void tgc::kernel::reorderLaunch(LaunchOp launch, ArrayRef<unsigned> order) {
  SmallVector<Value> operands;
  SmallVector<int64_t> offsets;
  for (unsigned from : order) {
    operands.push_back(launch.getBuffers()[from]);
    offsets.push_back(launch.offsetOf(from));
  }
  launch->setOperands(operands);
  if (launch.getOffsets())
    launch.setOffsets(offsets);
}

void tgc::kernel::reorderBuffers(FuncOp func, ArrayRef<unsigned> order, ArrayRef<LaunchOp> launches) {
  unsigned old = func.getNumBuffers();
  Block *block = func.getBlock();
  SmallVector<Attribute> names;
  SmallVector<bool> free;
  // The new arguments stand behind the old ones until those are gone.
  for (auto [i, from] : llvm::enumerate(order)) {
    BlockArgument argument = block->getArgument(from);
    BlockArgument moved = block->insertArgument(old + i, argument.getType(), argument.getLoc());
    argument.replaceAllUsesWith(moved);
    names.push_back(func.getBufferNames()[from]);
    free.push_back(func.getFree()[from]);
  }
  block->eraseArguments(0, old);
  func.setBufferNamesAttr(ArrayAttr::get(func.getContext(), names));
  func.setFree(free);
  for (LaunchOp launch : launches)
    reorderLaunch(launch, order);
}

void tgc::kernel::defineBefore(Value buffer, Operation *place) {
  Operation *definition = buffer.getDefiningOp();
  if (!definition || definition->isBeforeInBlock(place))
    return;
  definition->moveBefore(place);
  for (Value operand : definition->getOperands())
    defineBefore(operand, definition);
}

Value tgc::kernel::baseOf(Value buffer) {
  while (auto cast = buffer.getDefiningOp<memref::ReinterpretCastOp>())
    buffer = cast.getSource();
  return buffer;
}

void tgc::kernel::eraseUnusedCasts(ModuleOp module) {
  module.walk([](ProgramOp program) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*program.getBlock())))
      if (isa<memref::ReinterpretCastOp>(op) && op.use_empty())
        op.erase();
  });
}
