// Blocks and threads: a linear number of each, as OpenCL's first dimension. A thread's number is that of its subgroup and
// its place there in kernels that move values between the threads of a subgroup: Intel's runtime for processors takes a
// comparison of OpenCL's own number for leave to run fewer threads, also where others wait for their values (2026.22).
#include "codegen/spirv/Patterns.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"

using namespace mlir;

namespace tgc::spv {
namespace {

/// The value of a built-in variable of that type.
Value builtin(ConversionPatternRewriter &rewriter, Operation *op, spirv::BuiltIn which, Type type) {
  Location loc = op->getLoc();
  auto module = op->getParentOfType<ModuleOp>();
  std::string name = "__builtin_" + spirv::stringifyBuiltIn(which).str();
  auto variable = module.lookupSymbol<spirv::GlobalVariableOp>(name);
  if (!variable) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(module.getBody());
    auto pointer = spirv::PointerType::get(type, spirv::StorageClass::Input);
    variable = rewriter.create<spirv::GlobalVariableOp>(loc, pointer, name, which);
  }
  Value pointer = rewriter.create<spirv::AddressOfOp>(loc, variable);
  return rewriter.create<spirv::LoadOp>(loc, pointer);
}

/// The first of OpenCL's three sizes, which have 64 bits where addresses have.
Value first(ConversionPatternRewriter &rewriter, Operation *op, spirv::BuiltIn which, Type index) {
  Type size = rewriter.getI64Type();
  Value vector = builtin(rewriter, op, which, VectorType::get({3}, size));
  Value made = rewriter.create<spirv::CompositeExtractOp>(op->getLoc(), vector, ArrayRef<int32_t>{0});
  return index == size ? made : rewriter.create<spirv::UConvertOp>(op->getLoc(), index, made).getResult();
}

struct ConvertBlockId : OpConversionPattern<gpu::BlockIdOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(gpu::BlockIdOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getDimension() != gpu::Dimension::x)
      return rewriter.notifyMatchFailure(op, "blocks have one dimension");
    Type index = getTypeConverter()->convertType(op.getType());
    rewriter.replaceOp(op, first(rewriter, op, spirv::BuiltIn::WorkgroupId, index));
    return success();
  }
};

/// A built-in variable of 32 bits as an index.
template <typename Op, spirv::BuiltIn which>
struct ConvertSubgroupNumber : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value number = builtin(rewriter, op, which, rewriter.getI32Type());
    Type index = this->getTypeConverter()->convertType(op.getType());
    if (index != number.getType())
      number = rewriter.create<spirv::UConvertOp>(op.getLoc(), index, number);
    rewriter.replaceOp(op, number);
    return success();
  }
};

struct ConvertThreadId : OpConversionPattern<gpu::ThreadIdOp> {
  ConvertThreadId(const TypeConverter &types, MLIRContext *context, int64_t subgroup)
      : OpConversionPattern(types, context), subgroup(subgroup) {}
  LogicalResult matchAndRewrite(gpu::ThreadIdOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getDimension() != gpu::Dimension::x)
      return rewriter.notifyMatchFailure(op, "threads have one dimension");
    Type index = getTypeConverter()->convertType(op.getType());
    if (subgroup == 0) {
      rewriter.replaceOp(op, first(rewriter, op, spirv::BuiltIn::LocalInvocationId, index));
      return success();
    }
    Location loc = op.getLoc();
    Type word = rewriter.getI32Type();
    Value group = builtin(rewriter, op, spirv::BuiltIn::SubgroupId, word);
    Value size = rewriter.create<spirv::ConstantOp>(loc, word, rewriter.getI32IntegerAttr(int32_t(subgroup)));
    Value before = rewriter.create<spirv::IMulOp>(loc, group, size);
    Value lane = builtin(rewriter, op, spirv::BuiltIn::SubgroupLocalInvocationId, word);
    Value made = rewriter.create<spirv::IAddOp>(loc, before, lane);
    rewriter.replaceOp(op, index == word ? made
                                         : rewriter.create<spirv::UConvertOp>(loc, index, made).getResult());
    return success();
  }

  int64_t subgroup; ///< 0: OpenCL's own number
};

/// Orders what the block's threads do in shared memory.
struct ConvertBarrier : OpConversionPattern<gpu::BarrierOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(gpu::BarrierOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
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
    Value moved = rewriter.create<spirv::GroupNonUniformShuffleXorOp>(
        op.getLoc(), spirv::Scope::Subgroup, adaptor.getValue(), adaptor.getOffset());
    Value valid = spirv::ConstantOp::getOne(rewriter.getI1Type(), op.getLoc(), rewriter);
    rewriter.replaceOp(op, {moved, valid});
    return success();
  }
};

} // namespace

void populateThreadPatterns(const SPIRVTypeConverter &types, int64_t subgroup, RewritePatternSet &patterns) {
  patterns.add<ConvertBlockId, ConvertBarrier, ConvertShuffle,
               ConvertSubgroupNumber<gpu::LaneIdOp, spirv::BuiltIn::SubgroupLocalInvocationId>,
               ConvertSubgroupNumber<gpu::SubgroupIdOp, spirv::BuiltIn::SubgroupId>>(types,
                                                                                     patterns.getContext());
  patterns.add<ConvertThreadId>(types, patterns.getContext(), subgroup);
}

} // namespace tgc::spv
