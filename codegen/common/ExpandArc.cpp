// asin, acos, atan, atan2.
//
// asin: a polynomial up to ½; beyond, π/2 - 2·asin(√((1 - x)/2)). acos from the same two without
// cancellation. atan: a polynomial on [0, 1] of x or of 1/x; atan2 of the smaller over the larger, then the
// octant.
#include "codegen/common/ExpandMath.h"
#include "codegen/common/MathCores.h"

namespace tgc {
namespace {

constexpr double halfPi = 0x1.921fb6p0, halfPiLow = -0x1.777a5cp-25;
constexpr double pi = 0x1.921fb6p1, piLow = -0x1.777a5cp-24;

/// asin(a) - a for a in [0, ½], given z = a².
Num asinTail(MathBuilder &m, Num a, Num z) {
  Num p =
      m.poly(z, {0x1.55554cp-3, 0x1.3338a8p-4, 0x1.6ca84p-5, 0x1.04c9b6p-5, 0x1.d5b8d2p-7, 0x1.348fe4p-5});
  return a * z * p;
}

Num asin(MathBuilder &m, Num x) {
  Num a = m.abs(x);
  Num large = m.gt(a, 0.5);
  Num half = (1.0 - a) * 0.5;
  Num z = m.select(large, half, a * a);
  Num s = m.select(large, m.sqrt(half), a);
  Num tail = asinTail(m, s, z);
  // Outside [-1, 1] the root is NaN.
  Num y = m.select(large, halfPi - (2.0 * s + (2.0 * tail - halfPiLow)), s + tail);
  return m.copySign(y, x);
}

Num acos(MathBuilder &m, Num x) {
  Num a = m.abs(x);
  Num large = m.gt(a, 0.5);
  Num half = (1.0 - a) * 0.5;
  Num z = m.select(large, half, a * a);
  Num s = m.select(large, m.sqrt(half), a);
  Num tail = asinTail(m, s, z);
  Num nearOne = 2.0 * (s + tail);
  Num nearMinusOne = pi - (nearOne - piLow);
  Num signedS = m.copySign(s, x), signedTail = m.copySign(tail, x);
  Num middle = halfPi - (signedS + (signedTail - halfPiLow));
  return m.select(large, m.select(m.lt(x, 0.0), nearMinusOne, nearOne), middle);
}

/// atan(a) for a in [0, 1].
Num atanCore(MathBuilder &m, Num a) {
  Num z = a * a;
  Num p = m.poly(z, {-0x1.55553ep-2, 0x1.9991ecp-3, -0x1.24211ap-3, 0x1.c0946cp-4, -0x1.5825f2p-4,
                     0x1.da9c2ep-5, -0x1.fe7d24p-6, 0x1.6551e2p-7, -0x1.d5a1aap-10});
  return m.fma(a * z, p, a);
}

Num atan(MathBuilder &m, Num x) {
  Num a = m.abs(x);
  Num large = m.gt(a, 1.0);
  Num y = atanCore(m, m.select(large, 1.0 / a, a));
  y = m.select(large, halfPi - (y - halfPiLow), y);
  return m.copySign(y, x);
}

Num atan2(MathBuilder &m, Num y, Num x) {
  Num ay = m.abs(y), ax = m.abs(x);
  Num steep = m.gt(ay, ax);
  Num small = m.select(steep, ax, ay), large = m.select(steep, ay, ax);
  Num ratio = small / large;
  // 0/0 and ∞/∞ are the axes and the diagonals.
  ratio = m.select(m.eq(small, large), m.select(m.eq(small, 0.0), 0.0, m.f(1)), ratio);
  Num t = atanCore(m, ratio);
  t = m.select(steep, halfPi - (t - halfPiLow), t);
  Num negative = m.lt(m.bits(x), 0.0); // -0 too
  t = m.select(negative, pi - (t - piLow), t);
  t = m.copySign(t, y);
  return m.select(m.unordered(x, y), x + y, t);
}

} // namespace

llvm::ArrayRef<Expansion> arcExpansions() {
  static const Expansion table[] = {
      {"math.asin", unary<asin>, nullptr, "asin"},
      {"math.acos", unary<acos>, nullptr, "acos"},
      {"math.atan", unary<atan>, nullptr, "atan"},
      {"math.atan2", binary<atan2>, nullptr, "atan2"},
  };
  return table;
}

} // namespace tgc
