// tgc-loop FILE.mlir: shows what becomes of a file's kernels on their way through schedule, plan and loop
// generator, compares them with the reference evaluator, and measures them.
#include "codegen/cpu/CompileCpu.h"
#include "codegen/cpu/CpuDevice.h"
#include "codegen/ptx/PtxDevice.h"
#include "compiler/schedule/Describe.h"
#include "compiler/schedule/TakeApart.h"
#include "compiler/support/Error.h"
#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "tests/search/GpuRun.h"
#include <CLI/CLI.hpp>
#include <ctime>
#include <iostream>

using namespace mlir;
using namespace tgc;

namespace {

struct Options {
  std::string file, emit = "info", schedule, target = "native", kernel;
  uint64_t seed = 1;
  double offset = 0;
  int threads = 1;
};

Schedule scheduleOf(kernel::FuncOp kernel, const KernelInfo &info, const DeviceInfo &device,
                    const Options &options) {
  if (!options.schedule.empty())
    return parseSchedule(options.schedule == "raw" ? "" : options.schedule);
  if (auto attribute = kernel.getScheduleAttr())
    return parseSchedule(attribute.getValue());
  return heuristicSchedule(info, device);
}

Plan planOf(const KernelInfo &info, const Schedule &schedule, const DeviceInfo &device) {
  PlanResult result = makePlan(info, schedule, device);
  if (!result)
    usageError("{}: {}", info.name, result.reason);
  return std::move(*result.plan);
}

void check(kernel::FuncOp kernel, const KernelInfo &info, const Schedule &schedule, const DeviceInfo &device,
           const cpu::CpuTarget &target, const Options &options) {
  std::mt19937_64 random(options.seed);
  auto inputs = test::makeBuffers(kernel, random, options.offset);
  auto buffers = inputs;
  test::CompiledKernel(kernel, info, planOf(info, schedule, device), target).run(buffers, options.threads);
  std::string wrong = test::disagreement(kernel, inputs, buffers);
  fmt::print("{} [{}]: {}\n", info.name, printSchedule(schedule), wrong.empty() ? "agrees" : wrong);
}

void bench(kernel::FuncOp kernel, const KernelInfo &info, const Schedule &schedule, const DeviceInfo &device,
           const cpu::CpuTarget &target, const Options &options) {
  std::mt19937_64 random(options.seed);
  auto buffers = test::makeBuffers(kernel, random, options.offset);
  test::CompiledKernel compiled(kernel, info, planOf(info, schedule, device), target);
  compiled.run(buffers, options.threads);
  // One thread is measured by its own processor time, which others on the machine disturb less.
  auto now = [&] {
    timespec time{};
    clock_gettime(options.threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
  };
  std::vector<double> times;
  double total = 0;
  while (total < 1 || times.size() < 5) {
    double start = now();
    compiled.run(buffers, options.threads);
    times.push_back(now() - start);
    total += times.back();
  }
  std::sort(times.begin(), times.end());
  double best = times.front();
  fmt::print("{} [{}]: {:.1f} us best, {:.1f} us median; best {:.2f} GB/s, {:.2f} GFLOP/s\n", info.name,
             printSchedule(schedule), best * 1e6, times[times.size() / 2] * 1e6, info.bytes / best / 1e9,
             info.flops / best / 1e9);
}

void gpuKernel(kernel::FuncOp kernel, const KernelInfo &info, const Schedule &schedule,
               const DeviceInfo &device, const Options &options) {
  test::GpuKernel compiled(kernel, info, planOf(info, schedule, device), device);
  if (options.emit == "check") {
    std::mt19937_64 random(options.seed);
    auto inputs = test::makeBuffers(kernel, random, options.offset);
    auto buffers = inputs;
    compiled.run(buffers);
    std::string wrong = test::disagreement(kernel, inputs, buffers);
    fmt::print("{} [{}]: {}\n", info.name, printSchedule(schedule), wrong.empty() ? "agrees" : wrong);
  } else if (options.emit == "llvm") {
    std::string text;
    compiled.ptx(&text);
    std::cout << text;
  } else if (options.emit == "registers") {
    fmt::print("{} [{}]: {}", info.name, printSchedule(schedule), compiled.assembled());
  } else {
    std::cout << (options.emit == "tile"     ? compiled.tile()
                  : options.emit == "thread" ? compiled.thread()
                                             : compiled.ptx());
  }
}

int run(const Options &options) {
  DialectRegistry registry;
  cpu::registerCpuDialects(registry);
  registry.insert<arith::ArithDialect, math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                  vector::VectorDialect, func::FuncDialect, kernel::KernelDialect, tile::TileDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(options.file, &context);
  if (!module)
    badInput("{} does not parse", options.file);
  std::optional<cpu::CpuTarget> target = cpu::cpuTarget(options.target);
  std::optional<ptx::PtxDevice> gpu = ptx::ptxDevice(options.target);
  if (!target && !gpu)
    usageError("no target '{}'", options.target);
  DeviceInfo device = gpu ? gpu->info : cpu::deviceInfo(*target);
  std::vector<kernel::FuncOp> kernels(module->getOps<kernel::FuncOp>().begin(),
                                      module->getOps<kernel::FuncOp>().end());
  if (!options.kernel.empty())
    llvm::erase_if(kernels, [&](kernel::FuncOp kernel) { return kernel.getSymName() != options.kernel; });
  llvm::DenseSet<Operation *> parts;
  for (size_t i = 0; i < kernels.size(); ++i) {
    kernel::FuncOp kernel = kernels[i];
    KernelInfo info = describeKernel(kernel);
    if (options.emit == "info") {
      std::cout << describe(info);
      continue;
    }
    Schedule schedule =
        parts.contains(kernel) ? heuristicSchedule(info, device) : scheduleOf(kernel, info, device, options);
    if (schedule.splitsKernel()) {
      PartsResult plan = planParts(info, schedule);
      size_t place = i;
      if (!plan)
        usageError("{}: {}", info.name, plan.reason);
      std::cout << info.name << ": " << printSchedule(schedule) << "\n";
      // What it is taken apart into gets the heuristic's schedules.
      for (kernel::FuncOp made : takeApart(*module, kernel, info, plan)) {
        parts.insert(made);
        kernels.insert(kernels.begin() + ++place, made);
      }
      continue;
    }
    if (options.emit == "split") {
      std::string text;
      llvm::raw_string_ostream(text) << *kernel;
      std::cout << text << "\n";
      continue;
    }
    if (options.emit == "plan")
      std::cout << info.name << ": " << printSchedule(schedule) << "\n"
                << describe(planOf(info, schedule, device), info);
    else if (gpu)
      gpuKernel(kernel, info, schedule, device, options);
    else if (options.emit == "check")
      check(kernel, info, schedule, device, *target, options);
    else if (options.emit == "bench")
      bench(kernel, info, schedule, device, *target, options);
    else {
      test::CompiledKernel compiled(kernel, info, planOf(info, schedule, device), *target, /*keepText=*/true);
      std::cout << (options.emit == "tile"     ? compiled.tile
                    : options.emit == "thread" ? compiled.thread
                    : options.emit == "llvm"   ? compiled.report.llvmIr
                                               : compiled.report.assembly);
    }
  }
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Schedules kernels and runs them through the loop generator");
  app.add_option("file", options.file, "kernel-stage MLIR")->required();
  app.add_option("--emit", options.emit,
                 "info, split, plan, tile, thread, llvm, asm, check (against the reference), bench, "
                 "registers (of a GPU)");
  app.add_option("--schedule", options.schedule,
                 "instead of the kernels' own or else the heuristic's; raw is the empty one");
  app.add_option("--target", options.target,
                 "native, avx512, avx2, generic, or a GPU such as h200, whose threads the host runs");
  app.add_option("--kernel", options.kernel, "this kernel alone");
  app.add_option("--seed", options.seed);
  app.add_option("--offset", options.offset, "mean of random floats");
  app.add_option("--threads", options.threads);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << "tgc-loop: " << error.what() << '\n';
    return error.exitCode();
  }
}
