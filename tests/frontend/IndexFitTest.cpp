// Index expressions found for tables equal the table at every point.
#include "frontends/onnx/IndexFit.h"
#include "compiler/graph/IndexProgram.h"

#include "mlir/IR/MLIRContext.h"
#include <catch2/catch.hpp>
#include <random>

using namespace tgc;

namespace {

mlir::MLIRContext &context() {
  static mlir::MLIRContext instance(mlir::MLIRContext::Threading::DISABLED);
  return instance;
}

std::vector<mlir::AffineExpr> dims(size_t count) {
  std::vector<mlir::AffineExpr> result;
  for (size_t d = 0; d < count; ++d)
    result.push_back(mlir::getAffineDimExpr(unsigned(d), &context()));
  return result;
}

std::vector<int64_t> tableOf(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> shape) {
  graph::IndexProgram program(expr);
  std::vector<int64_t> values;
  graph::forEachPoint(shape, [&](const int64_t *point, int64_t) { values.push_back(program(point)); });
  return values;
}

bool fits(llvm::ArrayRef<int64_t> values, llvm::ArrayRef<int64_t> shape) {
  auto expr = onnx::fitIndex(dims(shape.size()), values, shape);
  if (!expr)
    return false;
  REQUIRE(tableOf(*expr, shape) == std::vector<int64_t>(values));
  return true;
}

} // namespace

TEST_CASE("forms of one dimension are found") {
  mlir::AffineExpr d = dims(1)[0];
  for (int64_t n : {1, 2, 3, 7, 16, 60})
    for (int64_t a : {-3, -1, 0, 1, 2, 5})
      CHECK(fits(tableOf(d * a + 4, {n}), {n}));
  for (int64_t q : {2, 3, 8})
    for (int64_t b = 0; b < q; ++b) {
      CHECK(fits(tableOf((d + b).floorDiv(q) + 2, {40}), {40}));
      CHECK(fits(tableOf((d * 2 + b).floorDiv(q), {40}), {40}));
    }
  CHECK(fits(tableOf(d % 5, {40}), {40}));
  CHECK(fits(tableOf((d % 6).floorDiv(2), {40}), {40}));
}

TEST_CASE("a table without a form is refused") {
  CHECK_FALSE(fits({3, 1, 4, 1, 5, 9, 2, 6}, {8}));
  CHECK_FALSE(fits({0, 0, 0, 1}, {2, 2})); // a product of two dimensions
}

TEST_CASE("sums over dimensions are found") {
  auto d = dims(3);
  CHECK(fits(tableOf(d[0].floorDiv(2) * 7 + d[1] % 3 - d[2] * 2 + 40, {6, 9, 4}), {6, 9, 4}));
}

TEST_CASE("segments cover the table in order") {
  std::mt19937 random(7);
  mlir::AffineExpr d = dims(1)[0];
  for (int round = 0; round < 300; ++round) {
    std::vector<int64_t> values;
    for (size_t part = 0; part < 1 + random() % 4; ++part) {
      int64_t base = int64_t(random() % 20), step = int64_t(random() % 4) - 1;
      for (size_t i = 0; i < 1 + random() % 9; ++i)
        values.push_back(base + step * int64_t(i));
    }
    auto segments = onnx::fitSegments(d, values, values.size());
    REQUIRE(segments);
    int64_t next = 0;
    for (const onnx::IndexSegment &segment : *segments) {
      REQUIRE(segment.start == next);
      REQUIRE(segment.length > 0);
      graph::IndexProgram program(segment.expr);
      for (int64_t i = segment.start; i < segment.start + segment.length; ++i)
        REQUIRE(program(&i) == values[i]);
      next += segment.length;
    }
    REQUIRE(next == int64_t(values.size()));
  }
}

TEST_CASE("clamped ends of a resize are segments of their own") {
  std::vector<int64_t> values{0};
  for (int64_t i = 0; i < 15; ++i)
    values.push_back(i / 2);
  auto segments = onnx::fitSegments(dims(1)[0], values, 8);
  REQUIRE(segments);
  CHECK(segments->size() <= 3);
  CHECK_FALSE(onnx::fitSegments(dims(1)[0], {3, 1, 4, 1, 5, 9, 2, 6}, 3));
}
