// Memory:
//  1. A place is the pointer to the first element and one index: the type's offset and strides are constants.
//  2. Vectors are loaded and stored at their whole alignment, through a pointer to a vector of at most 4 components,
//     which is all that pointers take; longer ones travel as 32-bit words.
//  3. Shared memory is one array at module scope; views are pointers into it.
#include "codegen/spirv/Patterns.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"

using namespace mlir;

namespace tgc::spv {

spirv::StorageClass storageOf(MemRefType type) {
  auto space = dyn_cast_or_null<gpu::AddressSpaceAttr>(type.getMemorySpace());
  if (!space || space.getValue() == gpu::AddressSpace::Global)
    return spirv::StorageClass::CrossWorkgroup;
  return space.getValue() == gpu::AddressSpace::Workgroup ? spirv::StorageClass::Workgroup
                                                          : spirv::StorageClass::Function;
}

namespace {

const SPIRVTypeConverter &typesOf(const TypeConverter *converter) {
  return *static_cast<const SPIRVTypeConverter *>(converter);
}

int64_t bytesOf(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements() * bytesOf(vector.getElementType());
  return std::max(8u, type.getIntOrFloatBitWidth()) / 8;
}

spirv::StorageClass classOf(Value pointer) {
  return cast<spirv::PointerType>(pointer.getType()).getStorageClass();
}

Value pointerTo(OpBuilder &builder, Location loc, Type pointee, Value pointer) {
  Type type = spirv::PointerType::get(pointee, classOf(pointer));
  return type == pointer.getType() ? pointer
                                   : builder.create<spirv::BitcastOp>(loc, type, pointer).getResult();
}

/// The pointer to an element; `indices` are converted already. Null if the memref's layout is not one of strides
/// that are known.
Value elementPointer(OpBuilder &builder, Location loc, const SPIRVTypeConverter &types, MemRefType type,
                     Value base, ValueRange indices) {
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(type, strides, offset)) || ShapedType::isDynamic(offset) ||
      llvm::any_of(strides, ShapedType::isDynamic))
    return {};
  Type index = types.getIndexType();
  auto number = [&](int64_t value) -> Value {
    return builder.create<spirv::ConstantOp>(loc, index, builder.getIntegerAttr(index, value));
  };
  Value place;
  for (auto [given, stride] : llvm::zip(indices, strides)) {
    Value step = stride == 1 ? given : builder.create<spirv::IMulOp>(loc, given, number(stride)).getResult();
    place = place ? builder.create<spirv::IAddOp>(loc, place, step).getResult() : step;
  }
  if (offset != 0 || !place)
    place = place ? builder.create<spirv::IAddOp>(loc, place, number(offset)).getResult() : number(offset);
  return builder.create<spirv::InBoundsPtrAccessChainOp>(loc, base, place, ValueRange());
}

/// What a value of `type` travels as: itself, or words.
Type carrierOf(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || vector.getNumElements() <= 4)
    return type;
  int64_t words = bytesOf(type) / 4;
  Type word = IntegerType::get(type.getContext(), 32);
  return words == 1 ? word : Type(VectorType::get({words}, word));
}

Value bitcast(OpBuilder &builder, Location loc, Type type, Value value) {
  return value.getType() == type ? value : builder.create<spirv::BitcastOp>(loc, type, value).getResult();
}

Value load(OpBuilder &builder, Location loc, Type type, Value pointer) {
  Type carrier = carrierOf(type);
  Value loaded = builder.create<spirv::LoadOp>(
      loc, pointerTo(builder, loc, carrier, pointer),
      spirv::MemoryAccessAttr::get(builder.getContext(), spirv::MemoryAccess::Aligned),
      builder.getI32IntegerAttr(int32_t(bytesOf(type))));
  return bitcast(builder, loc, type, loaded);
}

void store(OpBuilder &builder, Location loc, Value value, Value pointer) {
  Type type = value.getType(), carrier = carrierOf(type);
  builder.create<spirv::StoreOp>(
      loc, pointerTo(builder, loc, carrier, pointer), bitcast(builder, loc, carrier, value),
      spirv::MemoryAccessAttr::get(builder.getContext(), spirv::MemoryAccess::Aligned),
      builder.getI32IntegerAttr(int32_t(bytesOf(type))));
}

/// memref.load and vector.load.
template <typename Op>
struct ConvertLoad : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    const SPIRVTypeConverter &types = typesOf(this->getTypeConverter());
    Type type = types.convertType(op.getResult().getType());
    // The memref is the first operand of both, its indices are the others.
    auto memref = cast<MemRefType>(op->getOperand(0).getType());
    Value place =
        elementPointer(rewriter, op.getLoc(), types, memref, adaptor.getOperands()[0], adaptor.getIndices());
    if (!type || !place)
      return rewriter.notifyMatchFailure(op, "no such type or layout");
    rewriter.replaceOp(op, load(rewriter, op.getLoc(), type, place));
    return success();
  }
};

/// memref.store and vector.store.
template <typename Op>
struct ConvertStore : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    const SPIRVTypeConverter &types = typesOf(this->getTypeConverter());
    // The value is the first operand of both, the memref the second.
    auto memref = cast<MemRefType>(op->getOperand(1).getType());
    Value place =
        elementPointer(rewriter, op.getLoc(), types, memref, adaptor.getOperands()[1], adaptor.getIndices());
    if (!place)
      return rewriter.notifyMatchFailure(op, "no such layout");
    store(rewriter, op.getLoc(), adaptor.getOperands()[0], place);
    rewriter.eraseOp(op);
    return success();
  }
};

/// The offset is in the type.
struct ConvertReinterpretCast : OpConversionPattern<memref::ReinterpretCastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::ReinterpretCastOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffsets().empty() || !op.getSizes().empty() || !op.getStrides().empty())
      return rewriter.notifyMatchFailure(op, "sizes that are not known");
    rewriter.replaceOp(op, adaptor.getSource());
    return success();
  }
};

struct ConvertDynamicSharedMemory : OpConversionPattern<gpu::DynamicSharedMemoryOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(gpu::DynamicSharedMemoryOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto module = op->getParentOfType<ModuleOp>();
    auto variable = module.lookupSymbol<spirv::GlobalVariableOp>(kSharedSymbol);
    if (!variable)
      return rewriter.notifyMatchFailure(op, "the kernel says of no shared memory");
    Value array = rewriter.create<spirv::AddressOfOp>(op.getLoc(), variable);
    rewriter.replaceOp(op, pointerTo(rewriter, op.getLoc(), rewriter.getI8Type(), array));
    return success();
  }
};

struct ConvertView : OpConversionPattern<memref::ViewOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::ViewOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Type element = typesOf(getTypeConverter()).convertType(op.getType().getElementType());
    if (!op.getSizes().empty() || !element)
      return rewriter.notifyMatchFailure(op, "sizes that are not known");
    Value place = rewriter.create<spirv::InBoundsPtrAccessChainOp>(op.getLoc(), adaptor.getSource(),
                                                                   adaptor.getByteShift(), ValueRange());
    rewriter.replaceOp(op, pointerTo(rewriter, op.getLoc(), element, place));
    return success();
  }
};

} // namespace

void populateMemoryPatterns(const SPIRVTypeConverter &types, RewritePatternSet &patterns) {
  patterns
      .add<ConvertLoad<memref::LoadOp>, ConvertLoad<vector::LoadOp>, ConvertStore<memref::StoreOp>,
           ConvertStore<vector::StoreOp>, ConvertReinterpretCast, ConvertDynamicSharedMemory, ConvertView>(
          types, patterns.getContext());
}

} // namespace tgc::spv
