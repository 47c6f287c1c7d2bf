// tgc-pipe FILE.mlir: shows what becomes of a file's kernels under their schedules, checks them against the
// evaluator, and measures them.
#include "codegen/cpu/CompileCpu.h"
#include "codegen/cpu/CpuDevice.h"
#include "compiler/schedule/Describe.h"
#include "compiler/schedule/Pack.h"
#include "compiler/support/Error.h"
#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "tests/pipe/PipeRun.h"
#include <CLI/CLI.hpp>
#include <ctime>
#include <fmt/ranges.h>
#include <iostream>

using namespace mlir;
using namespace tgc;

namespace {

struct Options {
  std::string file, emit = "plan", schedule, target = "native", kernel;
  uint64_t seed = 1;
  int64_t samples = 2000;
  int threads = 1;
  double seconds = 1;
};

double now(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

void bench(test::ScheduledKernel &kernel, const std::string &schedule, const Options &options) {
  std::mt19937_64 random(options.seed);
  auto buffers = kernel.makeBuffers(random);
  kernel.prepare(buffers);
  kernel.run(buffers, options.threads);
  // On a machine that others use too, processor time tells more than the wall's clock.
  double bestWall = 1e9, bestProcessor = 1e9, total = 0;
  for (int runs = 0; total < options.seconds || runs < 3; ++runs) {
    double wall = now(CLOCK_MONOTONIC), processor = now(CLOCK_PROCESS_CPUTIME_ID);
    kernel.run(buffers, options.threads);
    wall = now(CLOCK_MONOTONIC) - wall;
    bestWall = std::min(bestWall, wall);
    bestProcessor = std::min(bestProcessor, now(CLOCK_PROCESS_CPUTIME_ID) - processor);
    total += wall;
  }
  fmt::print("{} [{}]: {:.2f} ms wall, {:.2f} ms processor, {:.1f} GFLOP/s, {:.1f} a core, {:.2f} GB/s\n",
             kernel.info.name, schedule, bestWall * 1e3, bestProcessor * 1e3,
             kernel.info.flops / bestWall / 1e9, kernel.info.flops / bestProcessor / 1e9,
             kernel.info.bytes / bestWall / 1e9);
  std::cout.flush();
}

/// The file with all weights packed, its program included.
void pack(ModuleOp module, const DeviceInfo &device) {
  SmallVector<kernel::FuncOp> kernels(module.getOps<kernel::FuncOp>());
  for (kernel::FuncOp kernel : kernels) {
    KernelInfo info = describeKernel(kernel);
    Schedule schedule =
        kernel.getSchedule() ? parseSchedule(kernel.getSchedule()->str()) : heuristicSchedule(info, device);
    PlanResult plan = makePlan(info, schedule, device);
    if (!plan)
      usageError("{}: {}", info.name, plan.reason);
    packWeights(module, kernel, info, *plan.plan);
  }
  if (failed(verify(module)))
    internalError("packing made an invalid module");
  std::string text;
  llvm::raw_string_ostream(text) << module;
  std::cout << text << "\n";
}

void show(kernel::FuncOp kernel, const Options &options, const cpu::CpuTarget &target) {
  KernelInfo info = describeKernel(kernel);
  DeviceInfo device = cpu::deviceInfo(target);
  if (options.emit == "info") {
    std::cout << describe(info);
    return;
  }
  Schedule schedule;
  if (!options.schedule.empty())
    schedule = options.schedule == "heuristic"
                   ? heuristicSchedule(info, device)
                   : parseSchedule(options.schedule == "raw" ? "" : options.schedule);
  else if (auto attribute = kernel.getScheduleAttr())
    schedule = parseSchedule(attribute.getValue());
  else
    schedule = heuristicSchedule(info, device);
  std::string text = printSchedule(schedule);
  if (options.emit == "plan") {
    PlanResult result = makePlan(info, schedule, device);
    std::cout << text << "\n" << (result ? describe(*result.plan, info) : "illegal: " + result.reason + "\n");
    return;
  }
  bool keepText = options.emit != "check" && options.emit != "bench";
  test::ScheduledKernel compiled(kernel, schedule, target, keepText);
  if (options.emit == "check") {
    std::mt19937_64 random(options.seed);
    auto buffers = compiled.makeBuffers(random);
    std::string difference = compiled.check(buffers, random, options.samples, options.threads);
    fmt::print("{} [{}]: {}\n", info.name, text, difference.empty() ? "agrees" : difference);
    std::cout.flush();
  } else if (options.emit == "bench") {
    bench(compiled, text, options);
  } else {
    std::cout << (options.emit == "tile"     ? compiled.compiled->tile
                  : options.emit == "thread" ? compiled.compiled->thread
                  : options.emit == "llvm"   ? compiled.compiled->report.llvmIr
                                             : compiled.compiled->report.assembly);
  }
}

int run(const Options &options) {
  DialectRegistry registry;
  cpu::registerCpuDialects(registry);
  registry.insert<affine::AffineDialect, arith::ArithDialect, math::MathDialect, memref::MemRefDialect,
                  scf::SCFDialect, vector::VectorDialect, func::FuncDialect, kernel::KernelDialect,
                  tile::TileDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(options.file, &context);
  if (!module)
    badInput("{} does not parse", options.file);
  std::optional<cpu::CpuTarget> target = cpu::cpuTarget(options.target);
  if (!target)
    usageError("no CPU target '{}'", options.target);
  if (options.emit == "pack") {
    pack(*module, cpu::deviceInfo(*target));
    return 0;
  }
  for (auto kernel : module->getOps<kernel::FuncOp>())
    if (options.kernel.empty() || kernel.getSymName() == options.kernel)
      show(kernel, options, *target);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Schedules kernels and runs them through the pipe generator");
  app.add_option("file", options.file, "kernel-stage MLIR")->required();
  app.add_option("--emit", options.emit,
                 "info, plan, pack, tile, thread, llvm, asm, check (against the evaluator), bench");
  app.add_option("--schedule", options.schedule,
                 "instead of the kernels' own; raw is the empty one, or heuristic");
  app.add_option("--target", options.target, "native, avx512, avx2 or generic");
  app.add_option("--kernel", options.kernel, "this kernel alone");
  app.add_option("--seed", options.seed);
  app.add_option("--samples", options.samples, "elements compared a buffer");
  app.add_option("--threads", options.threads);
  app.add_option("--seconds", options.seconds, "of one bench, at least");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << "tgc-pipe: " << error.what() << '\n';
    return error.exitCode();
  }
}
