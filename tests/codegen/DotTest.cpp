// The micro-kernel against a plain triple loop in double precision.
#include "codegen/cpu/CompileCpu.h"
#include "tests/codegen/DotKernels.h"
#include "tests/codegen/ImageLoader.h"
#include "tests/codegen/KernelText.h"
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <fmt/format.h>
#include <random>

using namespace tgc;

namespace {

/// Numbers of one of the element types.
class Numbers {
public:
  Numbers(const std::string &type, size_t count) : type(type), bytes(count * width()) {}

  size_t width() const { return type == "f64" ? 8 : type == "f32" ? 4 : 2; }
  void *data() { return bytes.data(); }

  void set(size_t i, double value) {
    if (type == "f64")
      reinterpret_cast<double *>(bytes.data())[i] = value;
    else if (type == "f32")
      reinterpret_cast<float *>(bytes.data())[i] = float(value);
    else
      reinterpret_cast<uint16_t *>(bytes.data())[i] = uint16_t(std::bit_cast<uint32_t>(float(value)) >> 16);
  }

  double get(size_t i) const {
    if (type == "f64")
      return reinterpret_cast<const double *>(bytes.data())[i];
    if (type == "f32")
      return reinterpret_cast<const float *>(bytes.data())[i];
    return std::bit_cast<float>(uint32_t(reinterpret_cast<const uint16_t *>(bytes.data())[i]) << 16);
  }

private:
  std::string type;
  std::vector<char> bytes;
};

void check(const std::string &targetName, const cpu::MicroTile &tile, test::DotShape shape, int64_t rows) {
  cpu::CpuTarget target = *cpu::cpuTarget(targetName);
  mlir::DialectRegistry registry;
  cpu::registerCpuDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = test::buildDot(context, target, tile, shape);
  test::LoadedImage image(cpu::compileCpuModule(*module, target));

  int64_t padded = (shape.m + tile.rows - 1) / tile.rows * tile.rows;
  Numbers a(shape.left, padded * shape.k), b(shape.right, shape.k * shape.n),
      c(shape.sums, shape.m * shape.n);
  std::mt19937 random(4);
  auto fill = [&](Numbers &numbers, size_t count) {
    for (size_t i = 0; i < count; ++i)
      numbers.set(i, std::uniform_real_distribution<double>(-1, 1)(random));
  };
  fill(a, padded * shape.k), fill(b, shape.k * shape.n), fill(c, shape.m * shape.n);
  Numbers before = c;
  Numbers panel(shape.sums, shape.k * tile.columns());
  void *buffers[] = {a.data(), b.data(), c.data(), &rows, panel.data()};
  image.entry("dot")(buffers, nullptr, 0, 1);

  double tolerance = shape.sums == "f64" ? 1e-13 : 2e-5;
  for (int64_t i = 0; i < shape.m; ++i)
    for (int64_t j = 0; j < shape.n; ++j) {
      double sum = shape.startFromZero ? 0 : before.get(i * shape.n + j);
      for (int64_t k = 0; k < shape.k; ++k) {
        double left =
            a.get(shape.panels ? (i / tile.rows * shape.k + k) * tile.rows + i % tile.rows : i * shape.k + k);
        sum += left * b.get((j / tile.columns() * shape.k + k) * tile.columns() + j % tile.columns());
      }
      // Rows beyond the dynamic number are not touched.
      double expected = i < rows ? sum : before.get(i * shape.n + j);
      double got = c.get(i * shape.n + j);
      INFO(fmt::format("{} on {}: {}x{}x{}, rows {}: ({}, {}) is {}, not {}", tile.print(), targetName,
                       shape.m, shape.n, shape.k, rows, i, j, got, expected));
      REQUIRE(std::fabs(got - expected) <= (i < rows ? tolerance * std::sqrt(double(shape.k)) : 0));
    }
}

} // namespace

TEST_CASE("the micro-kernel computes products of every shape") {
  for (const std::string &name : test::runnableTargets()) {
    cpu::CpuTarget target = *cpu::cpuTarget(name);
    mlir::MLIRContext context;
    for (const std::string sums : {"f32", "f64"})
      for (const cpu::MicroTile &tile : cpu::microTileCandidates(target, test::elementType(context, sums))) {
        if (tile.unroll == 2)
          continue;
        test::DotShape shape;
        shape.left = shape.right = shape.sums = sums;
        shape.m = tile.rows * 2 + tile.rows / 2 + 1;
        shape.n = tile.columns() * 2;
        shape.k = 11;
        for (bool panels : {true, false}) {
          shape.panels = panels;
          shape.startFromZero = !panels;
          check(name, tile, shape, shape.m);
        }
      }
  }
}

TEST_CASE("the micro-kernel takes any number of rows at run time") {
  for (const std::string &name : test::runnableTargets()) {
    cpu::CpuTarget target = *cpu::cpuTarget(name);
    mlir::MLIRContext context;
    cpu::MicroTile tile = cpu::chooseMicroTile(target, test::elementType(context, "f32"));
    test::DotShape shape;
    shape.m = tile.rows * 2;
    shape.n = tile.columns();
    shape.k = 6;
    shape.dynamicRows = true;
    for (bool panels : {true, false}) {
      shape.panels = panels;
      for (int64_t rows = 0; rows <= shape.m; ++rows)
        check(name, tile, shape, rows);
    }
  }
}

TEST_CASE("the micro-kernel widens narrow operands") {
  for (const std::string &name : test::runnableTargets()) {
    cpu::CpuTarget target = *cpu::cpuTarget(name);
    mlir::MLIRContext context;
    cpu::MicroTile tile = cpu::chooseMicroTile(target, test::elementType(context, "f32"));
    test::DotShape shape;
    shape.m = tile.rows + 1;
    shape.n = tile.columns() * 2;
    shape.k = 9;
    shape.right = "bf16";
    check(name, tile, shape, shape.m);
    shape.left = "bf16";
    check(name, tile, shape, shape.m);
    shape.widen = true;
    check(name, tile, shape, shape.m);
  }
}
