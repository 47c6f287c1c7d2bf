// Blocks and threads: a linear number of each, as OpenCL's first dimension.
#include "codegen/spirv/Patterns.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"

using namespace mlir;

namespace tgc::spv {
namespace {

/// A built-in vector of OpenCL's sizes, which have 64 bits where addresses have.
Value builtin(ConversionPatternRewriter &rewriter, Operation *op, spirv::BuiltIn which, Type index) {
  Location loc = op->getLoc();
  auto module = op->getParentOfType<ModuleOp>();
  std::string name = "__builtin_" + spirv::stringifyBuiltIn(which).str();
  auto variable = module.lookupSymbol<spirv::GlobalVariableOp>(name);
  Type size = rewriter.getI64Type();
  if (!variable) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(module.getBody());
    auto type = spirv::PointerType::get(VectorType::get({3}, size), spirv::StorageClass::Input);
    variable = rewriter.create<spirv::GlobalVariableOp>(loc, type, name, which);
  }
  Value pointer = rewriter.create<spirv::AddressOfOp>(loc, variable);
  Value vector = rewriter.create<spirv::LoadOp>(loc, pointer);
  Value first = rewriter.create<spirv::CompositeExtractOp>(loc, vector, ArrayRef<int32_t>{0});
  return index == size ? first : rewriter.create<spirv::UConvertOp>(loc, index, first).getResult();
}

template <typename Op, spirv::BuiltIn which>
struct ConvertNumber : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor, ConversionPatternRewriter &rewriter) const override {
    if (op.getDimension() != gpu::Dimension::x)
      return rewriter.notifyMatchFailure(op, "blocks and threads have one dimension");
    Type index = this->getTypeConverter()->convertType(op.getType());
    rewriter.replaceOp(op, builtin(rewriter, op, which, index));
    return success();
  }
};

/// Orders what the block's threads do in shared memory.
struct ConvertBarrier : OpConversionPattern<gpu::BarrierOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(gpu::BarrierOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    auto semantics = spirv::MemorySemantics::WorkgroupMemory | spirv::MemorySemantics::AcquireRelease;
    rewriter.replaceOpWithNewOp<spirv::ControlBarrierOp>(op, spirv::Scope::Workgroup, spirv::Scope::Workgroup,
                                                         semantics);
    return success();
  }
};

struct ConvertShuffle : OpConversionPattern<gpu::ShuffleOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(gpu::ShuffleOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getMode() != gpu::ShuffleMode::XOR || !op.getValid().use_empty())
      return rewriter.notifyMatchFailure(op, "only xor shuffles within the subgroup");
    Value moved = rewriter.create<spirv::GroupNonUniformShuffleXorOp>(op.getLoc(), spirv::Scope::Subgroup,
                                                                       adaptor.getValue(), adaptor.getOffset());
    Value valid = spirv::ConstantOp::getOne(rewriter.getI1Type(), op.getLoc(), rewriter);
    rewriter.replaceOp(op, {moved, valid});
    return success();
  }
};

} // namespace

void populateThreadPatterns(const SPIRVTypeConverter &types, RewritePatternSet &patterns) {
  patterns.add<ConvertNumber<gpu::BlockIdOp, spirv::BuiltIn::WorkgroupId>,
               ConvertNumber<gpu::ThreadIdOp, spirv::BuiltIn::LocalInvocationId>, ConvertBarrier, ConvertShuffle>(
      types, patterns.getContext());
}

} // namespace tgc::spv
