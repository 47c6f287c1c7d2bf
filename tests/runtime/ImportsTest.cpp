// The functions that compiled code may call.
#include "runtime/devices/cpu/CodeImage.h"
#include "tests/runtime/Support.h"
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

using namespace tgc::runtime;

namespace {
template <typename F>
F *import(const char *name) {
  void *address = importAddress(name);
  REQUIRE(address != nullptr);
  return reinterpret_cast<F *>(address);
}

uint16_t low(float value) { return uint16_t(std::bit_cast<uint32_t>(value)); }
float asFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits)); }

/// The value of a float with `mantissa` explicit bits and the exponent range of an IEEE format, by
/// definition.
double decode(uint16_t bits, int exponentBits, int mantissaBits) {
  int bias = (1 << (exponentBits - 1)) - 1;
  int exponent = bits >> mantissaBits & ((1 << exponentBits) - 1),
      mantissa = bits & ((1 << mantissaBits) - 1);
  double magnitude;
  if (exponent == (1 << exponentBits) - 1)
    magnitude = mantissa ? NAN : INFINITY;
  else if (exponent == 0)
    magnitude = std::ldexp(mantissa, 1 - bias - mantissaBits);
  else
    magnitude = std::ldexp((1 << mantissaBits) + mantissa, exponent - bias - mantissaBits);
  return bits & 0x8000 ? -magnitude : magnitude;
}

/// The nearest value, ties to even, found by looking at the neighbours.
bool nearest(uint16_t result, double value, int exponentBits, int mantissaBits) {
  double got = decode(result, exponentBits, mantissaBits);
  if (std::isnan(value))
    return std::isnan(got);
  if (std::signbit(value) != std::signbit(got))
    return false;
  uint16_t largest = uint16_t(((1 << exponentBits) - 1) << mantissaBits) - 1;
  double most = decode(largest, exponentBits, mantissaBits);
  double limit = most + (most - decode(uint16_t(largest - 1), exponentBits, mantissaBits)) / 2;
  if (std::fabs(value) >= limit)
    return std::isinf(got);
  for (int step : {-1, 1}) {
    if (((result & 0x7fff) == 0 && step < 0) || ((result & 0x7fff) == largest && step > 0))
      continue;
    double other = decode(uint16_t(result + step), exponentBits, mantissaBits);
    double mine = std::fabs(got - value), theirs = std::fabs(other - value);
    if (mine > theirs || (mine == theirs && result % 2 != 0))
      return false;
  }
  return true;
}
} // namespace

TEST_CASE("imports: conversions of 16-bit floats", "[imports]") {
  auto *toHalf = import <float(float)>("__truncsfhf2");
  auto *toHalfD = import <float(double)>("__truncdfhf2");
  auto *fromHalf = import <float(float)>("__extendhfsf2");
  auto *toBfloat = import <float(float)>("__truncsfbf2");
  auto *toBfloatD = import <float(double)>("__truncdfbf2");
  bool good = true;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    double value = decode(uint16_t(bits), 5, 10), got = fromHalf(asFloat(uint16_t(bits)));
    good &= std::isnan(value) ? std::isnan(got) : value == got && std::signbit(value) == std::signbit(got);
    // Each half, and the points where rounding turns, exactly and a little beside.
    for (double beside : {0.0, 1e-12, -1e-12}) {
      double middle = value + (decode(uint16_t(bits + 1), 5, 10) - value) / 2 * (1 + beside);
      for (double x : {value, middle}) {
        good &= nearest(low(toHalfD(x)), x, 5, 10);
        good &= nearest(low(toHalf(float(x))), float(x), 5, 10);
        good &= nearest(low(toBfloatD(x)), x, 8, 7);
      }
    }
  }
  std::mt19937 random(2);
  for (int i = 0; i < 300000; ++i) {
    float x = std::bit_cast<float>(uint32_t(random()));
    good &= nearest(low(toHalf(x)), x, 5, 10);
    good &= nearest(low(toBfloat(x)), x, 8, 7);
  }
  REQUIRE(good);
}

TEST_CASE("imports: functions by their C names", "[imports]") {
  REQUIRE(import <float(float)>("expf")(1) == std::exp(1.0f));
  REQUIRE(import <double(double)>("erf")(0.5) == std::erf(0.5));
  REQUIRE(import <float(float, float)>("fmodf")(5.5f, 2) == 1.5f);
  REQUIRE(import <double(double, double)>("pow")(2, 10) == 1024);
  REQUIRE(import <double(double)>("roundeven")(2.5) == 2);
  REQUIRE(import <float(float, float, float)>("fmaf")(2, 3, 4) == 10);
  float sine, cosine;
  import <void(float, float *, float *)>("sincosf")(1, &sine, &cosine);
  REQUIRE(sine == std::sin(1.0f));
  for (const char *unknown : {"", "system", "exp ", "mprotect"})
    REQUIRE(importAddress(unknown) == nullptr);
}
