// The functions that compiled code may call, by the names that LLVM's libcalls have.
#include "runtime/devices/cpu/CodeImage.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace tgc::runtime {

namespace {
// Conversions of 16-bit floats that compilers call on processors without instructions for them. A 16-bit
// float is passed in the low bits of the register of a float.
uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }
float low16(uint32_t value) { return std::bit_cast<float>(value & 0xffff); }

/// A double as a float whose last bit is set if anything was lost ("round to odd"): rounding that to fewer
/// bits gives what rounding the double would have given.
float roundToOdd(double value) {
  auto nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value || std::isnan(value) || std::isinf(nearest))
    return nearest;
  bool outward = std::fabs(static_cast<double>(nearest)) > std::fabs(value);
  return std::bit_cast<float>((bits(nearest) - (outward ? 1 : 0)) | 1);
}

float floatToHalf(float value) {
  uint32_t sign = bits(value) >> 16 & 0x8000, magnitude = bits(value) & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return low16(sign | 0x7e00 | (magnitude >> 13 & 0x1ff));
  if (magnitude >= 0x477ff000) // 65520, where rounding leaves the range
    return low16(sign | 0x7c00);
  if (magnitude < 0x38800000) // subnormal: adding 0.5 aligns the bits and rounds them
    return low16(sign | (bits(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000));
  return low16(sign | ((magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13));
}
float doubleToHalf(double value) { return floatToHalf(roundToOdd(value)); }

float halfToFloat(float half) {
  uint32_t sign = (bits(half) & 0x8000) << 16, magnitude = bits(half) & 0x7fff;
  if (magnitude >= 0x7c00)
    return std::bit_cast<float>(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  // Scaling by 2^112 moves the exponent and makes subnormals normal.
  return std::bit_cast<float>(sign | bits(std::bit_cast<float>(magnitude << 13) * 0x1p112f));
}
double halfToDouble(float half) { return halfToFloat(half); }

float floatToBfloat(float value) {
  uint32_t whole = bits(value);
  if (std::isnan(value))
    return low16(whole >> 16 | 0x40);
  return low16((whole + 0x7fff + (whole >> 16 & 1)) >> 16);
}
float doubleToBfloat(double value) { return floatToBfloat(roundToOdd(value)); }

struct Row {
  const char *name;
  void *address;
};

using F1 = float (*)(float);
using F2 = float (*)(float, float);
using F3 = float (*)(float, float, float);
using D1 = double (*)(double);
using D2 = double (*)(double, double);
using D3 = double (*)(double, double, double);

// A function of one, two or three arguments in both precisions: expf and exp.
#define TGC_UNARY(name)                                                                                      \
  {#name "f", (void *)(F1)::name##f}, { #name, (void *)(D1)::name }
#define TGC_BINARY(name)                                                                                     \
  {#name "f", (void *)(F2)::name##f}, { #name, (void *)(D2)::name }
#define TGC_TERNARY(name)                                                                                    \
  {#name "f", (void *)(F3)::name##f}, { #name, (void *)(D3)::name }

const Row Rows[] = {
    TGC_UNARY(exp),
    TGC_UNARY(exp2),
    TGC_UNARY(expm1),
    TGC_UNARY(log),
    TGC_UNARY(log2),
    TGC_UNARY(log10),
    TGC_UNARY(log1p),
    TGC_UNARY(sin),
    TGC_UNARY(cos),
    TGC_UNARY(tan),
    TGC_UNARY(asin),
    TGC_UNARY(acos),
    TGC_UNARY(atan),
    TGC_UNARY(sinh),
    TGC_UNARY(cosh),
    TGC_UNARY(tanh),
    TGC_UNARY(asinh),
    TGC_UNARY(acosh),
    TGC_UNARY(atanh),
    TGC_UNARY(erf),
    TGC_UNARY(erfc),
    TGC_UNARY(tgamma),
    TGC_UNARY(lgamma),
    TGC_UNARY(sqrt),
    TGC_UNARY(cbrt),
    TGC_UNARY(fabs),
    TGC_UNARY(floor),
    TGC_UNARY(ceil),
    TGC_UNARY(round),
    TGC_UNARY(roundeven),
    TGC_UNARY(rint),
    TGC_UNARY(nearbyint),
    TGC_UNARY(trunc),
    TGC_BINARY(pow),
    TGC_BINARY(fmod),
    TGC_BINARY(remainder),
    TGC_BINARY(atan2),
    TGC_BINARY(fmin),
    TGC_BINARY(fmax),
    TGC_BINARY(copysign),
    TGC_BINARY(hypot),
    TGC_TERNARY(fma),
    {"ldexpf", (void *)(float (*)(float, int))::ldexpf},
    {"ldexp", (void *)(double (*)(double, int))::ldexp},
    {"sincosf", (void *)(void (*)(float, float *, float *))::sincosf},
    {"sincos", (void *)(void (*)(double, double *, double *))::sincos},
    {"__truncsfhf2", (void *)floatToHalf},
    {"__truncdfhf2", (void *)doubleToHalf},
    {"__extendhfsf2", (void *)halfToFloat},
    {"__extendhfdf2", (void *)halfToDouble},
    {"__truncsfbf2", (void *)floatToBfloat},
    {"__truncdfbf2", (void *)doubleToBfloat},
    {"memcpy", (void *)(void *(*)(void *, const void *, size_t))::memcpy},
    {"memmove", (void *)(void *(*)(void *, const void *, size_t))::memmove},
    {"memset", (void *)(void *(*)(void *, int, size_t))::memset},
    {"memcmp", (void *)(int (*)(const void *, const void *, size_t))::memcmp},
};
} // namespace

void *importAddress(const std::string &symbol) {
  auto row = std::find_if(std::begin(Rows), std::end(Rows), [&](const Row &r) { return symbol == r.name; });
  return row == std::end(Rows) ? nullptr : row->address;
}

} // namespace tgc::runtime
