// The evaluator, whole and at samples, against a naive one on kernels of every kind.
#include "NaiveEvaluator.h"
#include "compiler/kernel/Elements.h"
#include <catch2/catch.hpp>

#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace tgc::kernel;
using namespace tgc::kernel::test;

namespace {

void compare(const std::string &text, unsigned seed = 1) {
  INFO(text);
  ParsedModule parsed;
  FuncOp func = parsed.func(text);
  auto buffers = randomBuffers(func, seed);
  std::vector<Bytes> bytes = asBytes(buffers);
  auto expected = naiveEvaluate(func, bytes);
  std::vector<StoredBuffer> outputs = evaluate(func, bytes);
  REQUIRE(outputs.size() == expected.size());
  auto same = [](double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || a == b || std::abs(a - b) <= 1e-11 * (1 + std::abs(b));
  };
  for (const StoredBuffer &output : outputs) {
    const std::vector<double> &values = expected.at(output.argument);
    REQUIRE(values.size() == output.elements.size());
    std::vector<Sample> samples;
    for (size_t i = 0; i < values.size(); ++i) {
      INFO("element " << i << " of buffer " << output.argument);
      if (output.elements[i].stored)
        REQUIRE(same(output.elements[i].value, values[i]));
      else
        REQUIRE(std::isnan(values[i]));
      Sample &sample = samples.emplace_back();
      sample.argument = output.argument;
      int64_t rest = i;
      for (int64_t size : llvm::reverse(output.type.getShape())) {
        sample.coordinates.insert(sample.coordinates.begin(), rest % size);
        rest /= size;
      }
    }
    std::vector<Reference> sampled = evaluateAt(func, bytes, samples);
    for (size_t i = 0; i < values.size(); ++i) {
      INFO("sample " << i << " of buffer " << output.argument);
      REQUIRE(sampled[i].stored == output.elements[i].stored);
      if (sampled[i].stored) {
        REQUIRE(same(sampled[i].value, output.elements[i].value));
        REQUIRE(same(sampled[i].scale, output.elements[i].scale));
      }
    }
  }
}

} // namespace

TEST_CASE("contraction with bias") {
  compare(
      R"(kernel.func @gemm(%x: memref<5x7xbf16>, %w: memref<6x7xbf16>, %b: memref<6xf32>, %y: memref<5x6xf32>)
      axes(%m = 5, %n = 6, %k = 7) {
    %a = kernel.load %x[%m, %k] : memref<5x7xbf16>
    %c = kernel.load %w[%n, %k] : memref<6x7xbf16>
    %s = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
    %bias = kernel.load %b[%n] : memref<6xf32>
    %t = arith.addf %s, %bias : f32
    %g = math.tanh %t : f32
    kernel.store %g, %y[%m, %n] : memref<5x6xf32>
  })");
}

TEST_CASE("contraction with batch, one-sided and missing reduced axes") {
  compare(R"(kernel.func @odd(%x: memref<3x5x7xf32>, %w: memref<3x7x40xf32>, %y: memref<3x5x40xf32>)
      axes(%b = 3, %m = 5, %n = 40, %k = 7, %j = 3, %z = 2) {
    %a = kernel.load %x[%b, %m, %k] : memref<3x5x7xf32>
    %c = kernel.load %w[%j, %k, %n] : memref<3x7x40xf32>
    %s = kernel.contract %a, %c over(%k, %j, %z) : f32, f32 -> f32
    kernel.store %s, %y[%b, %m, %n] : memref<3x5x40xf32>
  })");
  compare(R"(kernel.func @narrow(%x: memref<3x40x7xf32>, %w: memref<3x7x2xf32>, %y: memref<3x40x2xf32>)
      axes(%b = 3, %m = 40, %n = 2, %k = 7) {
    %a = kernel.load %x[%b, %m, %k] : memref<3x40x7xf32>
    %c = kernel.load %w[%b, %k, %n] : memref<3x7x2xf32>
    %s = kernel.contract %a, %c over(%k) : f32, f32 -> f32
    kernel.store %s, %y[%b, %m, %n] : memref<3x40x2xf32>
  })");
}

TEST_CASE("convolution with padding after a nearest upsample, channels in two pieces") {
  compare(R"(kernel.func @conv(%u: memref<4x4x3xf16>, %v: memref<4x4x2xf16>, %w: memref<4x3x3x5xf16>,
                               %y: memref<8x8x4xf16>)
      axes(%y0 = 8, %x0 = 8, %o = 4, %r = 3, %s = 3, %c = 5) {
    %a = kernel.load %u[(%y0 + %r - 1) floordiv 2, (%x0 + %s - 1) floordiv 2, %c] if (2 - %c >= 0) : memref<4x4x3xf16>,
                     %v[(%y0 + %r - 1) floordiv 2, (%x0 + %s - 1) floordiv 2, %c - 3] : memref<4x4x2xf16> else 0.5
    %f = kernel.load %w[%o, %r, %s, %c] : memref<4x3x3x5xf16>
    %t = kernel.contract %a, %f over(%r, %s, %c) : f16, f16 -> f32
    %h = arith.truncf %t : f32 to f16
    kernel.store %h, %y[%y0, %x0, %o] : memref<8x8x4xf16>
  })");
}

TEST_CASE("attention") {
  compare(R"(kernel.func @attend(%q: memref<6x2x4xbf16>, %k: memref<7x2x4xbf16>, %v: memref<7x2x5xbf16>,
                                 %o: memref<6x2x5xbf16>)
      axes(%h = 2, %m = 6, %n = 7, %d = 4, %e = 5) {
    %a = kernel.load %q[%m, %h, %d] : memref<6x2x4xbf16>
    %b = kernel.load %k[%n, %h, %d] : memref<7x2x4xbf16>
    %s = kernel.contract %a, %b over(%d) : bf16, bf16 -> f32
    %c = arith.constant 0.5 : f32
    %t = arith.mulf %s, %c : f32
    %w = kernel.load %v[%n, %h, %e] : memref<7x2x5xbf16>
    %r = kernel.softmax %t, %w over(%n) : f32, bf16 -> f32
    %z = arith.truncf %r : f32 to bf16
    kernel.store %z, %o[%m, %h, %e] : memref<6x2x5xbf16>
  })");
}

TEST_CASE("normalisation over groups") {
  compare(R"(kernel.func @norm(%x: memref<2x9x12xf32>, %g: memref<12xf32>, %y: memref<2x9x12xf32>)
      axes(%b = 2, %p = 9, %g0 = 4, %i = 3) {
    %a = kernel.load %x[%b, %p, %g0 * 3 + %i] : memref<2x9x12xf32>
    %mean, %var = kernel.moments %a over(%p, %i) : f32 -> f32, f32
    %e = arith.constant 1.0e-5 : f32
    %v = arith.addf %var, %e : f32
    %r = math.rsqrt %v : f32
    %d = arith.subf %a, %mean : f32
    %n = arith.mulf %d, %r : f32
    %w = kernel.load %g[%g0 * 3 + %i] : memref<12xf32>
    %z = arith.mulf %n, %w : f32
    kernel.store %z, %y[%b, %p, %g0 * 3 + %i] : memref<2x9x12xf32>
  })");
}

TEST_CASE("row norm, pairs moved, several conditional stores") {
  compare(R"(kernel.func @rope(%x: memref<5x6xbf16>, %w: memref<3x2x4x2x6xbf16>, %c: memref<5x4x2xf32>,
                               %q: memref<5x2x4x2xbf16>, %k: memref<5x2x4x2xbf16>, %h: memref<5x16xbf16, strided<[20, 1], offset: 4>>)
      axes(%m = 5, %p = 3, %h0 = 2, %i = 4, %r = 2, %k0 = 6) {
    %a = kernel.load %x[%m, %k0] : memref<5x6xbf16>
    %b = kernel.load %w[%p, %h0, %i, %r, %k0] : memref<3x2x4x2x6xbf16>
    %t = kernel.contract %a, %b over(%k0) : bf16, bf16 -> f32
    %tt = arith.mulf %t, %t : f32
    %ss = kernel.reduce add %tt over(%i, %r) : f32 -> f32
    %one = arith.constant 1.0 : f32
    %s1 = arith.addf %ss, %one : f32
    %rs = math.rsqrt %s1 : f32
    %u = arith.mulf %t, %rs : f32
    %o = kernel.remap %u[%r -> 1 - %r] : f32
    %neg = arith.negf %o : f32
    %first = kernel.test(%r == 0) : i1
    %part = arith.select %first, %neg, %o : f32
    %cos = kernel.load %c[%m, %i, %r] : memref<5x4x2xf32>
    %z = arith.mulf %part, %cos : f32
    %zq = arith.truncf %z : f32 to bf16
    %th = math.tanh %t : f32
    %zh = arith.truncf %th : f32 to bf16
    kernel.store %zq, %q[%m, %h0, %i, %r] if (%p == 0) : memref<5x2x4x2xbf16>
    kernel.store %zq, %k[%m, %h0, %i, %r] if (%p - 1 == 0) : memref<5x2x4x2xbf16>
    kernel.store %zh, %h[%m, %h0 * 8 + %i * 2 + %r] if (%p - 2 >= 0) : memref<5x16xbf16, strided<[20, 1], offset: 4>>
  })");
}

TEST_CASE("halves of one axis") {
  compare(R"(kernel.func @geglu(%x: memref<4x3xf32>, %w: memref<2x5x3xf32>, %y: memref<4x5xf32>)
      axes(%m = 4, %u = 2, %j = 5, %k = 3) {
    %a = kernel.load %x[%m, %k] : memref<4x3xf32>
    %b = kernel.load %w[%u, %j, %k] : memref<2x5x3xf32>
    %t = kernel.contract %a, %b over(%k) : f32, f32 -> f32
    %l = kernel.remap %t[%u -> 0] : f32
    %g = kernel.remap %t[%u -> 1] : f32
    %e = math.exp %g : f32
    %z = arith.mulf %l, %e : f32
    kernel.store %z, %y[%m, %j] : memref<4x5xf32>
  })");
}

TEST_CASE("gather, coordinates, integers") {
  compare(
      R"(kernel.func @embed(%ids: memref<6xi64>, %t: memref<5x4xf32>, %y: memref<6x4xf32>, %z: memref<6x4xi32>)
      axes(%m = 6, %c = 4) {
    %i = kernel.load %ids[%m] : memref<6xi64>
    %e = kernel.gather %t[0, %c] dim 0 at %i : memref<5x4xf32>, i64 else -1.0
    kernel.store %e, %y[%m, %c] : memref<6x4xf32>
    %a = kernel.coord(%m * 4 + %c floordiv 2) : i32
    %b = kernel.coord(%c) : i32
    %d = arith.muli %a, %b : i32
    kernel.store %d, %z[%m, %c] : memref<6x4xi32>
  })");
}

TEST_CASE("all reductions") {
  for (std::string kind : {"add", "mul", "max", "min"})
    compare("kernel.func @r(%x: memref<3x4x5xf32>, %y: memref<3x5xf32>) axes(%a = 3, %b = 4, %c = 5) {\n"
            "%v = kernel.load %x[%a, %b, %c] : memref<3x4x5xf32>\n%s = kernel.reduce " +
            kind + " %v over(%b) : f32 -> f32\nkernel.store %s, %y[%a, %c] : memref<3x5xf32>\n}");
  for (std::string kind : {"argmax", "argmin"})
    for (std::string axis : {"b", "c"})
      compare("kernel.func @r(%x: memref<3x4x5xi8>, %y: memref<3x5xi64>) axes(%a = 3, %b = 4, %c = 5) {\n"
              "%v = kernel.load %x[%a, %b, %c] : memref<3x4x5xi8>\n%s = kernel.reduce " +
              kind + " %v over(%" + axis + ") : i8 -> i64\nkernel.store %s, %y[%a, " +
              (axis == "b" ? "%c" : "%b") + "] : memref<3x5xi64>\n}");
}

TEST_CASE("NaN and infinity") {
  ParsedModule parsed;
  FuncOp func = parsed.func(
      R"(kernel.func @f(%x: memref<4xf32>, %s: memref<f32>, %m: memref<f32>, %i: memref<i64>, %n: memref<f32>)
      axes(%a = 4) {
    %v = kernel.load %x[%a] : memref<4xf32>
    %one = arith.constant 1.0 : f32
    %soft = kernel.softmax %v, %one over(%a) : f32, f32 -> f32
    %max = kernel.reduce max %v over(%a) : f32 -> f32
    %arg = kernel.reduce argmax %v over(%a) : f32 -> i64
    %min = kernel.reduce min %v over(%a) : f32 -> f32
    kernel.store %soft, %s[] : memref<f32>
    kernel.store %max, %m[] : memref<f32>
    kernel.store %arg, %i[] : memref<i64>
    kernel.store %min, %n[] : memref<f32>
  })");
  auto run = [&](std::array<float, 4> x) {
    std::vector<std::vector<char>> buffers(5, std::vector<char>(8));
    buffers[0].assign(reinterpret_cast<char *>(x.data()), reinterpret_cast<char *>(x.data() + 4));
    auto outputs = evaluate(func, asBytes(buffers));
    return std::array<double, 4>{outputs[0].elements[0].value, outputs[1].elements[0].value,
                                 outputs[2].elements[0].value, outputs[3].elements[0].value};
  };
  float inf = INFINITY;
  auto plain = run({1, 5, 5, 2});
  CHECK(plain[0] == Approx(1));
  CHECK(plain[1] == 5);
  CHECK(plain[2] == 1); // the lowest index wins
  auto masked = run({-inf, 0, -inf, 0});
  CHECK(masked[0] == Approx(1));
  auto all = run({-inf, -inf, -inf, -inf});
  CHECK(std::isnan(all[0]));
  CHECK(all[1] == -inf);
  auto nan = run({1, NAN, 7, NAN});
  CHECK(std::isnan(nan[0]));
  CHECK(std::isnan(nan[1]));
  CHECK(nan[2] == 1);
  CHECK(std::isnan(nan[3]));
}

TEST_CASE("roundings are kept on the way to a sine only") {
  ParsedModule parsed;
  FuncOp func = parsed.func(R"(kernel.func @f(%x: memref<1xf32>, %y: memref<2xf32>) axes(%a = 2) {
    %v = kernel.load %x[0] : memref<1xf32>
    %t = arith.truncf %v : f32 to bf16
    %e = arith.extf %t : bf16 to f32
    %s = math.sin %e : f32
    %u = arith.addf %v, %v : f32
    %tu = arith.truncf %u : f32 to bf16
    %eu = arith.extf %tu : bf16 to f32
    %first = kernel.test(%a == 0) : i1
    %z = arith.select %first, %s, %eu : f32
    kernel.store %z, %y[%a] : memref<2xf32>
  })");
  float x = 1001.7f;
  std::vector<char> bytes(reinterpret_cast<char *>(&x), reinterpret_cast<char *>(&x + 1));
  std::vector<std::vector<char>> buffers{bytes, std::vector<char>(8)};
  auto outputs = evaluate(func, asBytes(buffers));
  CHECK(outputs[0].elements[0].value == std::sin(1000.0)); // bf16 has steps of 4 there
  CHECK(outputs[0].elements[1].value == 2 * double(x));
}

TEST_CASE("the scale is the size of what was summed") {
  ParsedModule parsed;
  FuncOp func = parsed.func(R"(kernel.func @f(%x: memref<4xf32>, %y: memref<f32>) axes(%a = 4) {
    %v = kernel.load %x[%a] : memref<4xf32>
    %s = kernel.reduce add %v over(%a) : f32 -> f32
    %c = arith.constant 3.0 : f32
    %p = arith.mulf %s, %c : f32
    kernel.store %p, %y[] : memref<f32>
  })");
  std::array<float, 4> x{1000, -1000, 1, -1};
  std::vector<std::vector<char>> buffers{
      {reinterpret_cast<char *>(x.data()), reinterpret_cast<char *>(x.data() + 4)}, std::vector<char>(4)};
  Reference result = evaluate(func, asBytes(buffers))[0].elements[0];
  CHECK(result.value == 0);
  CHECK(result.scale == 3 * 2002);
  Type f32 = Float32Type::get(parsed.context.get());
  CHECK(agrees(6006 * 1e-6, result.value, result.scale, f32));
  CHECK(!agrees(6006 * 1e-4, result.value, result.scale, f32));
  CHECK(!agrees(NAN, 1, 1, f32));
  CHECK(agrees(NAN, NAN, 0, f32));
  CHECK(!agrees(INFINITY, 1, 1, f32));
  CHECK(!agrees(INFINITY, -INFINITY, 1, f32));
  CHECK(agrees(INFINITY, 65519, 0, Float16Type::get(parsed.context.get())));
}

TEST_CASE("a rounded angle shows in a sine near 0, a loaded one does not") {
  for (const char *type : {"f32", "bf16"}) {
    ParsedModule parsed;
    bool narrow = type == std::string("bf16");
    FuncOp func = parsed.func(
        fmt::format(R"(kernel.func @f(%x: memref<1xf32>, %y: memref<2x{0}>) axes(%a = 2) {{
      %v = kernel.load %x[0] : memref<1xf32>
      %three = arith.constant 3.0 : f32
      %p = arith.mulf %v, %three : f32
      %sp = math.sin %p : f32
      %sv = math.sin %v : f32
      %first = kernel.test(%a == 0) : i1
      %z = arith.select %first, %sp, %sv : f32
      {1}
      kernel.store {2}, %y[%a] : memref<2x{0}>
    }})",
                    type, narrow ? "%t = arith.truncf %z : f32 to bf16" : "", narrow ? "%t" : "%z"));
    float x = 104.719755f; // 100 π / 3
    std::vector<std::vector<char>> buffers{{reinterpret_cast<char *>(&x), reinterpret_cast<char *>(&x + 1)},
                                           std::vector<char>(8)};
    std::vector<Reference> results = evaluate(func, asBytes(buffers))[0].elements;
    Type f32 = Float32Type::get(parsed.context.get());
    double slack = toleranceOf(cast<MemRefType>(func.getBuffers()[1].getType()).getElementType()).ofScale *
                   results[0].scale;
    // What rounding to f32 makes of an angle of 314, whatever the sine is stored as.
    CHECK(slack > 314 * 0x1p-24);
    CHECK(slack <= 315 * toleranceOf(f32).ofScale);
    CHECK(results[1].scale == 0);
  }
}

TEST_CASE("parts that fit memory give the same values") {
  // The load has 20 million elements, so the store is cut; each part needs whole rows.
  ParsedModule parsed;
  FuncOp func =
      parsed.func(R"(kernel.func @f(%x: memref<200xf32>, %w: memref<1000xf32>, %y: memref<200x1000xf32>)
      axes(%m = 200, %n = 1000, %k = 100) {
    %a = kernel.load %x[(%m + %k) mod 200] : memref<200xf32>
    %b = kernel.load %w[(%n + %k) mod 1000] : memref<1000xf32>
    %p = arith.mulf %a, %b : f32
    %s = kernel.reduce add %p over(%k) : f32 -> f32
    kernel.store %s, %y[%m, %n] : memref<200x1000xf32>
  })");
  auto buffers = randomBuffers(func, 3);
  std::vector<StoredBuffer> outputs = evaluate(func, asBytes(buffers));
  auto at = [&](unsigned buffer, int64_t i) {
    return double(reinterpret_cast<const float *>(buffers[buffer].data())[i]);
  };
  double worst = 0;
  for (int64_t m = 0; m < 200; m += 7)
    for (int64_t n = 0; n < 1000; n += 3) {
      double sum = 0;
      for (int64_t k = 0; k < 100; ++k)
        sum += at(0, (m + k) % 200) * at(1, (n + k) % 1000);
      worst = std::max(worst, std::abs(sum - outputs[0].elements[m * 1000 + n].value));
    }
  CHECK(worst < 1e-10);
}

TEST_CASE("element types round trip") {
  MLIRContext context;
  std::mt19937 random(11);
  for (Type type : {Type(Float16Type::get(&context)), Type(BFloat16Type::get(&context)),
                    Type(Float8E4M3FNType::get(&context))}) {
    const llvm::fltSemantics &semantics = cast<FloatType>(type).getFloatSemantics();
    unsigned bits = llvm::APFloat::getSizeInBits(semantics);
    for (uint64_t pattern = 0; pattern < uint64_t(1) << bits; ++pattern) {
      char bytes[2] = {char(pattern), char(pattern >> 8)}, again[2] = {};
      double value = readReal(bytes, type);
      if (std::isnan(value))
        continue;
      writeReal(again, value, type);
      REQUIRE((again[0] == bytes[0] && (bits == 8 || again[1] == bytes[1])));
    }
    std::normal_distribution<double> normal(0, 1);
    for (int trial = 0; trial < 20000; ++trial) {
      double value = normal(random) * std::exp2(int(random() % 60) - 30);
      llvm::APFloat expected(value);
      bool inexact;
      expected.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &inexact);
      expected.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
      double got = roundTo(value, type);
      REQUIRE((got == expected.convertToDouble() || (std::isnan(got) && expected.isNaN())));
    }
  }
}
