#include "codegen/common/SharedMemory.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;

namespace tgc {

Value SharedMemory::allocate(Type element, ArrayRef<int64_t> shape) {
  int64_t elements = 1;
  for (int64_t size : shape)
    elements *= size;
  return view(reserve(elements * (element.getIntOrFloatBitWidth() / 8)), element, shape);
}

int64_t SharedMemory::reserve(int64_t bytes) {
  int64_t offset = llvm::alignTo(used, 16);
  used = offset + bytes;
  return offset;
}

Value SharedMemory::view(int64_t start, Type element, ArrayRef<int64_t> shape) {
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  Location loc = function.getLoc();
  Attribute space = gpu::AddressSpaceAttr::get(function.getContext(), gpu::AddressSpace::Workgroup);
  if (base)
    builder.setInsertionPointAfterValue(base);
  else
    base = builder.create<gpu::DynamicSharedMemoryOp>(
        loc,
        MemRefType::get({ShapedType::kDynamic}, builder.getI8Type(), MemRefLayoutAttrInterface(), space));
  auto type = MemRefType::get(shape, element, MemRefLayoutAttrInterface(), space);
  Value offset = builder.create<arith::ConstantIndexOp>(loc, start);
  return builder.create<memref::ViewOp>(loc, type, base, offset, ValueRange());
}

} // namespace tgc
