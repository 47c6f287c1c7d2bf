// tgc-pipe-fuzz: contractions and attention of random shape under random legal schedules of the pipe, against the
// evaluator. A failure prints what repeats it: the seed of the run, the kernel and the schedule.
#include "codegen/cpu/CompileCpu.h"
#include "codegen/cpu/CpuDevice.h"
#include "compiler/schedule/Describe.h"
#include "compiler/support/Error.h"
#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Parser/Parser.h"
#include "tests/pipe/Families.h"
#include "tests/pipe/PipeRun.h"
#include <CLI/CLI.hpp>
#include <fmt/ranges.h>
#include <iostream>

using namespace mlir;
using namespace tgc;

namespace {

struct Options {
  std::string target = "native", family;
  uint64_t seed = 1;
  int count = 20;
  bool verbose = false;
};

/// Tiles, copies, packs and order by chance; legal or not.
Schedule anySchedule(const KernelInfo &info, int64_t lanes, std::mt19937_64 &random) {
  Schedule schedule;
  schedule.atom = "fma";
  schedule.flip = info.attend || random() % 4 == 0;
  std::vector<std::string> stored;
  for (const AxisInfo &axis : info.axes) {
    if (axis.stored)
      stored.push_back(axis.name);
    switch (random() % 4) {
    case 0:
      break;
    case 1:
      schedule.tile[axis.name] = axis.extent;
      break;
    default:
      schedule.tile[axis.name] = 1 + int64_t(random() % uint64_t(axis.extent));
      if (random() % 2 && axis.extent > lanes)
        schedule.tile[axis.name] = std::max<int64_t>(1, schedule.tile[axis.name] / lanes * lanes);
    }
  }
  for (const BufferInfo &buffer : info.buffers) {
    if (random() % 2 && !buffer.stored)
      schedule.copies[buffer.name] = random() % 2 ? "plain" : "pack";
    if (buffer.free && random() % 4)
      schedule.packs[buffer.name] =
          fmt::format("{}{}k{}", schedule.flip ? 'm' : 'n', lanes * (1 + int64_t(random() % 4)),
                      buffer.type != ElementType::F32 && random() % 2 ? nameOf(buffer.type) : "");
  }
  if (random() % 2) {
    std::shuffle(stored.begin(), stored.end(), random);
    schedule.order = stored;
    if (random() % 2)
      schedule.raster = {stored.back(), 1 + int64_t(random() % 3)};
  }
  return schedule;
}

int run(const Options &options) {
  DialectRegistry registry;
  cpu::registerCpuDialects(registry);
  registry.insert<affine::AffineDialect, arith::ArithDialect, math::MathDialect, memref::MemRefDialect,
                  scf::SCFDialect, vector::VectorDialect, func::FuncDialect, kernel::KernelDialect,
                  tile::TileDialect>();
  std::optional<cpu::CpuTarget> target = cpu::cpuTarget(options.target);
  if (!target)
    usageError("no CPU target '{}'", options.target);
  if (!cpu::runsHere(*target)) {
    fmt::print("this machine cannot run {}\n", options.target);
    return 0;
  }
  DeviceInfo device = cpu::deviceInfo(*target);
  std::map<std::string, int> reasons;
  int runs = 0, failures = 0, heuristics = 0;
  for (int i = 0; i < options.count; ++i) {
    std::mt19937_64 random(options.seed + uint64_t(i));
    MLIRContext context(registry, MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    const auto &families = test::pipeFamilies();
    std::string family = options.family.empty() ? families[random() % families.size()] : options.family;
    std::string text = test::randomKernel(family, random);
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      internalError("family {} makes text that does not parse:\n{}", family, text);
    kernel::FuncOp kernel = *module->getOps<kernel::FuncOp>().begin();
    KernelInfo info = describeKernel(kernel);
    Schedule schedule;
    bool legal = false;
    if (random() % 4 == 0) {
      schedule = heuristicSchedule(info, device);
      legal = schedule.atom.has_value();
      heuristics += legal;
    }
    for (int attempt = 0; attempt < 40 && !legal; ++attempt) {
      schedule = anySchedule(info, device.vectorBytes / 4, random);
      PlanResult plan = makePlan(info, schedule, device);
      legal = bool(plan);
      if (!legal)
        ++reasons[plan.reason.substr(0, plan.reason.find_first_of("0123456789("))];
    }
    if (!legal)
      continue;
    std::string wrong;
    try {
      if (options.verbose)
        fmt::print("{} {} [{}]\n", options.seed + uint64_t(i), family, printSchedule(schedule));
      std::cout.flush();
      test::ScheduledKernel compiled(kernel, schedule, *target);
      auto buffers = compiled.makeBuffers(random);
      wrong = compiled.check(buffers, random, 400, 1 + int(random() % 2));
      ++runs;
    } catch (const Error &error) {
      wrong = error.what();
    }
    if (!wrong.empty()) {
      ++failures;
      fmt::print("--seed {} --count 1 [{}]: {}\n{}\n", options.seed + uint64_t(i), printSchedule(schedule),
                 wrong, text);
    }
  }
  if (options.verbose)
    for (const auto &[reason, count] : reasons)
      fmt::print("refused {} times: {}\n", count, reason);
  fmt::print("seed {}: {} kernels run, {} of them under the heuristic's schedule, {} failures\n",
             options.seed, runs, heuristics, failures);
  return failures ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Runs random kernels under random schedules of the pipe");
  app.add_option("--seed", options.seed, "of the first kernel; the next has the next one");
  app.add_option("--count", options.count, "kernels");
  app.add_option("--target", options.target);
  app.add_option("--family", options.family, "kernels of this family alone");
  app.add_flag("--verbose", options.verbose);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << "tgc-pipe-fuzz: " << error.what() << '\n';
    return error.exitCode();
  }
}
