// log, log2, log10, log1p.
//
// x = 2^e·(1 + f) with 1 + f in [√½, √2) by integer arithmetic on the bits; log(1 + f) is f - f²/2 + f³·P(f)
// in f32 and 2·atanh(f / (2 + f)) in f64, both exact to the last bit near 1; e·log 2 is added in two parts.
#include "codegen/common/ExpandMath.h"
#include "codegen/common/MathCores.h"
#include <cmath>

namespace tgc {
namespace {

/// Zero, negative numbers, infinity and NaN: `y` is right for all others.
Num finish(MathBuilder &m, Num x, Num y) {
  Num finite = m.lt(x, m.infinity());
  y = m.select(finite, y, x); // ∞ and NaN
  y = m.select(m.lt(x, 0.0), m.nan(), y);
  return m.select(m.eq(x, 0.0), -m.infinity(), y);
}

/// e·(high + low) + factor·log(1 + f), for a logarithm of another base.
Num ofBase(MathBuilder &m, Num x, double high, double low, double factor, double factorLow) {
  LogParts parts = logParts(m, x);
  Num natural = logOnePlus(m, parts.f);
  auto [product, error] = m.exactProduct(natural, m.f(factor));
  Num tail = m.fma(parts.e, low, m.fma(natural, factorLow, error));
  Num head = parts.e * high;
  // |e·high| is larger than the product or 0.
  auto [sum, rest] = m.exactSum(head, product);
  return finish(m, x, sum + (rest + tail));
}

Num log2(MathBuilder &m, Num x) {
  if (m.isDouble())
    return ofBase(m, x, 1, 0, 0x1.71547652b82fep0, 0x1.777d0ffda0d24p-56);
  return ofBase(m, x, 1, 0, 0x1.715476p0, 0x1.4ae0cp-26);
}

Num log10(MathBuilder &m, Num x) {
  if (m.isDouble())
    return ofBase(m, x, 0x1.34413509f8p-2, -0x1.80433b83b532ap-44, 0x1.bcb7b1526e50ep-2,
                  0x1.95355baaafad3p-57);
  return ofBase(m, x, 0x1.344p-2, 0x1.3509f8p-18, 0x1.bcb7b2p-2, -0x1.5b235ep-27);
}

Num addExponent(MathBuilder &m, Num e, Num y) {
  if (m.isDouble())
    return m.fma(e, 0x1.62e42fefa2p-1, m.fma(e, 0x1.9ef35793c7673p-41, y));
  return m.fma(e, 0x1.62ep-1, m.fma(e, 0x1.0bfbe8p-15, y));
}

/// The exponent e of v and what to subtract from its bits, so that v·2^-e is in [√½, √2).
std::pair<Num, Num> splitExponent(MathBuilder &m, Num v) {
  int64_t rootHalf = m.isDouble() ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
  Num e = (m.bits(v) - m.i(rootHalf)) >> m.mantissaBits();
  return {e, e << m.mantissaBits()};
}

} // namespace

LogParts logParts(MathBuilder &m, Num x) {
  double smallest = m.isDouble() ? 0x1p-1022 : 0x1p-126;
  int raise = m.isDouble() ? 54 : 25;
  Num denormal = m.lt(x, smallest);
  Num v = m.select(denormal, x * std::ldexp(1.0, raise), x);
  auto [e, shift] = splitExponent(m, v);
  Num f = m.fromBits(m.bits(v) - shift) - 1.0;
  Num exponent = m.toFloat(e) - m.select(denormal, m.f(raise), 0.0);
  return {exponent, f};
}

Num logOnePlus(MathBuilder &m, Num f) {
  if (m.isDouble()) {
    Num s = f / (f + 2.0);
    Num z = s * s;
    Num r =
        z * m.poly(z, {0x1.5555555555593p-1, 0x1.999999997f956p-2, 0x1.249249423922fp-2, 0x1.c71c51c817256p-3,
                       0x1.74664d85ed4b7p-3, 0x1.39a024ec30686p-3, 0x1.2f1668016a41dp-3});
    // f - f²/2 + s·(f²/2 + r), which is 2s + s·r without the rounding of s in the leading term.
    Num half = f * f * 0.5;
    return f - (half - s * (half + r));
  }
  Num p = m.poly(f, {0x1.55557p-2, -0x1.00024p-2, 0x1.999494p-3, -0x1.5463b6p-3, 0x1.2392p-3, -0x1.0eac48p-3,
                     0x1.01bc94p-3, -0x1.2b0562p-4});
  Num square = f * f;
  Num tail = m.fma(f * square, p, square * -0.5);
  return f + tail;
}

Num log(MathBuilder &m, Num x) {
  LogParts parts = logParts(m, x);
  return finish(m, x, addExponent(m, parts.e, logOnePlus(m, parts.f)));
}

Num log1p(MathBuilder &m, Num x) {
  // With e the exponent of 1 + x: f = x·2^-e + (2^-e - 1), which keeps the bits of x that 1 + x drops.
  // Computed four times as large, because 2^-128 is not normal.
  Num sum = 1.0 + x;
  auto [e, shift] = splitExponent(m, sum);
  Num s = m.fromBits(m.bits(m.f(4)) - shift);
  Num f = m.fma(x, s, s - 4.0) * 0.25;
  Num y = addExponent(m, m.toFloat(e), logOnePlus(m, f));
  y = m.select(m.lt(x, m.infinity()), y, x);
  y = m.select(m.lt(x, -1.0), m.nan(), y);
  y = m.select(m.eq(x, -1.0), -m.infinity(), y);
  return m.select(m.lt(m.abs(x), m.isDouble() ? 0x1p-54 : 0x1p-25), x, y);
}

llvm::ArrayRef<Expansion> logarithmExpansions() {
  static const Expansion table[] = {
      {"math.log", unary<log>, unary<log>, nullptr},
      {"math.log2", unary<log2>, unary<log2>, nullptr},
      {"math.log10", unary<log10>, unary<log10>, nullptr},
      {"math.log1p", unary<log1p>, unary<log1p>, nullptr},
  };
  return table;
}

} // namespace tgc
