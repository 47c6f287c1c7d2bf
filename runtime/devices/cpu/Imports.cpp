// The functions that compiled code may call, by the names that LLVM's libcalls have.
#include "runtime/devices/cpu/CodeImage.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

namespace tgc::runtime {

namespace {
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
