// pow, atan2, fpowi and ipowi against libm, with C's special cases.
#include "tests/codegen/KernelText.h"
#include "tests/codegen/Ulps.h"
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <random>

using namespace tgc;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

const float special[] = {0.0f,        -0.0f,         1.0f,   -1.0f,   2.0f,        -2.0f,      0.5f,
                         -0.5f,       3.0f,          -3.0f,  1.5f,    -1.5f,       4.0f,       inf,
                         -inf,        std::nanf(""), 1e-40f, -1e-40f, 3.4e38f,     -3.4e38f,   16777215.0f,
                         16777217.0f, -16777215.0f,  1e30f,  -1e30f,  0.99999994f, 1.0000001f, 127.0f,
                         128.0f,      -149.0f,       1e-38f};

template <typename A, typename B>
struct Pairs {
  std::vector<A> x = std::vector<A>(test::kernelElements);
  std::vector<B> y = std::vector<B>(test::kernelElements);
  std::vector<A> out = std::vector<A>(test::kernelElements);

  void run(test::LoadedImage &image) {
    void *buffers[] = {x.data(), y.data(), out.data()};
    image.entry("f")(buffers, nullptr, 0, 1);
  }
};

template <typename Reference>
void checkPairs(const std::string &op, Reference reference, double bound) {
  for (const std::string &target : test::runnableTargets()) {
    int lanes = target == "generic" ? 4 : 16;
    auto image = test::compileText(
        test::elementwiseKernel({"f32", "f32"}, "f32", "%y = math." + op + " %x0, %x1 : IN0", lanes), target);
    std::mt19937 random(3);
    double worst = 0;
    std::string where;
    for (int batch = 0; batch < 12; ++batch) {
      Pairs<float, float> pairs;
      for (size_t i = 0; i < pairs.x.size(); ++i) {
        auto uniform = [&](float a, float b) { return std::uniform_real_distribution<float>(a, b)(random); };
        pairs.x[i] = batch % 3 == 0   ? std::bit_cast<float>(uint32_t(random()))
                     : batch % 3 == 1 ? uniform(0, 4)
                                      : 1 + std::ldexp(uniform(-1, 1), -int(random() % 20));
        pairs.y[i] = batch % 4 == 0   ? std::bit_cast<float>(uint32_t(random()))
                     : batch % 4 == 1 ? std::floor(uniform(-40, 40))
                     : batch % 4 == 2 ? uniform(-60, 60)
                                      : std::ldexp(uniform(-1, 1), int(random() % 28));
      }
      size_t count = std::size(special);
      for (size_t i = 0; batch == 0 && i < count * count; ++i) {
        pairs.x[i] = special[i / count];
        pairs.y[i] = special[i % count];
      }
      pairs.run(*image);
      for (size_t i = 0; i < pairs.x.size(); ++i) {
        double error = test::ulps(pairs.out[i], reference(pairs.x[i], pairs.y[i]));
        if (!(error <= worst)) {
          worst = error;
          where = fmt::format("{}({:a}, {:a}) on {}: got {:.9g}, not {:.9g}", op, pairs.x[i], pairs.y[i],
                              target, pairs.out[i], double(reference(pairs.x[i], pairs.y[i])));
        }
      }
    }
    INFO(where);
    CHECK(worst <= bound);
  }
}

} // namespace

TEST_CASE("powf is within 4 ulp and has C's special cases") {
  checkPairs("powf", [](float x, float y) { return std::pow((long double)x, (long double)y); }, 4);
}

TEST_CASE("atan2 is within 4 ulp and has C's special cases") {
  checkPairs("atan2", [](float x, float y) { return std::atan2((long double)x, (long double)y); }, 4);
}

TEST_CASE("constant powers are exact enough") {
  for (double power : {0.0, 0.5, 1.0, 2.0, 3.0, 4.0, -0.5, -1.0, -2.0, -3.0, 2.5, 7.0}) {
    auto image = test::compileText(
        test::elementwiseKernel(
            {"f32"}, "f32",
            fmt::format("%c = arith.constant dense<{:.3f}> : IN0\n%y = math.powf %x0, %c : IN0", power), 16),
        "native");
    std::mt19937 random(5);
    std::vector<float> x(test::kernelElements), y(test::kernelElements);
    for (float &value : x)
      value = std::uniform_real_distribution<float>(0.001f, 1000)(random);
    x[0] = -0.0f, x[1] = -inf, x[2] = inf, x[3] = 0, x[4] = -2;
    void *buffers[] = {x.data(), y.data()};
    image->entry("f")(buffers, nullptr, 0, 1);
    for (size_t i = 0; i < x.size(); ++i) {
      INFO(x[i] << " ^ " << power << " = " << y[i]);
      REQUIRE(test::ulps(y[i], std::pow((long double)x[i], (long double)power)) <= 4);
    }
  }
}

TEST_CASE("fpowi takes every 32-bit exponent") {
  auto image = test::compileText(
      test::elementwiseKernel({"f32", "i32"}, "f32", "%y = math.fpowi %x0, %x1 : IN0, IN1", 16), "native");
  std::mt19937 random(5);
  Pairs<float, int32_t> pairs;
  for (size_t i = 0; i < pairs.x.size(); ++i) {
    pairs.x[i] =
        i % 2 ? std::uniform_real_distribution<float>(-3, 3)(random)
              : 1 + std::ldexp(std::uniform_real_distribution<float>(-1, 1)(random), -int(random() % 24));
    pairs.y[i] = i % 3 ? int32_t(random()) >> (random() % 32) : int32_t(random() % 64) - 32;
  }
  pairs.run(*image);
  for (size_t i = 0; i < pairs.x.size(); ++i) {
    INFO(fmt::format("{:a} ^ {} = {:.9g}", pairs.x[i], pairs.y[i], pairs.out[i]));
    REQUIRE(test::ulps(pairs.out[i], std::pow((long double)pairs.x[i], (long double)pairs.y[i])) <= 4);
  }
}

TEST_CASE("ipowi wraps, and negative exponents round towards zero") {
  auto image = test::compileText(
      test::elementwiseKernel({"i32", "i32"}, "i32", "%y = math.ipowi %x0, %x1 : IN0", 8), "native");
  Pairs<int32_t, int32_t> pairs;
  std::mt19937 random(9);
  for (size_t i = 0; i < pairs.x.size(); ++i) {
    pairs.x[i] = int32_t(random() % 21) - 10;
    pairs.y[i] = int32_t(random() % 40) - 8;
    if (pairs.x[i] == 0)
      pairs.y[i] = std::abs(pairs.y[i]);
  }
  pairs.run(*image);
  for (size_t i = 0; i < pairs.x.size(); ++i) {
    uint32_t expected = 1;
    for (int n = 0; n < std::abs(pairs.y[i]); ++n)
      expected *= uint32_t(pairs.x[i]);
    if (pairs.y[i] < 0)
      expected = std::abs(pairs.x[i]) == 1 ? expected : 0;
    INFO(pairs.x[i] << " ^ " << pairs.y[i]);
    REQUIRE(pairs.out[i] == int32_t(expected));
  }
}
