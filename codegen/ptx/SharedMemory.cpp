#include "codegen/ptx/SharedMemory.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;

namespace tgc::ptx {

Value SharedMemory::allocate(Type element, ArrayRef<int64_t> shape) {
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  Location loc = function.getLoc();
  Attribute space = gpu::AddressSpaceAttr::get(function.getContext(), gpu::AddressSpace::Workgroup);
  if (base)
    builder.setInsertionPointAfterValue(base);
  else
    base = builder.create<gpu::DynamicSharedMemoryOp>(
        loc, MemRefType::get({ShapedType::kDynamic}, builder.getI8Type(), MemRefLayoutAttrInterface(), space));
  used = llvm::alignTo(used, 16);
  auto type = MemRefType::get(shape, element, MemRefLayoutAttrInterface(), space);
  Value offset = builder.create<arith::ConstantIndexOp>(loc, used);
  used += type.getNumElements() * (element.getIntOrFloatBitWidth() / 8);
  return builder.create<memref::ViewOp>(loc, type, base, offset, ValueRange());
}

} // namespace tgc::ptx
