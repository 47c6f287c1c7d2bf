// sinh, cosh, tanh, asinh, acosh, atanh.
//
// The first three come from e^|x| = 2^n·(1 + q), so that they keep the bits of small arguments and overflow
// where their result does; the inverse ones from log(1 + x).
#include "codegen/common/ExpandMath.h"
#include "codegen/common/MathCores.h"

namespace tgc {
namespace {

/// e^a - 1 and e^a / 2 for a in [0, limit].
struct Halves {
  Num minusOne, half;
};

Halves halves(MathBuilder &m, Num a) {
  ExpParts e = expParts(m, a);
  Num quarter = powerOfTwo(m, e.shifted, -2);
  return {m.fma(quarter, e.q, quarter - 0.25) * 4.0, m.fma(quarter, e.q, quarter) * 2.0};
}

/// Where sinh and cosh overflow: (128 or 1024)·ln 2 + ln 2.
double overflow(MathBuilder &m) { return m.isDouble() ? 0x1.633ce8fb9f87dp9 : 0x1.65a9f8p6; }

Num tanh(MathBuilder &m, Num x) {
  // t / (t + 2) with t = e^2|x| - 1; ±1 from 10 (f64: 20) on.
  Num a = m.atMost(m.abs(x), m.isDouble() ? 20 : 10);
  ExpParts e = expParts(m, a + a);
  Num scale = powerOfTwo(m, e.shifted);
  Num t = m.fma(scale, e.q, scale - 1.0);
  Num y = t / (t + 2.0);
  y = m.copySign(y, x);
  // The integer arithmetic of `scale` does not pass NaN on.
  y = m.select(m.isNan(x), x, y);
  return m.select(m.lt(a, m.isDouble() ? 0x1p-28 : 0x1p-13), x, y);
}

Num sinh(MathBuilder &m, Num x) {
  Num a = m.abs(x);
  Halves h = halves(m, m.atMost(a, overflow(m)));
  Num small = (h.minusOne + h.minusOne / (h.minusOne + 1.0)) * 0.5;
  Num y = m.select(m.gt(a, m.isDouble() ? 20 : 10), h.half, small);
  y = m.select(m.ugt(a, overflow(m)), a + m.infinity(), y);
  y = m.copySign(y, x);
  return m.select(m.lt(a, m.isDouble() ? 0x1p-28 : 0x1p-13), x, y);
}

Num cosh(MathBuilder &m, Num x) {
  Num a = m.abs(x);
  Num half = halves(m, m.atMost(a, overflow(m))).half;
  Num y = half + 0.25 / half;
  return m.select(m.ugt(a, overflow(m)), a + m.infinity(), y);
}

constexpr double ln2 = 0x1.62e42fefa39efp-1;

Num asinh(MathBuilder &m, Num x) {
  // log(1 + (a + a² / (1 + √(1 + a²)))); for large a, log(a) + log(2), because a² overflows.
  Num a = m.abs(x);
  Num big = m.gt(a, 0x1p14);
  Num safe = m.select(big, 1.0, a);
  Num square = safe * safe;
  Num t = safe + square / (1.0 + m.sqrt(1.0 + square));
  Num y = log1p(m, m.select(big, a - 1.0, t));
  y = m.select(big, y + ln2, y);
  return m.copySign(y, x);
}

Num acosh(MathBuilder &m, Num x) {
  Num big = m.gt(x, 0x1p14);
  Num t = m.select(big, 1.0, x) - 1.0;
  Num inner = t + m.sqrt(t * (t + 2.0));
  Num y = log1p(m, m.select(big, x - 1.0, inner));
  y = m.select(big, y + ln2, y);
  return m.select(m.lt(x, 1.0), m.nan(), y);
}

Num atanh(MathBuilder &m, Num x) {
  Num a = m.abs(x);
  Num y = log1p(m, (a + a) / (1.0 - a)) * 0.5;
  return m.copySign(y, x);
}

} // namespace

llvm::ArrayRef<Expansion> hyperbolicExpansions() {
  static const Expansion table[] = {
      {"math.tanh", unary<tanh>, unary<tanh>, nullptr}, {"math.sinh", unary<sinh>, unary<sinh>, nullptr},
      {"math.cosh", unary<cosh>, unary<cosh>, nullptr}, {"math.asinh", unary<asinh>, nullptr, "asinh"},
      {"math.acosh", unary<acosh>, nullptr, "acosh"},   {"math.atanh", unary<atanh>, nullptr, "atanh"},
  };
  return table;
}

} // namespace tgc
