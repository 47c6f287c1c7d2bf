// tgc-cpu-dot-bench: rates of the micro-kernel's tiles on one thread, beside the machine's peak.
#include "codegen/cpu/CompileCpu.h"
#include "compiler/support/Error.h"
#include "tests/codegen/DotKernels.h"
#include "tests/codegen/ImageLoader.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <chrono>
#include <fmt/format.h>
#include <iostream>
#include <random>

using namespace tgc;

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Rate of independent multiply-adds in registers: what no kernel can exceed at the clock of this moment.
__attribute__((target("avx512f"))) double peak512() {
  double start = now();
  const int steps = 4000;
  for (int i = 0; i < steps; ++i)
    asm volatile("vfmadd231ps %%zmm24,%%zmm25,%%zmm0\n vfmadd231ps %%zmm24,%%zmm25,%%zmm1\n"
                 "vfmadd231ps %%zmm24,%%zmm25,%%zmm2\n vfmadd231ps %%zmm24,%%zmm25,%%zmm3\n"
                 "vfmadd231ps %%zmm24,%%zmm25,%%zmm4\n vfmadd231ps %%zmm24,%%zmm25,%%zmm5\n"
                 "vfmadd231ps %%zmm24,%%zmm25,%%zmm6\n vfmadd231ps %%zmm24,%%zmm25,%%zmm7\n"
                 "vfmadd231ps %%zmm24,%%zmm25,%%zmm8\n vfmadd231ps %%zmm24,%%zmm25,%%zmm9\n"
                 "vfmadd231ps %%zmm24,%%zmm25,%%zmm10\n vfmadd231ps %%zmm24,%%zmm25,%%zmm11\n" ::
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11");
  return steps * 12.0 * 32e-9 / (now() - start);
}

struct Options {
  std::string target = "native";
  test::DotShape shape;
  std::string only;
  bool assembly = false, compileOnly = false, rowMajor = false;
  double seconds = 0.3;
};

template <typename T>
void fill(std::vector<char> &bytes, std::mt19937 &random) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  auto *values = reinterpret_cast<T *>(bytes.data());
  for (size_t i = 0; i < bytes.size() / sizeof(T); ++i)
    if constexpr (sizeof(T) == 2)
      values[i] = T(std::bit_cast<uint32_t>(uniform(random)) >> 16);
    else
      values[i] = T(uniform(random));
}

size_t bytesOf(const std::string &type) { return type == "f64" ? 8 : type == "f32" ? 4 : 2; }

std::vector<char> randomBuffer(size_t count, const std::string &type, std::mt19937 &random) {
  std::vector<char> bytes(count * bytesOf(type));
  type == "f64"   ? fill<double>(bytes, random)
  : type == "f32" ? fill<float>(bytes, random)
                  : fill<uint16_t>(bytes, random);
  return bytes;
}

void measure(const Options &options, const cpu::CpuTarget &target, const cpu::MicroTile &tile) {
  test::DotShape shape = options.shape;
  shape.panels = !options.rowMajor;
  shape.n = (shape.n + tile.columns() - 1) / tile.columns() * tile.columns();
  mlir::DialectRegistry registry;
  cpu::registerCpuDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = test::buildDot(context, target, tile, shape);
  cpu::CpuCompileOptions compile;
  compile.keepText = options.assembly;
  cpu::CpuCompileReport report;
  cpu::CpuImage image = cpu::compileCpuModule(*module, target, compile, &report);
  if (options.assembly)
    std::cout << report.assembly;
  if (options.compileOnly)
    return;
  test::LoadedImage loaded(image);
  std::mt19937 random(1);
  int64_t padded = (shape.m + tile.rows - 1) / tile.rows * tile.rows;
  auto a = randomBuffer(padded * shape.k, shape.left, random);
  auto b = randomBuffer(shape.k * shape.n, shape.right, random);
  auto c = randomBuffer(shape.m * shape.n, shape.sums, random);
  int64_t rows = shape.m;
  auto panel = randomBuffer(shape.k * tile.columns(), shape.sums, random);
  void *buffers[] = {a.data(), b.data(), c.data(), &rows, panel.data()};
  auto *entry = loaded.entry("dot");
  // The clock varies from one moment to the next: the peak is taken beside each run.
  double scale = (shape.sums == "f64" ? 0.5 : 1) * target.vectorBits / 512;
  double best = 0, bestPeak = 0, until = now() + options.seconds;
  entry(buffers, nullptr, 0, 1);
  std::vector<double> shares;
  while (now() < until) {
    double before = peak512(), start = now();
    entry(buffers, nullptr, 0, 1);
    double rate = 2e-9 * shape.m * shape.n * shape.k / (now() - start);
    double peak = scale * std::max(before, peak512());
    best = std::max(best, rate);
    bestPeak = std::max(bestPeak, peak);
    shares.push_back(rate / peak);
  }
  std::sort(shares.begin(), shares.end());
  double compileMs = 1e3 * (report.lower + report.translate + report.optimise + report.codegen + report.link);
  fmt::print("{:14} N={:4} best {:6.1f} of {:6.1f} GFLOP/s; share of peak, median {:5.1f}%, p90 {:5.1f}%; "
             "compiled in {:.0f} ms\n",
             tile.print(), shape.n, best, bestPeak, 100 * shares[shares.size() / 2],
             100 * shares[shares.size() * 9 / 10], compileMs);
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Rates of the CPU micro-kernel");
  app.add_option("-m", options.shape.m);
  app.add_option("-n", options.shape.n);
  app.add_option("-k", options.shape.k);
  app.add_option("--target", options.target);
  app.add_option("--left", options.shape.left);
  app.add_option("--right", options.shape.right);
  app.add_option("--sums", options.shape.sums);
  app.add_option("--only", options.only, "tiles whose text begins so, e.g. 12x2");
  app.add_option("--seconds", options.seconds, "for each tile");
  app.add_flag("--rows", options.rowMajor, "A as rows, not panels");
  app.add_flag("--dynamic", options.shape.dynamicRows);
  app.add_flag("--widen", options.shape.widen, "widen a panel of B into scratch first");
  app.add_flag("--zero", options.shape.startFromZero);
  app.add_flag("--asm", options.assembly, "print the assembly of each tile");
  app.add_flag("--compile-only", options.compileOnly);
  CLI11_PARSE(app, argc, argv);
  std::optional<cpu::CpuTarget> target = cpu::cpuTarget(options.target);
  if (!target || !(options.compileOnly || cpu::runsHere(*target)))
    return 2;
  fmt::print("m={} n={} k={} {}·{}→{}\n", options.shape.m, options.shape.n, options.shape.k,
             options.shape.left, options.shape.right, options.shape.sums);
  mlir::MLIRContext context;
  for (const cpu::MicroTile &tile :
       cpu::microTileCandidates(*target, test::elementType(context, options.shape.sums)))
    if (tile.print().rfind(options.only, 0) == 0)
      measure(options, *target, tile);
  return 0;
}
