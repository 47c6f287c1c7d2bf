// Values:
//  1. bf16 and f8 are bits: i16 and i8. What computes with them has been expanded; what is left moves them, and
//     rounds f32 to bf16 by the device's instruction.
//  2. Vectors are taken apart and put together of scalars. Two vectors must never be joined by one
//     CompositeConstruct: that is valid, and Intel's graphics compiler makes undefined values of it.
//  3. Functions of the math dialect that are left are OpenCL's.
#include "codegen/spirv/Patterns.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"

using namespace mlir;

namespace tgc::spv {
namespace {

bool isBits(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isBF16() || element.isFloat8E4M3FN();
}

/// Between bf16 and i16 nothing is to be done.
struct ConvertBitcast : OpConversionPattern<arith::BitcastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::BitcastOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Type type = getTypeConverter()->convertType(op.getType());
    if (type == adaptor.getIn().getType())
      rewriter.replaceOp(op, adaptor.getIn());
    else
      rewriter.replaceOpWithNewOp<spirv::BitcastOp>(op, type, adaptor.getIn());
    return success();
  }
};

struct ConvertBitConstant : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!isBits(op.getType()))
      return failure();
    Type type = getTypeConverter()->convertType(op.getType());
    Type element = getElementTypeOrSelf(type);
    if (auto dense = dyn_cast<DenseElementsAttr>(op.getValue())) {
      DenseElementsAttr bits =
          dense.mapValues(element, [](const APFloat &value) { return value.bitcastToAPInt(); });
      if (isa<VectorType>(type))
        rewriter.replaceOpWithNewOp<spirv::ConstantOp>(op, type, bits);
      else
        rewriter.replaceOpWithNewOp<spirv::ConstantOp>(op, type, *bits.value_begin<IntegerAttr>());
      return success();
    }
    APInt bits = cast<FloatAttr>(op.getValue()).getValue().bitcastToAPInt();
    rewriter.replaceOpWithNewOp<spirv::ConstantOp>(op, type, rewriter.getIntegerAttr(type, bits));
    return success();
  }
};

struct ConvertRoundToBrain : OpConversionPattern<arith::TruncFOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isBF16() || !getElementTypeOrSelf(op.getIn().getType()).isF32())
      return failure();
    rewriter.replaceOpWithNewOp<spirv::INTELConvertFToBF16Op>(
        op, getTypeConverter()->convertType(op.getType()), adaptor.getIn());
    return success();
  }
};

/// MLIR's own pattern makes three operations of it for drivers that get SRem wrong; those are not OpenCL's.
struct ConvertRemainder : OpConversionPattern<arith::RemSIOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::RemSIOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<spirv::SRemOp>(op, adaptor.getLhs(), adaptor.getRhs());
    return success();
  }
};

/// Of vectors by one condition: SPIR-V before 1.4 chooses by component.
struct ConvertSelect : OpConversionPattern<arith::SelectOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::SelectOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value condition = adaptor.getCondition();
    auto vector = dyn_cast<VectorType>(adaptor.getTrueValue().getType());
    if (vector && !isa<VectorType>(condition.getType())) {
      SmallVector<Value> copies(vector.getNumElements(), condition);
      condition = rewriter.create<spirv::CompositeConstructOp>(op.getLoc(),
                                                               vector.clone(rewriter.getI1Type()), copies);
    }
    rewriter.replaceOpWithNewOp<spirv::SelectOp>(op, condition, adaptor.getTrueValue(),
                                                 adaptor.getFalseValue());
    return success();
  }
};

/// Of truth values: the larger is either, the smaller both; as signed numbers, where true is -1, the other way round.
template <typename From, typename To>
struct ConvertBoolExtremum : OpConversionPattern<From> {
  using OpConversionPattern<From>::OpConversionPattern;
  LogicalResult matchAndRewrite(From op, typename From::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isInteger(1))
      return failure();
    rewriter.replaceOpWithNewOp<To>(op, adaptor.getLhs(), adaptor.getRhs());
    return success();
  }
};

template <typename From, typename To>
struct ConvertFunction : OpConversionPattern<From> {
  using OpConversionPattern<From>::OpConversionPattern;
  LogicalResult matchAndRewrite(From op, typename From::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Type type = this->getTypeConverter()->convertType(op.getType());
    rewriter.replaceOpWithNewOp<To>(op, type, adaptor.getOperands());
    return success();
  }
};

/// Towards zero: the floor of the magnitude, with the sign.
struct ConvertTruncate : OpConversionPattern<math::TruncOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(math::TruncOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type type = getTypeConverter()->convertType(op.getType());
    Value magnitude = rewriter.create<spirv::CLFAbsOp>(loc, type, adaptor.getOperand());
    Value whole = rewriter.create<spirv::CLFloorOp>(loc, type, magnitude);
    rewriter.replaceOpWithNewOp<math::CopySignOp>(op, whole, adaptor.getOperand());
    return success();
  }
};

/// The one position that an op names, if it is a number.
std::optional<int32_t> placeOf(ArrayRef<int64_t> position) {
  if (position.size() != 1 || ShapedType::isDynamic(position[0]))
    return std::nullopt;
  return int32_t(position[0]);
}

struct ConvertExtract : OpConversionPattern<vector::ExtractOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(vector::ExtractOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    std::optional<int32_t> place = placeOf(op.getStaticPosition());
    if (!place || isa<VectorType>(op.getResult().getType()))
      return failure();
    if (!isa<VectorType>(adaptor.getVector().getType())) // of one element
      rewriter.replaceOp(op, adaptor.getVector());
    else
      rewriter.replaceOpWithNewOp<spirv::CompositeExtractOp>(op, adaptor.getVector(),
                                                             ArrayRef<int32_t>{*place});
    return success();
  }
};

struct ConvertInsert : OpConversionPattern<vector::InsertOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(vector::InsertOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    std::optional<int32_t> place = placeOf(op.getStaticPosition());
    if (!place || isa<VectorType>(op.getSourceType()))
      return failure();
    if (!isa<VectorType>(adaptor.getDest().getType()))
      rewriter.replaceOp(op, adaptor.getSource());
    else
      rewriter.replaceOpWithNewOp<spirv::CompositeInsertOp>(op, adaptor.getSource(), adaptor.getDest(),
                                                            ArrayRef<int32_t>{*place});
    return success();
  }
};

/// Of scalars, in order.
LogicalResult compose(Operation *op, Type type, ArrayRef<Value> parts, ConversionPatternRewriter &rewriter) {
  if (isa<VectorType>(type))
    rewriter.replaceOpWithNewOp<spirv::CompositeConstructOp>(op, type, parts);
  else
    rewriter.replaceOp(op, parts.front());
  return success();
}

struct ConvertFromElements : OpConversionPattern<vector::FromElementsOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(vector::FromElementsOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> parts(adaptor.getElements());
    return compose(op, getTypeConverter()->convertType(op.getType()), parts, rewriter);
  }
};

struct ConvertBroadcast : OpConversionPattern<vector::BroadcastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(vector::BroadcastOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (isa<VectorType>(op.getSourceType()) || op.getResultVectorType().getRank() != 1)
      return failure();
    SmallVector<Value> parts(op.getResultVectorType().getNumElements(), adaptor.getSource());
    return compose(op, getTypeConverter()->convertType(op.getResultVectorType()), parts, rewriter);
  }
};

struct ConvertSplat : OpConversionPattern<vector::SplatOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(vector::SplatOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> parts(cast<VectorType>(op.getType()).getNumElements(), adaptor.getInput());
    return compose(op, getTypeConverter()->convertType(op.getType()), parts, rewriter);
  }
};

} // namespace

void populateValuePatterns(const SPIRVTypeConverter &types, const Features &features,
                           RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  // MLIR's own patterns match some of these operations too.
  const PatternBenefit first(10);
  patterns.add<ConvertBitcast, ConvertBitConstant, ConvertRemainder, ConvertSelect, ConvertTruncate,
               ConvertExtract, ConvertInsert, ConvertFromElements, ConvertBroadcast, ConvertSplat>(
      types, context, first);
  patterns.add<ConvertBoolExtremum<arith::MaxUIOp, spirv::LogicalOrOp>,
               ConvertBoolExtremum<arith::MinUIOp, spirv::LogicalAndOp>,
               ConvertBoolExtremum<arith::MaxSIOp, spirv::LogicalAndOp>,
               ConvertBoolExtremum<arith::MinSIOp, spirv::LogicalOrOp>>(types, context, first);
  if (features.brain)
    patterns.add<ConvertRoundToBrain>(types, context, first);
  patterns
      .add<ConvertFunction<math::AbsFOp, spirv::CLFAbsOp>, ConvertFunction<math::AbsIOp, spirv::CLSAbsOp>,
           ConvertFunction<math::CeilOp, spirv::CLCeilOp>, ConvertFunction<math::FloorOp, spirv::CLFloorOp>,
           ConvertFunction<math::FmaOp, spirv::CLFmaOp>, ConvertFunction<math::RoundEvenOp, spirv::CLRintOp>,
           ConvertFunction<math::SqrtOp, spirv::CLSqrtOp>>(types, context, first);
}

} // namespace tgc::spv
