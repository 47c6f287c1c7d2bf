// Converts what is left of arith, math, cf, func, gpu, memref and vector to the LLVM and NVVM dialects.
// 1. Indices have 32 bits where every byte of every buffer lies within 2^31, else 64. Arithmetic on them does not
//    overflow, and says so: only then are constants in them folded into addresses of 64 bits.
// 2. Vectors are loaded and stored at their whole alignment: the generators keep it.
// 3. A kernel gets a bare pointer a buffer; buffers do not overlap and begin at multiples of 16 bytes.
#include "codegen/common/KernelFacts.h"
#include "codegen/ptx/LowerThread.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/GPUCommon/GPUCommonPass.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace tgc::ptx {
namespace {

int64_t bytesOf(Type element) { return std::max(8u, element.getIntOrFloatBitWidth()) / 8; }

int64_t bytesOf(VectorType type) { return type.getNumElements() * bytesOf(type.getElementType()); }

/// Accesses whose addresses are arithmetic that does not overflow.
template <typename OpT>
struct Access : ConvertOpToLLVMPattern<OpT> {
  using ConvertOpToLLVMPattern<OpT>::ConvertOpToLLVMPattern;

  Value addressOf(Location loc, MemRefType type, Value buffer, ValueRange indices,
                  ConversionPatternRewriter &rewriter) const {
    auto [strides, offset] = getStridesAndOffset(type);
    if (offset == ShapedType::kDynamic || llvm::is_contained(strides, ShapedType::kDynamic))
      return this->getStridedElementPtr(loc, type, buffer, indices, rewriter);
    constexpr auto noWrap = LLVM::IntegerOverflowFlags::nsw;
    auto number = [&](int64_t value) {
      return this->createIndexAttrConstant(rewriter, loc, this->getIndexType(), value);
    };
    Value index = offset == 0 ? Value() : number(offset);
    for (auto [coord, stride] : llvm::zip(indices, strides)) {
      Value term = stride == 1 ? coord : rewriter.create<LLVM::MulOp>(loc, coord, number(stride), noWrap);
      index = index ? rewriter.create<LLVM::AddOp>(loc, index, term, noWrap) : term;
    }
    Value base = MemRefDescriptor(buffer).alignedPtr(rewriter, loc);
    if (!index)
      return base;
    Type element = this->getTypeConverter()->convertType(type.getElementType());
    return rewriter.create<LLVM::GEPOp>(loc, base.getType(), element, base, index);
  }
};

struct LoadElement : Access<memref::LoadOp> {
  using Access::Access;
  LogicalResult matchAndRewrite(memref::LoadOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value place =
        addressOf(op.getLoc(), op.getMemRefType(), adaptor.getMemref(), adaptor.getIndices(), rewriter);
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, typeConverter->convertType(op.getType()), place);
    return success();
  }
};

struct StoreElement : Access<memref::StoreOp> {
  using Access::Access;
  LogicalResult matchAndRewrite(memref::StoreOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value place =
        addressOf(op.getLoc(), op.getMemRefType(), adaptor.getMemref(), adaptor.getIndices(), rewriter);
    rewriter.replaceOpWithNewOp<LLVM::StoreOp>(op, adaptor.getValue(), place);
    return success();
  }
};

struct LoadVector : Access<vector::LoadOp> {
  using Access::Access;
  LogicalResult matchAndRewrite(vector::LoadOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getVectorType().getRank() != 1)
      return failure();
    Value place =
        addressOf(op.getLoc(), op.getMemRefType(), adaptor.getBase(), adaptor.getIndices(), rewriter);
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, typeConverter->convertType(op.getVectorType()), place,
                                              unsigned(bytesOf(op.getVectorType())));
    return success();
  }
};

struct StoreVector : Access<vector::StoreOp> {
  using Access::Access;
  LogicalResult matchAndRewrite(vector::StoreOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getVectorType().getRank() != 1)
      return failure();
    Value place =
        addressOf(op.getLoc(), op.getMemRefType(), adaptor.getBase(), adaptor.getIndices(), rewriter);
    rewriter.replaceOpWithNewOp<LLVM::StoreOp>(op, adaptor.getValueToStore(), place,
                                               unsigned(bytesOf(op.getVectorType())));
    return success();
  }
};

/// The address of a buffer's first element, which has 64 bits though indices may have 32.
struct PointerOfBuffer : ConvertOpToLLVMPattern<UnrealizedConversionCastOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  static bool matches(UnrealizedConversionCastOp op) {
    return op.getNumOperands() == 1 && op.getNumResults() == 1 &&
           isa<MemRefType>(op.getOperand(0).getType()) &&
           isa<LLVM::LLVMPointerType>(op.getResult(0).getType());
  }
  LogicalResult matchAndRewrite(UnrealizedConversionCastOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!matches(op))
      return failure();
    rewriter.replaceOp(op, MemRefDescriptor(adaptor.getOperands()[0]).alignedPtr(rewriter, op.getLoc()));
    return success();
  }
};

struct ConvertToLlvm : PassWrapper<ConvertToLlvm, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertToLlvm)
  StringRef getArgument() const override { return "tgc-ptx-to-llvm"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect, NVVM::NVVMDialect>();
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    getOperation().walk([](Operation *op) {
      if (auto arithmetic = dyn_cast<arith::ArithIntegerOverflowFlagsInterface>(op);
          arithmetic && op->getResult(0).getType().isIndex() && !isa<arith::ShLIOp>(op))
        op->setAttr(arithmetic.getIntegerOverflowAttrName(),
                    arith::IntegerOverflowFlagsAttr::get(op->getContext(), arith::IntegerOverflowFlags::nsw));
    });
    LowerToLLVMOptions options(context);
    options.useBarePtrCallConv = true;
    options.overrideIndexBitwidth(indexBits(getOperation()));
    LLVMTypeConverter converter(context, options);
    populateGpuMemorySpaceAttributeConversions(converter, [](gpu::AddressSpace space) -> unsigned {
      switch (space) {
      case gpu::AddressSpace::Global:
        return NVVM::kGlobalMemorySpace;
      case gpu::AddressSpace::Workgroup:
        return NVVM::kSharedMemorySpace;
      case gpu::AddressSpace::Private:
        return 0;
      }
      return 0;
    });
    if (failed(convertMath(converter)))
      return signalPassFailure();
    RewritePatternSet patterns(context);
    patterns.add<LoadElement, StoreElement, LoadVector, StoreVector, PointerOfBuffer>(converter,
                                                                                      /*benefit=*/2);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    populateGpuToNVVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addIllegalDialect<gpu::GPUDialect>();
    target.addLegalOp<ModuleOp>();
    target.addDynamicallyLegalOp<UnrealizedConversionCastOp>(
        [](UnrealizedConversionCastOp op) { return !PointerOfBuffer::matches(op); });
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      return signalPassFailure();
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>()) {
      rename(function);
      if (function->hasAttr("tgc.kernel"))
        makeEntry(function);
      else if (!function.isExternal())
        function.setLinkage(LLVM::Linkage::Internal);
    }
    for (auto global : getOperation().getOps<LLVM::GlobalOp>())
      declareDynamic(global);
  }

  /// PTX has letters, digits and underscores in its names.
  void rename(LLVM::LLVMFuncOp function) {
    std::string name = entryName(function.getName());
    if (name == function.getName() || function.isExternal())
      return;
    StringAttr renamed = StringAttr::get(&getContext(), name);
    if (failed(SymbolTable::replaceAllSymbolUses(function.getOperation(), renamed, getOperation())))
      return signalPassFailure();
    function.setSymNameAttr(renamed);
  }

  /// By itself and first: the patterns for the gpu dialect would make calls of libdevice of it.
  LogicalResult convertMath(LLVMTypeConverter &converter) {
    RewritePatternSet patterns(&getContext());
    populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false);
    ConversionTarget target(getContext());
    target.addIllegalDialect<math::MathDialect>();
    target.addLegalDialect<LLVM::LLVMDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    return applyPartialConversion(getOperation(), target, std::move(patterns));
  }

  /// Memory whose size the launch says is not defined here.
  void declareDynamic(LLVM::GlobalOp global) {
    auto type = dyn_cast<LLVM::LLVMArrayType>(global.getGlobalType());
    if (global.getAddrSpace() == NVVM::kSharedMemorySpace && type && type.getNumElements() == 0)
      global.setLinkage(LLVM::Linkage::External);
  }

  void makeEntry(LLVM::LLVMFuncOp function) {
    Builder builder(&getContext());
    int32_t threads = int32_t(function->getAttrOfType<IntegerAttr>("tgc.threads").getInt());
    function->setAttr("nvvm.kernel", builder.getUnitAttr());
    function->setAttr("nvvm.reqntid", builder.getDenseI32ArrayAttr({threads, 1, 1}));
    // Registers move between a pipe's groups: their number at entry must be known.
    if (function->hasAttr("tgc.tensor_maps"))
      function->setAttr("nvvm.minctasm", builder.getI32IntegerAttr(1));
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      if (!isa<LLVM::LLVMPointerType>(function.getArgument(i).getType()))
        continue;
      if (function.getArgAttr(i, LLVM::LLVMDialect::getByValAttrName())) {
        // Tensor maps are read where they are.
        function.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(), builder.getUnitAttr());
        continue;
      }
      function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
      function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(16));
    }
    for (StringRef name : {"tgc.kernel", "tgc.threads", "tgc.shared_bytes", "tgc.tensor_maps"})
      function->removeAttr(name);
  }
};

} // namespace

std::unique_ptr<Pass> createConvertToLlvmPass() { return std::make_unique<ConvertToLlvm>(); }

} // namespace tgc::ptx
