// tgc-schedule-fuzz FILE.mlir: runs every kernel of a file under random legal schedules and compares with the
// unscheduled kernel. A failure prints the seed and the schedule that repeat it.
#include "codegen/cpu/CpuDevice.h"
#include "compiler/schedule/Describe.h"
#include "compiler/support/Error.h"
#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "search/options/Option.h"
#include "tests/search/KernelRun.h"
#include <CLI/CLI.hpp>
#include <cmath>
#include <fmt/format.h>
#include <iostream>

using namespace mlir;
using namespace tgc;

namespace {

struct Options {
  std::string file, target = "native", kernel;
  uint64_t seed = 1;
  int count = 4;
};

/// A walk through the options' candidates: a few steps, each to a schedule that has a plan.
Schedule randomSchedule(const KernelInfo &info, const DeviceInfo &device, std::mt19937_64 &random) {
  Schedule schedule;
  int steps = int(random() % 6);
  for (int step = 0; step < steps; ++step)
    for (int attempt = 0; attempt < 8; ++attempt) {
      const Option *option = options()[random() % options().size()];
      std::vector<Schedule> next = option->candidates({info, device}, schedule);
      if (next.empty())
        continue;
      Schedule &candidate = next[random() % next.size()];
      if (candidate.atom || !makePlan(info, candidate, device))
        continue;
      schedule = std::move(candidate);
      break;
    }
  return schedule;
}

/// The first element in which two runs disagree.
std::string difference(const KernelInfo &info, const std::vector<test::KernelBuffer> &got,
                       const std::vector<test::KernelBuffer> &want) {
  for (size_t b = 0; b < got.size(); ++b)
    for (int64_t i = 0; i < got[b].elements(); ++i) {
      double x = got[b].get(i), y = want[b].get(i);
      bool same = x == y || (std::isnan(x) && std::isnan(y));
      double tolerance = bytesOf(info.buffers[b].type) < 4 ? 0.02 : 2e-5;
      if (!same && !(std::abs(x - y) <= tolerance * (1 + std::abs(y))))
        return fmt::format("{}[{}] is {}, not {}", info.buffers[b].name, i, x, y);
    }
  return "";
}

int run(const Options &options) {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                  vector::VectorDialect, func::FuncDialect, kernel::KernelDialect, tile::TileDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(options.file, &context);
  if (!module)
    badInput("{} does not parse", options.file);
  std::optional<cpu::CpuTarget> target = cpu::cpuTarget(options.target);
  if (!target)
    usageError("no CPU target '{}'", options.target);
  if (!cpu::runsHere(*target)) {
    fmt::print("this machine cannot run {}\n", options.target);
    return 0;
  }
  DeviceInfo device = cpu::deviceInfo(*target);
  int failures = 0, runs = 0;
  for (auto kernel : module->getOps<kernel::FuncOp>()) {
    if (!options.kernel.empty() && kernel.getSymName() != options.kernel)
      continue;
    KernelInfo info = describeKernel(kernel);
    std::mt19937_64 random(options.seed);
    auto inputs = test::makeBuffers(kernel, random);
    auto expected = inputs;
    Schedule schedule;
    try {
      test::CompiledKernel(kernel, info, *makePlan(info, {}, device).plan, *target).run(expected);
      for (int i = 0; i < options.count; ++i) {
        schedule = randomSchedule(info, device, random);
        auto buffers = inputs;
        test::CompiledKernel(kernel, info, *makePlan(info, schedule, device).plan, *target).run(buffers, 2);
        ++runs;
        if (std::string wrong = difference(info, buffers, expected); !wrong.empty()) {
          ++failures;
          fmt::print("{} seed {}: {}\n  --kernel={} --schedule='{}'\n", info.name, options.seed, wrong, info.name,
                     printSchedule(schedule));
        }
      }
    } catch (const Error &error) {
      ++failures;
      fmt::print("{} seed {}: {}\n  --kernel={} --schedule='{}'\n", info.name, options.seed, error.what(),
                 info.name, printSchedule(schedule));
    }
  }
  fmt::print("seed {}: {} runs, {} failures\n", options.seed, runs, failures);
  return failures ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Runs kernels under random schedules");
  app.add_option("file", options.file, "kernel-stage MLIR")->required();
  app.add_option("--seed", options.seed);
  app.add_option("--count", options.count, "schedules a kernel");
  app.add_option("--target", options.target);
  app.add_option("--kernel", options.kernel, "this kernel alone");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << "tgc-schedule-fuzz: " << error.what() << '\n';
    return error.exitCode();
  }
}
