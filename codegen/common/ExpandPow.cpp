// powf, fpowi, ipowi, cbrt, rsqrt.
//
// powf in f32 is 2^(y·log2 x) with the logarithm and the product as sums of two floats (about 2^-30
// relative), so that the exponent keeps its fraction even where it is large; then the special cases of C's
// pow.
#include "codegen/common/ExpandMath.h"
#include "codegen/common/LaneCalls.h"
#include "codegen/common/MathCores.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include <cmath>
#include <optional>

using namespace mlir;

namespace tgc {
namespace {

/// A number as the sum of two floats.
struct Pair {
  Num high, low;
};

/// log2 of a positive finite number.
Pair log2Pair(MathBuilder &m, Num x) {
  LogParts parts = logParts(m, x);
  // log2(1 + f) = 2/ln 2·atanh(s), s = f / (2 + f), with the rest of the division.
  Num f = parts.f;
  auto [g, gLow] = m.exactSum(m.f(2), f);
  Num s = f / g;
  auto [product, error] = m.exactProduct(s, g);
  Num sLow = (((f - product) - error) - s * gLow) / g;
  Num z = s * s;
  Num tail = m.fma(s * z, m.poly(z, {0x1.555556p-2, 0x1.99986ep-3, 0x1.24c118p-3, 0x1.ce92bp-4}), sLow);
  auto [head, headError] = m.exactProduct(s, m.f(0x1.715476p1));
  Num low = m.fma(tail, 0x1.715476p1, m.fma(s, 0x1.4ae0cp-25, headError));
  auto [sum, rest] = m.exactSum(parts.e, head);
  auto [high, lowest] = m.exactSum(sum, rest + low);
  return {high, lowest};
}

/// 2^(high + low).
Num exp2Pair(MathBuilder &m, Num high, Num low) {
  // Beyond these the result is 0 or infinite, whatever the rest.
  Num outside = m.gt(m.abs(high), 151);
  Num h = m.select(outside, 0.0, high), l = m.select(outside, 0.0, low);
  auto [n, shifted] = nearestWhole(m, h, 1);
  Num r = (h - n) + l;
  Num p = m.poly(
      r, {1, 0x1.62e43p-1, 0x1.ebfbd8p-3, 0x1.c6af72p-5, 0x1.3b309p-7, 0x1.5f0e12p-10, 0x1.3fb5f2p-13});
  Num y = scale(m, p, shifted, m.lt(h, -124));
  // 2^128·p is a number if p < 1.
  Num infinite = m.gt(high, 128.4) | (m.gt(n, 127.5) & m.ge(p, 1.0));
  return m.select(infinite, m.infinity(), m.select(m.lt(high, -151), 0.0, y));
}

/// An exponent y + yLow, with what its parity is.
struct Exponent {
  Num y;
  std::optional<Num> yLow;
  Num whole, odd;
};

/// x^y by C's rules.
Num powWith(MathBuilder &m, Num x, const Exponent &exponent) {
  Num y = exponent.y, a = m.abs(x);
  Num regular = m.gt(a, 0.0) & m.lt(a, m.infinity());
  Pair logarithm = log2Pair(m, m.select(regular, a, 1.0));
  // Larger exponents overflow or vanish as well, and these do not overflow in the product.
  Num bounded = m.atMost(m.atLeast(y, -0x1p33), 0x1p33);
  auto [product, error] = m.exactProduct(bounded, logarithm.high);
  Num low = m.fma(bounded, logarithm.low, error);
  if (exponent.yLow)
    low = m.fma(*exponent.yLow, logarithm.high, low);
  Num edge = m.select(m.lt(y, 0.0), 1.0 / a, a);
  Num result = m.select(regular, exp2Pair(m, product, low), edge);

  Num grows = m.gt(a, 1.0), shrinks = m.lt(y, 0.0);
  Num limit = m.select(grows ^ shrinks, m.infinity(), 0.0);
  result = m.select(m.eq(m.abs(y), m.infinity()), m.select(m.eq(a, 1.0), 1.0, limit), result);

  Num sign = m.bits(x) & m.i(int64_t(1) << (m.bitWidth() - 1));
  result = m.select(exponent.odd, m.fromBits(m.bits(result) | sign), result);
  Num fractional = exponent.whole ^ m.like(exponent.whole, 1);
  result = m.select(m.lt(x, 0.0) & m.lt(a, m.infinity()) & fractional, m.nan(), result);
  result = m.select(m.unordered(x, y), x + y, result);
  return m.select(m.eq(y, 0.0) | m.eq(x, 1.0), 1.0, result);
}

std::optional<double> constantOf(Value value) {
  Attribute attribute;
  if (!matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  if (auto elements = dyn_cast<SplatElementsAttr>(attribute))
    attribute = elements.getSplatValue<Attribute>();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return double(number.getInt());
  return std::nullopt;
}

/// x^n for small whole n and ½, where a few operations are as exact.
std::optional<Num> constantPower(MathBuilder &m, Num x, Value exponent) {
  std::optional<double> constant = constantOf(exponent);
  if (!constant)
    return std::nullopt;
  double size = std::abs(*constant);
  Num y = x;
  if (size == 0)
    return m.f(1);
  if (size == 2)
    y = x * x;
  else if (size == 3)
    y = x * x * x;
  else if (size == 4)
    y = (x * x) * (x * x);
  else if (size == 0.5)
    // -0 and -∞ give +0 and +∞.
    y = m.select(m.eq(x, -m.infinity()), m.infinity(), m.sqrt(x + 0.0));
  else if (size != 1)
    return std::nullopt;
  return *constant < 0 ? 1.0 / y : y;
}

Num powf(MathBuilder &m, ArrayRef<Num> operands) {
  Num x = operands[0], y = operands[1];
  if (std::optional<Num> power = constantPower(m, x, y.value))
    return *power;
  if (m.isDouble() && !m.target.imports) {
    MathBuilder single(m.builder, m.loc, m.withElement(m.builder.getF32Type()), m.target);
    auto narrow = [&](Num value) {
      return single.wrap(m.builder.create<arith::TruncFOp>(m.loc, single.type(), value.value));
    };
    Num found = powf(single, {narrow(x), narrow(y)});
    return m.wrap(m.builder.create<arith::ExtFOp>(m.loc, m.type(), found.value));
  }
  if (m.isDouble())
    return m.wrap(mapLanes(m.builder, m.loc, {x.value, y.value}, m.type(),
                           [](OpBuilder &builder, Location loc, ValueRange lane) {
                             return SmallVector<Value>{callImport(builder, loc, "pow", lane)};
                           }));
  Num half = y * 0.5;
  Num whole = m.eq(m.trunc(y), y);
  return powWith(m, x, {y, std::nullopt, whole, whole & m.ne(m.trunc(half), half)});
}

/// An integer of any width as a word of the float's width; what does not fit saturates and keeps its parity.
Num toWord(MathBuilder &m, Value n) {
  int width = getElementTypeOrSelf(n.getType()).getIntOrFloatBitWidth();
  Num number = m.wrap(n);
  if (width < m.bitWidth())
    return m.wrap(m.builder.create<arith::ExtSIOp>(m.loc, m.intType(), n));
  if (width == m.bitWidth())
    return number;
  Num bound = m.like(number, 0x1p30);
  Num low = m.wrap(m.builder.create<arith::MaxSIOp>(m.loc, number.value, (-bound).value));
  Num inside = m.wrap(m.builder.create<arith::MinSIOp>(m.loc, low.value, bound.value));
  Num same = inside | (number & m.like(number, 1));
  return m.wrap(m.builder.create<arith::TruncIOp>(m.loc, m.intType(), same.value));
}

Num fpowi(MathBuilder &m, ArrayRef<Num> operands) {
  Num x = operands[0];
  if (std::optional<Num> power = constantPower(m, x, operands[1].value))
    return *power;
  Num n = toWord(m, operands[1].value);
  if (m.isDouble()) {
    Num y = m.toFloat(n);
    return powf(m, {x, y});
  }
  Num low = n & m.i(0xff);
  auto [y, yLow] = m.exactSum(m.toFloat(n - low), m.toFloat(low));
  Num odd = m.ne(n & m.i(1), 0.0);
  return powWith(m, x, {y, yLow, m.eq(n, n), odd});
}

Num cbrt(MathBuilder &m, Num x) {
  Num a = m.abs(x);
  // Scaled by cubes to where neither denormal numbers nor overflow disturb.
  Num small = m.lt(a, 0x1p-126), large = m.gt(a, 0x1p120);
  Num v = m.select(small, a * 0x1p24, m.select(large, a * 0x1p-24, a));
  // A third of the bits is a third of the exponent: 4% away. Two of Halley's steps leave the rounding.
  Num t = m.fromBits(m.toInt(m.toFloat(m.bits(v)) * (1.0 / 3)) + m.i(0x2a514067));
  for (int i = 0; i < 2; ++i) {
    Num cube = t * t * t;
    t = t + t * ((v - cube) / (cube + cube + v));
  }
  t = m.select(small, t * 0x1p-8, m.select(large, t * 0x1p8, t));
  return m.select(m.gt(a, 0.0) & m.lt(a, m.infinity()), m.copySign(t, x), x);
}

Num rsqrt(MathBuilder &m, Num x) { return 1.0 / m.sqrt(x); }

} // namespace

llvm::ArrayRef<Expansion> powerExpansions() {
  static const Expansion table[] = {
      {"math.powf", powf, powf, nullptr},
      {"math.fpowi", fpowi, fpowi, nullptr},
      {"math.cbrt", unary<cbrt>, nullptr, "cbrt"},
      {"math.rsqrt", unary<rsqrt>, unary<rsqrt>, nullptr},
  };
  return table;
}

Value expandIPow(OpBuilder &builder, Location loc, Value base, Value exponent) {
  Type type = base.getType();
  int width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  auto constant = [&](int64_t value) -> Value {
    TypedAttr attribute = builder.getIntegerAttr(getElementTypeOrSelf(type), value);
    if (auto vector = dyn_cast<VectorType>(type))
      attribute = DenseElementsAttr::get(vector, attribute);
    return builder.create<arith::ConstantOp>(loc, attribute);
  };
  auto equal = [&](OpBuilder &at, Value a, Value b) {
    return at.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, a, b);
  };
  Value zero = constant(0), one = constant(1), minusOne = constant(-1);
  Value first = builder.create<arith::ConstantIndexOp>(loc, 0);
  Value last = builder.create<arith::ConstantIndexOp>(loc, width);
  Value step = builder.create<arith::ConstantIndexOp>(loc, 1);
  auto loop = builder.create<scf::ForOp>(
      loc, first, last, step, ValueRange{one, base, exponent},
      [&](OpBuilder &inner, Location at, Value, ValueRange values) {
        Value product = inner.create<arith::MulIOp>(at, values[0], values[1]);
        Value bit = inner.create<arith::AndIOp>(at, values[2], one);
        Value result = inner.create<arith::SelectOp>(at, equal(inner, bit, one), product, values[0]);
        Value square = inner.create<arith::MulIOp>(at, values[1], values[1]);
        Value rest = inner.create<arith::ShRUIOp>(at, values[2], one);
        inner.create<scf::YieldOp>(at, ValueRange{result, square, rest});
      });
  // Negative exponents: 1 and -1 keep their powers, the others round towards 0.
  Value odd = equal(builder, builder.create<arith::AndIOp>(loc, exponent, one), one);
  Value sign = builder.create<arith::SelectOp>(loc, odd, minusOne, one);
  Value inverse = builder.create<arith::SelectOp>(loc, equal(builder, base, minusOne), sign, zero);
  inverse = builder.create<arith::SelectOp>(loc, equal(builder, base, one), one, inverse);
  Value negative = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, exponent, zero);
  return builder.create<arith::SelectOp>(loc, negative, inverse, loop.getResult(0));
}

} // namespace tgc
