// Element-wise operations: values, the way sizes pass through them, integers' wrapping.
#include "NaiveEvaluator.h"
#include "compiler/kernel/Elements.h"
#include <catch2/catch.hpp>

#include <cmath>

using namespace mlir;
using namespace tgc::kernel;
using namespace tgc::kernel::test;

namespace {

struct Function {
  const char *name;
  double (*value)(double);
  std::vector<double> points;
};

const Function smooth[] = {
    {"math.exp", [](double x) { return std::exp(x); }, {-3, 0.5, 4}},
    {"math.exp2", [](double x) { return std::exp2(x); }, {-3, 0.5, 4}},
    {"math.expm1", [](double x) { return std::expm1(x); }, {-3, 0.001, 4}},
    {"math.log", [](double x) { return std::log(x); }, {0.1, 2, 50}},
    {"math.log2", [](double x) { return std::log2(x); }, {0.1, 2, 50}},
    {"math.log10", [](double x) { return std::log10(x); }, {0.1, 2, 50}},
    {"math.log1p", [](double x) { return std::log1p(x); }, {-0.5, 0.01, 50}},
    {"math.sqrt", [](double x) { return std::sqrt(x); }, {0.1, 2, 50}},
    {"math.rsqrt", [](double x) { return 1 / std::sqrt(x); }, {0.1, 2, 50}},
    {"math.cbrt", [](double x) { return std::cbrt(x); }, {-8, 0.1, 50}},
    {"math.sin", [](double x) { return std::sin(x); }, {-3, 0.5, 100}},
    {"math.cos", [](double x) { return std::cos(x); }, {-3, 0.5, 100}},
    {"math.tan", [](double x) { return std::tan(x); }, {-3, 0.5}},
    {"math.asin", [](double x) { return std::asin(x); }, {-0.7, 0.5}},
    {"math.acos", [](double x) { return std::acos(x); }, {-0.7, 0.5}},
    {"math.atan", [](double x) { return std::atan(x); }, {-3, 0.5}},
    {"math.sinh", [](double x) { return std::sinh(x); }, {-3, 0.5}},
    {"math.cosh", [](double x) { return std::cosh(x); }, {-3, 0.5}},
    {"math.tanh", [](double x) { return std::tanh(x); }, {-3, 0.5}},
    {"math.asinh", [](double x) { return std::asinh(x); }, {-3, 0.5}},
    {"math.acosh", [](double x) { return std::acosh(x); }, {1.5, 4}},
    {"math.atanh", [](double x) { return std::atanh(x); }, {-0.7, 0.5}},
    {"math.erf", [](double x) { return std::erf(x); }, {-1, 0.5}},
    {"math.absf", [](double x) { return std::abs(x); }, {-1, 0.5}},
    {"arith.negf", [](double x) { return -x; }, {-1, 0.5}},
    // Binary ones with both operands x.
    {"arith.addf", [](double x) { return x + x; }, {}},
    {"arith.mulf", [](double x) { return x * x; }, {-3, 0.5}},
    {"math.powf", [](double x) { return std::pow(x, x); }, {1.5, 3}},
};

std::vector<char> bytesOf(double value) {
  return {reinterpret_cast<char *>(&value), reinterpret_cast<char *>(&value + 1)};
}

/// f of a sum of two halves of x, whose size is |x|.
Reference ofSum(const std::string &operation, double x) {
  bool binary = operation == "arith.addf" || operation == "arith.mulf" || operation == "math.powf";
  ParsedModule parsed;
  FuncOp func = parsed.func(
      "kernel.func @f(%x: memref<f64>, %y: memref<f64>) axes(%a = 2) {\n"
      "%h = kernel.load %x[] : memref<f64>\n%v = kernel.reduce add %h over(%a) : f64 -> f64\n"
      "%r = " +
      operation + " %v" + (binary ? ", %v" : "") + " : f64\nkernel.store %r, %y[] : memref<f64>\n}");
  std::vector<std::vector<char>> buffers{bytesOf(x / 2), bytesOf(0)};
  return evaluate(func, asBytes(buffers))[0].elements[0];
}

/// One integer operation on constants of a type.
int64_t onIntegers(const std::string &operation, int64_t a, int64_t b, const std::string &type,
                   std::string result = "") {
  bool compare = operation.rfind("arith.cmpi", 0) == 0, convert = !result.empty();
  result = convert ? result : compare ? "i1" : type;
  ParsedModule parsed;
  std::string text = "kernel.func @f(%y: memref<" + result + ">) axes() {\n%a = arith.constant " +
                     std::to_string(a) + " : " + type + "\n%b = arith.constant " + std::to_string(b) + " : " +
                     type + "\n%r = " + operation + " %a" +
                     (convert ? " : " + type + " to " + result : ", %b : " + type) +
                     "\nkernel.store %r, %y[] : memref<" + result + ">\n}";
  std::vector<std::vector<char>> buffers{bytesOf(0)};
  return evaluate(parsed.func(text), asBytes(buffers))[0].elements[0].integer;
}

} // namespace

TEST_CASE("functions and their derivatives") {
  for (const Function &function : smooth)
    for (double x : function.points) {
      INFO(function.name << "(" << x << ")");
      Reference result = ofSum(function.name, x);
      CHECK(result.value == Approx(function.value(x)).epsilon(1e-12));
      double step = 1e-5 * std::abs(x);
      double derivative = (function.value(x + step) - function.value(x - step)) / (2 * step);
      CHECK(result.scale == Approx(std::abs(derivative * x)).epsilon(1e-4));
    }
  // A sum adds its operands' sizes to what they were made of.
  CHECK(ofSum("arith.addf", 3).scale == 3 + 3 + 3);
}

TEST_CASE("steps") {
  for (auto [name, value] : {std::pair("math.floor", -3.0),
                             {"math.ceil", -2.0},
                             {"math.trunc", -2.0},
                             {"math.round", -3.0},
                             {"math.roundeven", -2.0}}) {
    INFO(name);
    CHECK(ofSum(name, -2.5).value == value);
    CHECK(ofSum(name, -2.5).scale == 0);
  }
}

TEST_CASE("integers wrap") {
  CHECK(onIntegers("arith.addi", 127, 1, "i8") == -128);
  CHECK(onIntegers("arith.subi", -128, 1, "i8") == 127);
  CHECK(onIntegers("arith.muli", 1 << 20, 1 << 20, "i32") == 0);
  CHECK(onIntegers("arith.addi", std::numeric_limits<int64_t>::max(), 1, "i64") ==
        std::numeric_limits<int64_t>::min());
  CHECK(onIntegers("arith.divsi", -7, 2, "i32") == -3);
  CHECK(onIntegers("arith.floordivsi", -7, 2, "i32") == -4);
  CHECK(onIntegers("arith.ceildivsi", 7, 2, "i32") == 4);
  CHECK(onIntegers("arith.divui", -2, 2, "i8") == 127);
  CHECK(onIntegers("arith.remsi", -7, 2, "i32") == -1);
  CHECK(onIntegers("arith.remui", -1, 16, "i8") == 15);
  CHECK(onIntegers("arith.shli", 65, 1, "i8") == -126);
  CHECK(onIntegers("arith.shrsi", -4, 1, "i8") == -2);
  CHECK(onIntegers("arith.shrui", -4, 1, "i8") == 126);
  CHECK(onIntegers("arith.maxui", -1, 1, "i8") == -1);
  CHECK(onIntegers("arith.minsi", -1, 1, "i8") == -1);
  CHECK(onIntegers("arith.xori", 6, 3, "i8") == 5);
  CHECK(onIntegers("arith.cmpi slt,", -1, 1, "i8") == 1);
  CHECK(onIntegers("arith.cmpi ult,", -1, 1, "i8") == 0);
  CHECK(onIntegers("arith.extsi", -1, 0, "i8", "i32") == -1);
  CHECK(onIntegers("arith.extui", -1, 0, "i8", "i32") == 255);
  CHECK(onIntegers("arith.trunci", 300, 0, "i32", "i8") == 44);
  CHECK(onIntegers("math.ipowi", 3, 5, "i32") == 243);
}
