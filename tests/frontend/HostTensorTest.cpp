// Host tensors: elements from bytes and back, rounding, wrapping.
#include "compiler/graph/HostTensor.h"
#include "compiler/support/Error.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

using namespace tgc;
using graph::HostTensor;

namespace {

struct Types {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::Builder b{&context};
};

template <typename T>
std::string bytesOf(std::initializer_list<T> values) {
  std::string bytes;
  for (T v : values)
    bytes.append(reinterpret_cast<const char *>(&v), sizeof v);
  return bytes;
}

} // namespace

TEST_CASE("elements come from little-endian bytes") {
  Types t;
  CHECK(graph::fromBytes({2}, t.b.getF32Type(), bytesOf<float>({1.5f, -0.0f})).floats ==
        std::vector<double>{1.5, -0.0});
  CHECK(graph::fromBytes({2}, t.b.getBF16Type(), bytesOf<uint16_t>({0x3fc0, 0xff80})).floats ==
        std::vector<double>{1.5, -INFINITY});
  CHECK(graph::fromBytes({1}, t.b.getF16Type(), bytesOf<uint16_t>({0x3e00})).floats ==
        std::vector<double>{1.5});
  CHECK(graph::fromBytes({3}, t.b.getI8Type(), bytesOf<uint8_t>({1, 0x80, 0xff})).ints ==
        std::vector<int64_t>{1, -128, -1});
  CHECK(graph::fromBytes({2}, t.b.getI1Type(), bytesOf<uint8_t>({0, 7})).ints == std::vector<int64_t>{0, 1});
  CHECK_THROWS_AS(graph::fromBytes({3}, t.b.getF32Type(), "1234"), Error);
}

TEST_CASE("attributes keep the elements") {
  Types t;
  HostTensor floats = graph::fromBytes({2, 2}, t.b.getF32Type(), bytesOf<float>({1, 2, 0.1f, NAN}));
  HostTensor back = graph::fromAttribute(graph::toAttribute(floats));
  CHECK(back.shape == floats.shape);
  CHECK(std::memcmp(back.floats.data(), floats.floats.data(), 3 * sizeof(double)) == 0);
  CHECK(std::isnan(back.floats[3]));
  HostTensor splat = graph::fromBytes({3}, t.b.getI64Type(), bytesOf<int64_t>({-7, -7, -7}));
  CHECK(graph::toAttribute(splat).isSplat());
  CHECK(graph::fromAttribute(graph::toAttribute(splat)).ints == splat.ints);
  HostTensor bools = graph::fromBytes({3}, t.b.getI1Type(), bytesOf<uint8_t>({1, 0, 1}));
  CHECK(graph::fromAttribute(graph::toAttribute(bools)).ints == bools.ints);
}

TEST_CASE("zeros of different sign are no splat") {
  Types t;
  CHECK_FALSE(graph::fromBytes({2}, t.b.getF32Type(), bytesOf<float>({0.0f, -0.0f})).isSplat());
  CHECK_FALSE(HostTensor::zeros({0}, t.b.getF32Type()).isSplat());
}

TEST_CASE("rounding is to nearest even, once") {
  Types t;
  CHECK(graph::roundToType(1 + std::ldexp(1.0, -8), t.b.getBF16Type()) == 1);
  CHECK(graph::roundToType(1 + 3 * std::ldexp(1.0, -8), t.b.getBF16Type()) == 1 + std::ldexp(1.0, -6));
  // Through f32 this would be a tie and become 1.
  CHECK(graph::roundToType(1 + std::ldexp(1.0, -8) + std::ldexp(1.0, -40), t.b.getBF16Type()) ==
        1 + std::ldexp(1.0, -7));
  CHECK(graph::roundToType(65520, t.b.getF16Type()) == INFINITY);
  CHECK(std::isnan(graph::roundToType(500, t.b.getFloat8E4M3FNType())));
}

TEST_CASE("integers wrap to their width") {
  Types t;
  CHECK(graph::wrapToType(200, t.b.getI8Type()) == -56);
  CHECK(graph::wrapToType(3, t.b.getI1Type()) == 1);
  CHECK(graph::wrapToType(int64_t(1) << 31, t.b.getI32Type()) == -(int64_t(1) << 31));
}
