#include "codegen/common/MathBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace tgc {

MathBuilder::MathBuilder(OpBuilder &builder, Location loc, Type type, const MathTarget &target)
    : builder(builder), loc(loc), target(target), floatType(type) {
  Type element = getElementTypeOrSelf(type);
  wordType = withElement(builder.getIntegerType(element.getIntOrFloatBitWidth()));
}

Type MathBuilder::withElement(Type element) const {
  if (auto vector = dyn_cast<VectorType>(floatType))
    return vector.clone(element);
  return element;
}

Value MathBuilder::constant(Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr attribute;
  if (isa<FloatType>(element))
    attribute = builder.getFloatAttr(element, value);
  else
    attribute = builder.getIntegerAttr(element, int64_t(value));
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, attribute);
  return builder.create<arith::ConstantOp>(loc, attribute);
}

Num MathBuilder::f(double value) { return wrap(constant(floatType, value)); }

Num MathBuilder::i(int64_t value) {
  Type element = getElementTypeOrSelf(wordType);
  TypedAttr attribute = builder.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(wordType))
    attribute = DenseElementsAttr::get(vector, attribute);
  return wrap(builder.create<arith::ConstantOp>(loc, attribute));
}

Num MathBuilder::like(Num other, double value) { return wrap(constant(other.value.getType(), value)); }

Num MathBuilder::fma(Num a, Num b, Num c) {
  if (!target.fma)
    return a * b + c;
  return wrap(builder.create<math::FmaOp>(loc, a.value, b.value, c.value));
}

Num MathBuilder::poly(Num x, std::initializer_list<double> coefficients) {
  const double *c = coefficients.end() - 1;
  Num sum = f(*c);
  while (c != coefficients.begin())
    sum = fma(sum, x, f(*--c));
  return sum;
}

Num MathBuilder::bits(Num x) { return wrap(builder.create<arith::BitcastOp>(loc, wordType, x.value)); }
Num MathBuilder::fromBits(Num x) { return wrap(builder.create<arith::BitcastOp>(loc, floatType, x.value)); }
Num MathBuilder::toFloat(Num x) { return wrap(builder.create<arith::SIToFPOp>(loc, floatType, x.value)); }
Num MathBuilder::toInt(Num x) { return wrap(builder.create<arith::FPToSIOp>(loc, wordType, x.value)); }

Num MathBuilder::select(Num condition, Num a, Num b) {
  return wrap(builder.create<arith::SelectOp>(loc, condition.value, a.value, b.value));
}

Num MathBuilder::compare(arith::CmpFPredicate floats, arith::CmpIPredicate integers, Num a, Num b) {
  if (a.isFloat())
    return wrap(builder.create<arith::CmpFOp>(loc, floats, a.value, b.value));
  return wrap(builder.create<arith::CmpIOp>(loc, integers, a.value, b.value));
}

Num MathBuilder::lt(Num a, Num b) {
  return compare(arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt, a, b);
}
Num MathBuilder::le(Num a, Num b) {
  return compare(arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle, a, b);
}
Num MathBuilder::gt(Num a, Num b) {
  return compare(arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt, a, b);
}
Num MathBuilder::ge(Num a, Num b) {
  return compare(arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge, a, b);
}
Num MathBuilder::eq(Num a, Num b) {
  return compare(arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, a, b);
}
Num MathBuilder::ne(Num a, Num b) {
  return compare(arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne, a, b);
}
Num MathBuilder::ugt(Num a, Num b) {
  return compare(arith::CmpFPredicate::UGT, arith::CmpIPredicate::ugt, a, b);
}
Num MathBuilder::unordered(Num a, Num b) {
  return compare(arith::CmpFPredicate::UNO, arith::CmpIPredicate::ne, a, b);
}

Num MathBuilder::abs(Num x) { return wrap(builder.create<math::AbsFOp>(loc, x.value)); }
Num MathBuilder::copySign(Num x, Num y) {
  return wrap(builder.create<math::CopySignOp>(loc, x.value, y.value));
}
Num MathBuilder::atMost(Num x, double bound) { return select(gt(x, bound), bound, x); }
Num MathBuilder::atLeast(Num x, double bound) { return select(lt(x, bound), bound, x); }
Num MathBuilder::sqrt(Num x) { return wrap(builder.create<math::SqrtOp>(loc, x.value)); }

Num MathBuilder::roundEven(Num x) {
  if (target.rounding)
    return wrap(builder.create<math::RoundEvenOp>(loc, x.value));
  // Adding 2^mantissa makes the last bit worth 1; floats at least as large are whole already.
  double whole = std::ldexp(1.0, mantissaBits());
  Num big = copySign(f(whole), x);
  Num rounded = copySign((x + big) - big, x);
  return select(lt(abs(x), whole), rounded, x);
}

Num MathBuilder::trunc(Num x) {
  if (target.rounding)
    return wrap(builder.create<math::TruncOp>(loc, x.value));
  Num nearest = roundEven(x);
  Num over = gt(abs(nearest), abs(x));
  return select(over, copySign(abs(nearest) - 1.0, x), nearest);
}

Num MathBuilder::floor(Num x) {
  if (target.rounding)
    return wrap(builder.create<math::FloorOp>(loc, x.value));
  Num nearest = roundEven(x);
  return select(gt(nearest, x), copySign(nearest - 1.0, x), nearest);
}

Num MathBuilder::ceil(Num x) {
  if (target.rounding)
    return wrap(builder.create<math::CeilOp>(loc, x.value));
  Num nearest = roundEven(x);
  return select(lt(nearest, x), copySign(nearest + 1.0, x), nearest);
}

std::pair<Num, Num> MathBuilder::exactProduct(Num a, Num b) {
  Num product = a * b;
  if (target.fma)
    return {product, fma(a, b, -product)};
  // Dekker: halves of 12 (f64: 26) bits, whose products are exact.
  auto split = [&](Num x) {
    Num scaled = x * (std::ldexp(1.0, isDouble() ? 27 : 12) + 1);
    Num high = scaled - (scaled - x);
    return std::pair(high, x - high);
  };
  auto [ah, al] = split(a);
  auto [bh, bl] = split(b);
  Num error = ((ah * bh - product) + ah * bl + al * bh) + al * bl;
  return {product, error};
}

std::pair<Num, Num> MathBuilder::exactSum(Num a, Num b) {
  Num sum = a + b;
  return {sum, b - (sum - a)};
}

Num MathBuilder::infinity() { return f(std::numeric_limits<double>::infinity()); }
Num MathBuilder::nan() { return f(std::numeric_limits<double>::quiet_NaN()); }

namespace {

template <typename FloatOp, typename IntOp>
Num binary(Num a, Num b) {
  MathBuilder &m = *a.math;
  if (a.isFloat())
    return m.wrap(m.builder.create<FloatOp>(m.loc, a.value, b.value));
  return m.wrap(m.builder.create<IntOp>(m.loc, a.value, b.value));
}

template <typename Op>
Num bitwise(Num a, Num b) {
  return a.math->wrap(a.math->builder.create<Op>(a.math->loc, a.value, b.value));
}

} // namespace

Num operator+(Num a, Num b) { return binary<arith::AddFOp, arith::AddIOp>(a, b); }
Num operator-(Num a, Num b) { return binary<arith::SubFOp, arith::SubIOp>(a, b); }
Num operator*(Num a, Num b) { return binary<arith::MulFOp, arith::MulIOp>(a, b); }
Num operator/(Num a, Num b) { return binary<arith::DivFOp, arith::DivSIOp>(a, b); }
Num operator&(Num a, Num b) { return bitwise<arith::AndIOp>(a, b); }
Num operator|(Num a, Num b) { return bitwise<arith::OrIOp>(a, b); }
Num operator^(Num a, Num b) { return bitwise<arith::XOrIOp>(a, b); }
Num operator<<(Num a, int bits) { return bitwise<arith::ShLIOp>(a, a.math->like(a, bits)); }
Num operator>>(Num a, int bits) { return bitwise<arith::ShRSIOp>(a, a.math->like(a, bits)); }
Num shiftRightZeros(Num a, int bits) { return bitwise<arith::ShRUIOp>(a, a.math->like(a, bits)); }

Num operator-(Num a) {
  if (!a.isFloat())
    return a.math->like(a, 0) - a;
  return a.math->wrap(a.math->builder.create<arith::NegFOp>(a.math->loc, a.value));
}

} // namespace tgc
