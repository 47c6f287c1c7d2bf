// Expands the conversions and extrema of arith whose plain lowering is slow, undefined or a library call.
//  In:  arith on any types.
//  Out: the same meaning by integer and f32/f64 operations:
//   extf, truncf with bf16   shifts; rounding to nearest even, NaN kept quiet, denormal numbers kept
//   extf, truncf with f16    kept if the target has instructions (f32 ↔ f16), else integer operations
//   truncf f64 → 16 bits     through an f32 rounded to odd, so that there is one rounding
//   fptosi, fptoui           towards zero; out of range saturates, NaN gives 0
//   sitofp, uitofp to 16 bits through f32 or f64
//   maximumf, minimumf       comparison and selections: NaN from either side; of +0 and -0 either may come
//   out
#include "codegen/common/ExpandMath.h"
#include <cmath>

using namespace mlir;

namespace tgc {
namespace {

Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

Type elementOf(Value value) { return getElementTypeOrSelf(value.getType()); }

bool isNarrow(Type element) { return element.isBF16() || element.isF16(); }

class Converter {
public:
  Converter(OpBuilder &builder, Location loc, Type shape, const MathTarget &target)
      : builder(builder), loc(loc), target(target),
        single(builder, loc, withElement(shape, builder.getF32Type()), target),
        wide(builder, loc, withElement(shape, builder.getF64Type()), target),
        half(withElement(shape, builder.getI16Type())), shape(shape) {}

  /// Any float as f32, exactly; f64 must not come in.
  Value toSingle(Value x) {
    Type element = elementOf(x);
    if (element.isF32() || (element.isF16() && target.half))
      return element.isF32() ? x : builder.create<arith::ExtFOp>(loc, single.type(), x).getResult();
    Num bits = single.wrap(builder.create<arith::ExtUIOp>(loc, single.intType(),
                                                          builder.create<arith::BitcastOp>(loc, half, x)));
    if (element.isBF16())
      return single.fromBits(bits << 16).value;
    // Exponent and mantissa in f32's places are the value times 2^-112, for denormal numbers too.
    Num magnitude = bits & single.i(0x7fff);
    Num value = single.fromBits(magnitude << 13) * 0x1p112;
    Num special = single.fromBits((magnitude << 13) | single.i(0x7f800000));
    value = single.select(single.ge(magnitude, 0x7c00), special, value);
    Num sign = (bits & single.i(0x8000)) << 16;
    return single.fromBits(single.bits(value) | sign).value;
  }

  Value toNarrow(Value x, Type element) {
    Num number = elementOf(x).isF64() ? roundToOdd(wide.wrap(x)) : single.wrap(x);
    if ((element.isF16() && target.half) || (element.isBF16() && target.brain))
      return builder.create<arith::TruncFOp>(loc, withElement(shape, element), number.value);
    Num bits = element.isBF16() ? toBrain(number) : toHalf(number);
    Value low = builder.create<arith::TruncIOp>(loc, half, bits.value);
    return builder.create<arith::BitcastOp>(loc, withElement(shape, element), low);
  }

  Value toInteger(Value x, Type element, bool isSigned) {
    if (isNarrow(elementOf(x)))
      x = toSingle(x);
    MathBuilder &m = elementOf(x).isF64() ? wide : single;
    int width = element.getIntOrFloatBitWidth();
    double low = isSigned ? -std::ldexp(1.0, width - 1) : 0,
           high = std::ldexp(1.0, isSigned ? width - 1 : width);
    Type type = withElement(shape, element);
    Num number = m.wrap(x), y;
    if (width <= m.mantissaBits()) {
      // The bounds are floats: clamp, convert to a width that all targets have.
      Num inside = m.atMost(m.atLeast(number, low), high - 1);
      bool fits = isSigned ? width <= 32 : width < 32;
      Type word = withElement(shape, builder.getIntegerType(fits ? 32 : 64));
      y = m.wrap(builder.create<arith::FPToSIOp>(loc, word, inside.value));
      y = m.select(m.isNan(number), 0.0, y);
      return y.value.getType() == type ? y.value
                                       : builder.create<arith::TruncIOp>(loc, type, y.value).getResult();
    }
    if (isSigned)
      y = m.wrap(builder.create<arith::FPToSIOp>(loc, type, x));
    else
      y = m.wrap(builder.create<arith::FPToUIOp>(loc, type, x));
    APInt top = isSigned ? APInt::getSignedMaxValue(width) : APInt::getMaxValue(width);
    APInt bottom = isSigned ? APInt::getSignedMinValue(width) : APInt::getZero(width);
    y = m.select(m.ge(number, high), integer(m, type, top), y);
    y = m.select(isSigned ? m.lt(number, low) : m.le(number, -1), integer(m, type, bottom), y);
    return m.select(m.isNan(number), integer(m, type, APInt::getZero(width)), y).value;
  }

  Value extremum(Value a, Value b, bool maximum) {
    MathBuilder &m = elementOf(a).isF64() ? wide : single;
    Type narrow = isNarrow(elementOf(a)) ? elementOf(a) : Type();
    Num x = m.wrap(narrow ? toSingle(a) : a), y = m.wrap(narrow ? toSingle(b) : b);
    // Where y is NaN the comparison is false and chooses it.
    Num result = m.select(maximum ? m.gt(x, y) : m.lt(x, y), x, y);
    result = m.select(m.isNan(x), x, result);
    return narrow ? toNarrow(result.value, narrow) : result.value;
  }

private:
  Num integer(MathBuilder &m, Type type, const APInt &value) {
    TypedAttr attribute = builder.getIntegerAttr(getElementTypeOrSelf(type), value);
    if (auto vector = dyn_cast<VectorType>(type))
      attribute = DenseElementsAttr::get(vector, attribute);
    return m.wrap(builder.create<arith::ConstantOp>(loc, attribute));
  }

  /// f64 → f32 such that a second rounding to fewer bits gives what a single one would.
  Num roundToOdd(Num x) {
    Num near = single.wrap(builder.create<arith::TruncFOp>(loc, single.type(), x.value));
    Num back = wide.wrap(builder.create<arith::ExtFOp>(loc, wide.type(), near.value));
    Num over = wide.gt(wide.abs(back), wide.abs(x)), inexact = wide.lt(back, x) | wide.gt(back, x);
    Num bits = single.bits(near);
    Num odd = (bits - single.select(over, single.i(1), 0.0)) | single.i(1);
    return single.fromBits(single.select(inexact, odd, bits));
  }

  Num toBrain(Num x) {
    Num bits = single.bits(x);
    Num rounded = shiftRightZeros(bits + (shiftRightZeros(bits, 16) & single.i(1)) + double(0x7fff), 16);
    Num quiet = shiftRightZeros(bits, 16) | single.i(0x40);
    return single.select(single.isNan(x), quiet, rounded);
  }

  Num toHalf(Num x) {
    Num magnitude = single.abs(x), bits = single.bits(magnitude);
    // Normal: rebias, round at bit 13. Denormal: adding ½ rounds at 2^-24 and leaves the bits below ½'s.
    Num normal =
        shiftRightZeros(bits + (shiftRightZeros(bits, 13) & single.i(1)) + double(0xfff - 0x38000000), 13);
    Num denormal = single.bits(magnitude + 0.5) - single.i(0x3f000000);
    Num y = single.select(single.lt(magnitude, 0x1p-14), denormal, normal);
    y = single.select(single.ge(magnitude, 65520), single.i(0x7c00), y);
    Num quiet = (shiftRightZeros(bits, 13) & single.i(0x3ff)) | single.i(0x7e00);
    y = single.select(single.isNan(x), quiet, y);
    return y | (shiftRightZeros(single.bits(x), 16) & single.i(0x8000));
  }

  OpBuilder &builder;
  Location loc;
  const MathTarget &target;
  MathBuilder single, wide;
  Type half, shape;
};

struct ExpandArith : PassWrapper<ExpandArith, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandArith)
  explicit ExpandArith(const MathTarget &target) : target(target) {}
  StringRef getArgument() const override { return "tgc-expand-arith"; }

  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation().walk([&](Operation *op) {
      if (isa<arith::ExtFOp, arith::TruncFOp, arith::FPToSIOp, arith::FPToUIOp, arith::SIToFPOp,
              arith::UIToFPOp, arith::MaximumFOp, arith::MinimumFOp>(op))
        work.push_back(op);
    });
    for (Operation *op : work)
      if (Value value = expand(op)) {
        op->getResult(0).replaceAllUsesWith(value);
        op->erase();
      }
  }

  /// Null: the op stays.
  Value expand(Operation *op) {
    OpBuilder builder(op);
    Location loc = op->getLoc();
    Value x = op->getOperand(0);
    Type to = getElementTypeOrSelf(op->getResult(0).getType()), from = elementOf(x);
    Converter convert(builder, loc, op->getResult(0).getType(), target);
    if (isa<arith::ExtFOp>(op)) {
      if (!isNarrow(from) || (from.isF16() && to.isF32() && target.half))
        return nullptr;
      Value single = convert.toSingle(x);
      return to.isF32() ? single
                        : builder.create<arith::ExtFOp>(loc, op->getResult(0).getType(), single).getResult();
    }
    if (isa<arith::TruncFOp>(op)) {
      bool instruction = to.isF16() ? target.half : target.brain;
      if (!isNarrow(to) || (from.isF32() && instruction))
        return nullptr;
      return convert.toNarrow(x, to);
    }
    if (isa<arith::FPToSIOp, arith::FPToUIOp>(op))
      return convert.toInteger(x, to, isa<arith::FPToSIOp>(op));
    if (isa<arith::MaximumFOp, arith::MinimumFOp>(op))
      return convert.extremum(x, op->getOperand(1), isa<arith::MaximumFOp>(op));
    if (!isNarrow(to))
      return nullptr;
    // f32 holds 16 bits exactly, f64 32; the last rounding is the only one.
    Type through = from.getIntOrFloatBitWidth() <= 16 ? builder.getF32Type() : builder.getF64Type();
    Type type = withElement(x.getType(), through);
    Value number = isa<arith::SIToFPOp>(op) ? builder.create<arith::SIToFPOp>(loc, type, x).getResult()
                                            : builder.create<arith::UIToFPOp>(loc, type, x).getResult();
    return convert.toNarrow(number, to);
  }

  MathTarget target;
};

} // namespace

std::unique_ptr<Pass> createExpandArithPass(const MathTarget &target) {
  return std::make_unique<ExpandArith>(target);
}

} // namespace tgc
