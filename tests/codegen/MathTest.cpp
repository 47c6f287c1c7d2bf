// Errors of the mathematical functions against libm in a wider type, over all exponents and the edges.
#include "tests/codegen/KernelText.h"
#include "tests/codegen/Ulps.h"
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <random>

using namespace tgc;

namespace {

using Wide = long double;

struct Function {
  const char *op;
  Wide (*reference)(Wide);
  /// The same in double: precise enough, and much faster, for f32.
  double (*fast)(double);
  /// Arguments beyond ± this are not tested against the bound (no promise is made there); 0: no limit.
  double limit = 0;
  double bound = 4;
};

Wide rsqrtReference(Wide x) { return 1 / std::sqrt(x); }
double rsqrtFast(double x) { return 1 / std::sqrt(x); }
Wide roundEvenReference(Wide x) { return std::nearbyint(x); }
double roundEvenFast(double x) { return std::nearbyint(x); }

const Function functions[] = {
    {"exp", std::exp, std::exp},
    {"exp2", std::exp2, std::exp2},
    {"expm1", std::expm1, std::expm1},
    {"log", std::log, std::log},
    {"log2", std::log2, std::log2},
    {"log10", std::log10, std::log10},
    {"log1p", std::log1p, std::log1p},
    {"tanh", std::tanh, std::tanh},
    {"erf", std::erf, std::erf},
    {"sin", std::sin, std::sin},
    {"cos", std::cos, std::cos},
    {"tan", std::tan, std::tan},
    {"asin", std::asin, std::asin},
    {"acos", std::acos, std::acos},
    {"atan", std::atan, std::atan},
    {"sinh", std::sinh, std::sinh},
    {"cosh", std::cosh, std::cosh},
    {"asinh", std::asinh, std::asinh},
    {"acosh", std::acosh, std::acosh},
    {"atanh", std::atanh, std::atanh},
    {"cbrt", std::cbrt, std::cbrt},
    {"sqrt", std::sqrt, std::sqrt},
    {"rsqrt", rsqrtReference, rsqrtFast},
    {"floor", std::floor, std::floor, 0, 0},
    {"ceil", std::ceil, std::ceil, 0, 0},
    {"round", std::round, std::round, 0, 0},
    {"trunc", std::trunc, std::trunc, 0, 0},
    {"roundeven", roundEvenReference, roundEvenFast, 0, 0},
};

template <typename Float>
using Bits = std::conditional_t<sizeof(Float) == 4, uint32_t, uint64_t>;

/// Arguments: edges, all exponents, and where the functions do their work.
template <typename Float>
class Arguments {
public:
  Float next() {
    uint64_t r = random();
    switch (r % 8) {
    case 0:
    case 1:
    case 2:
      return std::bit_cast<Float>(Bits<Float>(r >> 3 ^ random() << 32));
    case 3:
      return Float(uniform(-1, 1));
    case 4:
      return Float(uniform(-12, 12));
    case 5:
      return Float(uniform(-800, 800));
    case 6:
      return Float(std::copysign(1 + std::ldexp(uniform(-1, 1), -int(random() % 24)), uniform(-1, 1)));
    default: {
      // Next to multiples of π/4, where sines cancel.
      Float near = Float(std::floor(uniform(-1300000, 1300000)) * 0.78539816339744830961L);
      return std::bit_cast<Float>(Bits<Float>(std::bit_cast<Bits<Float>>(near) + random() % 3 - 1));
    }
    }
  }

  static std::vector<Float> edges() {
    using Limits = std::numeric_limits<Float>;
    std::vector<Float> values;
    for (Float x : {Float(0),           Limits::denorm_min(),
                    Limits::min(),      Limits::min() - Limits::denorm_min(),
                    Float(0.5),         Float(1),
                    Float(1.5),         Float(2),
                    Float(2.5),         Limits::max(),
                    Limits::infinity(), Limits::quiet_NaN(),
                    Float(88.72283),    Float(88.72284),
                    Float(89.41599),    Float(709.782712893384),
                    Float(103.97208),   Float(87.33655),
                    Float(149),         Float(126),
                    Float(127.99999),   Float(128),
                    Float(0x1p20),      Float(0x1p24),
                    Float(0x1p30),      Float(8388607.5),
                    Float(8388608)})
      for (int step : {-2, -1, 0, 1, 2})
        for (Float sign : {Float(1), Float(-1)}) {
          Float y = x;
          for (int i = 0; i < std::abs(step); ++i)
            y = std::nextafter(y, step < 0 ? -Limits::infinity() : Limits::infinity());
          values.push_back(sign * y);
        }
    return values;
  }

private:
  double uniform(double a, double b) { return std::uniform_real_distribution<double>(a, b)(random); }
  std::mt19937_64 random{7};
};

struct Worst {
  double error = 0;
  double at = 0, got = 0;
};

template <typename Float>
Worst measure(const Function &function, const std::string &target, int lanes, int batches) {
  const char *type = sizeof(Float) == 4 ? "f32" : "f64";
  auto image = test::compileText(
      test::elementwiseKernel({type}, type, fmt::format("%y = math.{} %x0 : IN0", function.op), lanes),
      target);
  auto *entry = image->entry("f");
  Arguments<Float> arguments;
  std::vector<Float> x(test::kernelElements), y(test::kernelElements);
  std::vector<Float> edges = Arguments<Float>::edges();
  Worst worst;
  for (int batch = 0; batch < batches; ++batch) {
    for (Float &value : x)
      value = arguments.next();
    if (batch == 0)
      std::copy(edges.begin(), edges.end(), x.begin());
    void *buffers[] = {x.data(), y.data()};
    entry(buffers, nullptr, 0, 1);
    for (size_t i = 0; i < x.size(); ++i) {
      if (function.limit && std::fabs(x[i]) > function.limit)
        continue;
      Wide exact = sizeof(Float) == 4 ? Wide(function.fast(x[i])) : function.reference(x[i]);
      double error = test::ulps(y[i], exact);
      if (!(error <= worst.error))
        worst = {error, x[i], y[i]};
    }
  }
  return worst;
}

template <typename Float>
void check(const std::string &target, int lanes, int batches, double allowed) {
  for (const Function &function : functions) {
    Worst worst = measure<Float>(function, target, lanes, batches);
    double bound = function.bound == 0 ? 0 : allowed;
    INFO(fmt::format("{} {} on {}: {:.3g} ulp at {:a} ({:.9g}): got {:.9g}", function.op, sizeof(Float) * 8,
                     target, worst.error, worst.at, worst.at, worst.got));
    if (std::getenv("TGC_PRINT_ULPS"))
      fmt::print(stderr, "{} f{} {}: {:.3f} ulp at {:.9g} (got {:.9g})\n", target, sizeof(Float) * 8,
                 function.op, worst.error, worst.at, worst.got);
    CHECK(worst.error <= bound);
  }
}

} // namespace

TEST_CASE("functions of f32 are within 4 ulp") {
  for (const std::string &target : test::runnableTargets())
    check<float>(target, target == "generic" ? 4 : 16, target == "native" ? 8 : 3, 4);
}

TEST_CASE("functions of f32 scalars are within 4 ulp") { check<float>("native", 1, 2, 4); }

TEST_CASE("functions of f64 are within 4 ulp") {
  for (const std::string &target : test::runnableTargets())
    check<double>(target, 8, 2, 4);
}

TEST_CASE("functions of f32 over many more arguments", "[.long]") { check<float>("native", 16, 200, 4); }
