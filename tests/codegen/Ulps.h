// Errors in units of the last place.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

namespace tgc::test {

/// Distance of y from the exact value in units of its last place; infinite if NaN, infinity or a sign
/// disagree.
template <typename Float>
double ulps(Float y, long double exact) {
  constexpr double bad = std::numeric_limits<double>::infinity();
  if (std::isnan(exact) || std::isnan(y))
    return std::isnan(exact) && std::isnan(y) ? 0 : bad;
  if (exact == 0)
    return y == 0 && std::signbit(y) == std::signbit(exact) ? 0 : bad;
  if (std::fabs(exact) >= std::ldexp((long double)1, std::numeric_limits<Float>::max_exponent))
    return std::isinf(y) && std::signbit(y) == std::signbit(exact) ? 0 : bad;
  int exponent = std::max(std::ilogb(exact), std::numeric_limits<Float>::min_exponent - 1);
  exponent = std::min(exponent, std::numeric_limits<Float>::max_exponent - 1);
  long double unit = std::ldexp((long double)1, exponent - std::numeric_limits<Float>::digits + 1);
  // Infinity stands for the first number that does not fit.
  long double value =
      std::isinf(y) ? std::copysign(std::ldexp((long double)1, std::numeric_limits<Float>::max_exponent),
                                    (long double)y)
                    : (long double)y;
  return double(std::fabs(value - exact) / unit);
}

} // namespace tgc::test
