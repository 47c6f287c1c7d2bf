// exp, exp2, expm1.
//
// e^x = 2^n·e^r with n = round(x / ln 2) and r = x - n·ln 2 in two steps; e^r is a minimax polynomial. Adding
// 1.5·2^mantissa rounds to a whole number and leaves it in the low bits of the sum, so that the exponent is
// one shift away. Results below the normal range are made 2^64 (f64: 2^128) times too large and then scaled,
// which rounds them once; inputs whose result is 0 skip that, because arithmetic that underflows is slow.
#include "codegen/common/ExpandMath.h"
#include "codegen/common/MathCores.h"
#include <cmath>

namespace tgc {
namespace {

constexpr double log2e = 0x1.71547652b82fep0;

double magic(MathBuilder &m) { return std::ldexp(1.5, m.mantissaBits()); }

/// Inputs below `zero` give 0, below `low` may give denormal numbers, above `infinite` infinity.
struct Range {
  double zero, low, infinite;
};

/// From e^r = p: the result for all x; `safe` is x, or 0 where x < range.zero.
Num finish(MathBuilder &m, Num x, Num safe, Num zero, Num p, Num shifted, const Range &range) {
  Num y = scale(m, p, shifted, m.lt(safe, range.low));
  y = m.select(zero, 0.0, y);
  // Also NaN: x + ∞ is x's NaN, or ∞.
  return m.select(m.ugt(x, range.infinite), x + m.infinity(), y);
}

Num exp2(MathBuilder &m, Num x) {
  Range range = m.isDouble() ? Range{-1076, -1021, 0x1.fffffffffffffp9} : Range{-150, -125, 0x1.fffffep6};
  Num zero = m.lt(x, range.zero);
  Num safe = m.select(zero, 0.0, x);
  auto [n, shifted] = nearestWhole(m, safe, 1);
  Num r = safe - n;
  Num p = m.isDouble() ? m.poly(r, {1, 0x1.62e42fefa39efp-1, 0x1.ebfbdff82c5a6p-3, 0x1.c6b08d704a128p-5,
                                    0x1.3b2ab6fb9fd4bp-7, 0x1.5d87fe789f8c1p-10, 0x1.4309130f8b404p-13,
                                    0x1.ffcbfc61b2e73p-17, 0x1.62bfc5f526e95p-20, 0x1.b5252c940fc5p-24,
                                    0x1.e61e117ea7f08p-28, 0x1.e9650ee6e54fap-32})
                       : m.poly(r, {1, 0x1.62e43p-1, 0x1.ebfbd8p-3, 0x1.c6af72p-5, 0x1.3b309p-7,
                                    0x1.5f0e12p-10, 0x1.3fb5f2p-13});
  return finish(m, x, safe, zero, p, shifted, range);
}

} // namespace

std::pair<Num, Num> nearestWhole(MathBuilder &m, Num x, double factor) {
  Num shifted = factor == 1 ? x + magic(m) : m.fma(x, factor, magic(m));
  return {shifted - magic(m), shifted};
}

Num powerOfTwo(MathBuilder &m, Num shifted, int add) {
  return m.fromBits((m.bits(shifted) + double(m.bias() + add)) << m.mantissaBits());
}

Num scale(MathBuilder &m, Num p, Num shifted, Num low) {
  int raise = m.isDouble() ? 128 : 64;
  Num exponent = m.bits(shifted) << m.mantissaBits();
  exponent = exponent + m.select(low, m.i(int64_t(raise) << m.mantissaBits()), 0.0);
  Num y = m.fromBits(m.bits(p) + exponent);
  return m.select(low, y * std::ldexp(1.0, -raise), y);
}

static std::pair<Num, Num> reduceExp(MathBuilder &m, Num x, Num &r) {
  auto [n, shifted] = nearestWhole(m, x, log2e);
  // The first part of ln 2 has so few bits that n times it is exact.
  if (m.isDouble()) {
    r = m.fma(n, -0x1.62e42fefa2p-1, x);
    r = m.fma(n, -0x1.9ef35793c7673p-41, r);
  } else {
    r = m.fma(n, -0x1.62ep-1, x);
    r = m.fma(n, -0x1.0bfbe8p-15, r);
  }
  return {n, shifted};
}

ExpParts expParts(MathBuilder &m, Num x) {
  Num r;
  auto [n, shifted] = reduceExp(m, x, r);
  Num p = m.isDouble()
              ? m.poly(r, {0.5, 0x1.5555555555559p-3, 0x1.555555555554dp-5, 0x1.111111110f64bp-7,
                           0x1.6c16c16c1ab03p-10, 0x1.a01a01b00a5ddp-13, 0x1.a01a018e103dap-16,
                           0x1.71ddf7f7e5e53p-19, 0x1.27e5132ae412ap-22, 0x1.af5f5eb2c41p-26,
                           0x1.1f1a66d04bda1p-29})
              : m.poly(r, {0.5, 0x1.555554p-3, 0x1.5554fp-5, 0x1.111306p-7, 0x1.6d43aap-10, 0x1.9e0d5ep-13});
  return {shifted, n, m.fma(r * r, p, r)};
}

Num exp(MathBuilder &m, Num x) {
  Range range = m.isDouble() ? Range{-746, -708, 0x1.62e42fefa39efp9} : Range{-104, -87, 0x1.62e42ep6};
  Num zero = m.lt(x, range.zero);
  Num safe = m.select(zero, 0.0, x);
  Num r;
  auto [n, shifted] = reduceExp(m, safe, r);
  Num p = m.isDouble()
              ? m.poly(r, {1, 1, 0x1.000000000000ap-1, 0x1.55555555554fcp-3, 0x1.5555555550688p-5,
                           0x1.111111112725fp-7, 0x1.6c16c1848904bp-10, 0x1.a01a012dcb0c3p-13,
                           0x1.a0199921d1704p-16, 0x1.71df1d1450403p-19, 0x1.28ae3e030198dp-22,
                           0x1.ad8d590fc30fcp-26})
              : m.poly(r, {1, 1, 0x1.fffffcp-2, 0x1.55549p-3, 0x1.5558a6p-5, 0x1.123aecp-7, 0x1.6a5a54p-10});
  return finish(m, x, safe, zero, p, shifted, range);
}

Num expm1(MathBuilder &m, Num x) {
  // Below the lower bound the result rounds to -1; above the upper one it is infinite.
  double lower = m.isDouble() ? -40 : -20, upper = m.isDouble() ? 0x1.62e42fefa39efp9 : 0x1.62e42ep6;
  Num clamped = m.atMost(m.atLeast(x, lower), upper);
  ExpParts e = expParts(m, clamped);
  // 2^n·q + (2^n - 1), at half size because 2^n itself may overflow.
  Num half = powerOfTwo(m, e.shifted, -1);
  Num y = m.fma(half, e.q, half - 0.5) * 2.0;
  y = m.select(m.ugt(x, upper), x + m.infinity(), y);
  // The smallest numbers and -0 are their own result.
  return m.select(m.lt(m.abs(x), m.isDouble() ? 0x1p-54 : 0x1p-25), x, y);
}

llvm::ArrayRef<Expansion> exponentialExpansions() {
  static const Expansion table[] = {
      {"math.exp", unary<exp>, unary<exp>, nullptr},
      {"math.exp2", unary<exp2>, unary<exp2>, nullptr},
      {"math.expm1", unary<expm1>, unary<expm1>, nullptr},
  };
  return table;
}

} // namespace tgc
