// Conversions between numbers: all 2^16 narrow floats, roundings, saturation, and the extrema.
#include "tests/codegen/KernelText.h"
#include "llvm/ADT/APFloat.h"
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <random>

using namespace tgc;

namespace {

constexpr size_t count = test::kernelElements;

template <typename In, typename Out>
std::vector<Out> evaluate(const std::string &target, const std::string &in, const std::string &out,
                          const std::string &body, std::vector<In> x, int lanes = 16) {
  auto image = test::compileText(test::elementwiseKernel({in}, out, body, lanes), target);
  x.resize(count);
  std::vector<Out> y(count);
  void *buffers[] = {x.data(), y.data()};
  image->entry("f")(buffers, nullptr, 0, 1);
  return y;
}

const llvm::fltSemantics &semantics(const std::string &type) {
  return type == "f16" ? llvm::APFloat::IEEEhalf() : llvm::APFloat::BFloat();
}

/// The narrow float's bits for a value, rounded once to nearest even.
uint16_t narrow(const std::string &type, llvm::APFloat value) {
  bool lost;
  value.convert(semantics(type), llvm::APFloat::rmNearestTiesToEven, &lost);
  return uint16_t(value.bitcastToAPInt().getZExtValue());
}

bool isNarrowNan(const std::string &type, uint16_t bits) {
  return llvm::APFloat(semantics(type), llvm::APInt(16, bits)).isNaN();
}

std::vector<uint16_t> allNarrow() {
  std::vector<uint16_t> bits(count);
  for (size_t i = 0; i < count; ++i)
    bits[i] = uint16_t(i);
  return bits;
}

/// Numbers around every boundary of the narrow floats: each narrow float and the middle to the next, plus or
/// minus the last bit.
template <typename Float>
std::vector<Float> aroundNarrow(const std::string &type, std::mt19937_64 &random) {
  using Bits = std::conditional_t<sizeof(Float) == 4, uint32_t, uint64_t>;
  std::vector<Float> values(count);
  for (Float &value : values) {
    llvm::APFloat number(semantics(type), llvm::APInt(16, random() & 0xffff));
    llvm::APFloat next = number;
    next.next(false);
    bool lost;
    number.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
    next.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
    double a = number.convertToDouble(), b = next.convertToDouble();
    double middle = random() % 2 ? a : std::isinf(b) ? a * 1.0009765625 : (a + b) / 2;
    value = std::bit_cast<Float>(Bits(std::bit_cast<Bits>(Float(middle)) + random() % 3 - 1));
  }
  return values;
}

} // namespace

TEST_CASE("narrow floats extend exactly") {
  for (const std::string &target : test::runnableTargets())
    for (const std::string type : {"f16", "bf16"}) {
      auto y = evaluate<uint16_t, float>(target, type, "f32", "%y = arith.extf %x0 : IN0 to OUT", allNarrow(),
                                         target == "generic" ? 4 : 16);
      for (size_t i = 0; i < count; ++i) {
        llvm::APFloat exact(semantics(type), llvm::APInt(16, i));
        bool lost;
        exact.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &lost);
        INFO(fmt::format("{} {:#x} on {} is {}", type, i, target, y[i]));
        if (exact.isNaN())
          REQUIRE(std::isnan(y[i]));
        else
          REQUIRE(std::bit_cast<uint32_t>(y[i]) == std::bit_cast<uint32_t>(exact.convertToFloat()));
      }
    }
}

TEST_CASE("f32 and f64 round to narrow floats once, to nearest even, denormal numbers and NaN included") {
  std::mt19937_64 random(11);
  auto check = [&]<typename Float>(Float, const std::string &from, const std::string &target, int lanes) {
    for (const std::string type : {"f16", "bf16"}) {
      std::vector<Float> x = aroundNarrow<Float>(type, random);
      auto y = evaluate<Float, uint16_t>(target, from, type, "%y = arith.truncf %x0 : IN0 to OUT", x, lanes);
      for (size_t i = 0; i < count; ++i) {
        INFO(fmt::format("{:a} to {} on {} is {:#x}", x[i], type, target, y[i]));
        if (std::isnan(x[i]))
          REQUIRE(isNarrowNan(type, y[i]));
        else
          REQUIRE(y[i] == narrow(type, llvm::APFloat(x[i])));
      }
    }
  };
  for (const std::string &target : test::runnableTargets()) {
    check(0.0f, "f32", target, target == "generic" ? 4 : 16);
    check(0.0, "f64", target, 8);
    check(0.0f, "f32", target, 1);
  }
}

TEST_CASE("floats to integers saturate, and NaN gives 0") {
  std::mt19937_64 random(13);
  auto check = [&]<typename Float, typename Int>(Float, Int, const std::string &from,
                                                 const std::string &target) {
    std::vector<Float> x(count);
    for (Float &value : x) {
      double size = std::ldexp(1.0, int(random() % 70));
      value = Float(size * std::uniform_real_distribution<double>(-1, 1)(random));
    }
    for (Float sign : {Float(1), Float(-1)})
      for (int power : {7, 8, 15, 16, 31, 32, 63, 64})
        for (int step : {-1, 0, 1})
          x.push_back(sign * (std::ldexp(Float(1), power) + Float(step)));
    std::rotate(x.begin(), x.end() - 48, x.end());
    x[60] = std::numeric_limits<Float>::quiet_NaN();
    x[61] = std::numeric_limits<Float>::infinity();
    x[62] = -x[61];
    x.resize(count);
    bool isSigned = std::is_signed_v<Int>;
    auto y = evaluate<Float, Int>(
        target, from, fmt::format("i{}", sizeof(Int) * 8),
        fmt::format("%y = arith.{} %x0 : IN0 to OUT", isSigned ? "fptosi" : "fptoui"), x, 8);
    for (size_t i = 0; i < count; ++i) {
      Int expected;
      if (std::isnan(x[i]))
        expected = 0;
      else if (x[i] >= std::ldexp(1.0, std::numeric_limits<Int>::digits))
        expected = std::numeric_limits<Int>::max();
      else if (x[i] <= double(std::numeric_limits<Int>::min()))
        expected = std::numeric_limits<Int>::min();
      else
        expected = Int(x[i]);
      INFO(fmt::format("{:.9g} to {} bits on {} is {}", x[i], sizeof(Int) * 8, target, y[i]));
      REQUIRE(y[i] == expected);
    }
  };
  for (const std::string &target : test::runnableTargets()) {
    auto all = [&]<typename Float>(Float f, const std::string &from) {
      check(f, int8_t(), from, target);
      check(f, int16_t(), from, target);
      check(f, int32_t(), from, target);
      check(f, int64_t(), from, target);
      check(f, uint8_t(), from, target);
      check(f, uint16_t(), from, target);
      check(f, uint32_t(), from, target);
      check(f, uint64_t(), from, target);
    };
    all(0.0f, "f32");
    all(0.0, "f64");
  }
}

TEST_CASE("integers and booleans become floats") {
  std::mt19937_64 random(17);
  std::vector<int32_t> x(count);
  for (int32_t &value : x)
    value = int32_t(random()) >> random() % 32;
  std::vector<uint8_t> flags(count);
  for (uint8_t &flag : flags)
    flag = random() & 1;
  for (const std::string &target : test::runnableTargets()) {
    auto single = evaluate<int32_t, float>(target, "i32", "f32", "%y = arith.sitofp %x0 : IN0 to OUT", x, 8);
    auto positive =
        evaluate<int32_t, float>(target, "i32", "f32", "%y = arith.uitofp %x0 : IN0 to OUT", x, 8);
    auto brain =
        evaluate<int32_t, uint16_t>(target, "i32", "bf16", "%y = arith.sitofp %x0 : IN0 to OUT", x, 8);
    auto flag =
        evaluate<uint8_t, float>(target, "i1", "f32", "%y = arith.uitofp %x0 : IN0 to OUT", flags, 16);
    auto inverse = evaluate<uint8_t, uint8_t>(
        target, "i1", "i1", "%one = arith.constant dense<true> : IN0\n%y = arith.xori %x0, %one : IN0", flags,
        16);
    for (size_t i = 0; i < count; ++i) {
      REQUIRE(single[i] == float(x[i]));
      REQUIRE(positive[i] == float(uint32_t(x[i])));
      REQUIRE(brain[i] == narrow("bf16", llvm::APFloat(double(x[i]))));
      REQUIRE(flag[i] == float(flags[i]));
      REQUIRE(inverse[i] == 1 - flags[i]);
    }
  }
}

TEST_CASE("maximumf and minimumf pass NaN on") {
  float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  std::vector<float> values = {0, 1, -1, 2.5f, inf, -inf, nan, 1e-40f};
  std::vector<float> x, y;
  for (float a : values)
    for (float b : values) {
      x.push_back(a);
      y.push_back(b);
    }
  x.resize(count), y.resize(count);
  for (const std::string &target : test::runnableTargets())
    for (bool maximum : {true, false}) {
      auto image = test::compileText(test::elementwiseKernel({"f32", "f32"}, "f32",
                                                             fmt::format("%y = arith.{} %x0, %x1 : IN0",
                                                                         maximum ? "maximumf" : "minimumf"),
                                                             8),
                                     target);
      std::vector<float> out(count);
      void *buffers[] = {x.data(), y.data(), out.data()};
      image->entry("f")(buffers, nullptr, 0, 1);
      for (size_t i = 0; i < values.size() * values.size(); ++i) {
        INFO(x[i] << " " << y[i] << " -> " << out[i]);
        if (std::isnan(x[i]) || std::isnan(y[i]))
          REQUIRE(std::isnan(out[i]));
        else
          REQUIRE(out[i] == (maximum ? std::max(x[i], y[i]) : std::min(x[i], y[i])));
      }
    }
}
