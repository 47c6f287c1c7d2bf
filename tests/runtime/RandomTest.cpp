#include "runtime/format/Error.h"
#include "runtime/io/RandomWeights.h"
#include "runtime/io/Threads.h"
#include "tests/runtime/Support.h"
#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>

using namespace tgc::runtime;
using namespace tgc::runtime::test;

namespace {
template <typename T>
std::vector<T> fill(DType dtype, const Shape &shape, const std::string &name, uint64_t seed) {
  std::vector<T> values(*tensorBytes(dtype, shape) / sizeof(T));
  fillRandom(dtype, shape, name, seed, 0, values.size(), values.data());
  return values;
}

double halfToDouble(uint16_t bits) {
  double sign = bits & 0x8000 ? -1 : 1;
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

double bfloatToDouble(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

uint64_t digest(const std::vector<float> &values) {
  uint64_t hash = 0;
  for (float value : values)
    hash = (hash ^ std::bit_cast<uint32_t>(value)) * 0x100000001b3;
  return hash;
}
} // namespace

TEST_CASE("random weights: the distribution", "[random]") {
  std::vector<float> w = fill<float>(DType::F32, {300, 20, 5}, "w", 3);
  double sum = 0, squares = 0, largest = 0;
  for (float value : w) {
    sum += value;
    squares += double(value) * value;
    largest = std::max(largest, std::abs(double(value)));
  }
  double deviation = std::sqrt(2.0 / (300 + 100)), n = double(w.size());
  REQUIRE(std::abs(sum / n) < 4 * deviation / std::sqrt(n));
  REQUIRE(std::sqrt(squares / n) == Approx(deviation).epsilon(0.02));
  REQUIRE(largest < 3.5 * deviation);
  REQUIRE(largest > 2.5 * deviation);
  double neighbours = 0;
  for (size_t i = 1; i < w.size(); ++i)
    neighbours += double(w[i]) * w[i - 1];
  REQUIRE(std::abs(neighbours / squares) < 4 / std::sqrt(n));

  std::vector<float> v = fill<float>(DType::F32, {10000}, "v", 3);
  auto [low, high] = std::minmax_element(v.begin(), v.end());
  REQUIRE((*low >= 0.25f && *low < 0.26f && *high < 0.75f && *high > 0.74f));
  REQUIRE(fill<int32_t>(DType::I32, {100, 2}, "i", 3) == std::vector<int32_t>(200, 0));
}

TEST_CASE("random weights: the values never change", "[random]") {
  // These numbers are what files made by earlier versions hold.
  REQUIRE(digest(fill<float>(DType::F32, {1000, 70}, "layer.weight", 42)) == 0xda9856abcda6d289);
  REQUIRE(digest(fill<float>(DType::F32, {1000}, "layer.bias", 42)) == 0x7a00b7d60f10e400);
}

TEST_CASE("random weights: parts, threads and names", "[random]") {
  Shape shape = {500, 401};
  std::vector<float> whole = fill<float>(DType::F32, shape, "a", 1);
  for (uint64_t first : {0, 1, 65535, 65536, 131000}) {
    std::vector<float> part(66000);
    fillRandom(DType::F32, shape, "a", 1, first, part.size(), part.data());
    REQUIRE(std::equal(part.begin(), part.end(), whole.begin() + long(first)));
  }
  for (const char *threads : {"1", "3"}) {
    ::setenv("TGC_THREADS", threads, 1);
    REQUIRE(fill<float>(DType::F32, shape, "a", 1) == whole);
  }
  ::unsetenv("TGC_THREADS");
  REQUIRE(fill<float>(DType::F32, shape, "b", 1) != whole);
  REQUIRE(fill<float>(DType::F32, shape, "a", 2) != whole);
}

TEST_CASE("random weights: 16-bit types are the rounded f32 values", "[random]") {
  // A large shape makes f16 subnormals (below 6e-5).
  for (const Shape &shape : {Shape{64, 1024}, Shape{2, 1000000}, Shape{4096}}) {
    std::vector<float> exact = fill<float>(DType::F32, shape, "a", 1);
    std::vector<double> wide = fill<double>(DType::F64, shape, "a", 1);
    std::vector<uint16_t> half = fill<uint16_t>(DType::F16, shape, "a", 1);
    std::vector<uint16_t> brain = fill<uint16_t>(DType::BF16, shape, "a", 1);
    bool good = true;
    for (size_t i = 0; i < exact.size(); ++i) {
      good &= wide[i] == exact[i];
      double x = exact[i], error = std::abs(halfToDouble(half[i]) - x);
      // No neighbour is nearer, and of two equally near the even one is taken.
      for (int step : {-1, 1}) {
        double other = std::abs(halfToDouble(uint16_t(half[i] + step)) - x);
        if ((half[i] & 0x7fff) != 0 || step > 0)
          good &= error < other || (error == other && half[i] % 2 == 0);
        double b = std::abs(bfloatToDouble(brain[i]) - x),
               c = std::abs(bfloatToDouble(uint16_t(brain[i] + step)) - x);
        if ((brain[i] & 0x7fff) != 0 || step > 0)
          good &= b < c || (b == c && brain[i] % 2 == 0);
      }
    }
    REQUIRE(good);
  }
}

TEST_CASE("random weights: a file for a peer", "[random]") {
  TemporaryFolder folder;
  writeRandomFile(folder / "w.bin", {{"a", DType::F32, {30, 40}, 4096}, {"b", DType::BF16, {100}, 16}}, 5);
  std::vector<uint8_t> file = readFile(folder / "w.bin");
  REQUIRE(file.size() == 4096 + 4800);
  std::vector<float> a = fill<float>(DType::F32, {30, 40}, "a", 5);
  std::vector<uint16_t> b = fill<uint16_t>(DType::BF16, {100}, "b", 5);
  REQUIRE(std::memcmp(file.data() + 4096, a.data(), 4800) == 0);
  REQUIRE(std::memcmp(file.data() + 16, b.data(), 200) == 0);
  REQUIRE(file[300] == 0);
  REQUIRE_THROWS_AS(writeRandomFile(folder / "x", {{"a", DType::F32, {-1}, 0}}, 5), Error);
  REQUIRE(folder.files() == std::vector<std::string>{"w.bin"});
}

TEST_CASE("parallel loop: every index once, exceptions arrive", "[random]") {
  std::vector<std::atomic<int>> seen(1000);
  parallelFor(1000, [&](uint64_t i) { ++seen[i]; });
  for (auto &count : seen)
    REQUIRE(count == 1);
  REQUIRE_THROWS_AS(parallelFor(100,
                                [](uint64_t i) {
                                  if (i == 50)
                                    badInput("here");
                                }),
                    Error);
}

TEST_CASE("random weights: speed", "[.][time]") {
  std::vector<uint16_t> values(size_t(1) << 28, 1);
  auto start = std::chrono::steady_clock::now();
  fillRandom(DType::BF16, {1 << 14, 1 << 14}, "a", 1, 0, values.size(), values.data());
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  WARN(double(values.size()) * 2e-9 / took.count() << " GB/s");
}
