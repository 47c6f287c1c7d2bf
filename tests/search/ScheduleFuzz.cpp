// tgc-schedule-fuzz FILE.mlir: runs every kernel of a file without a schedule and under random legal ones, no two with
// one plan, and compares with the reference evaluator. For a GPU the host runs the kernel's threads. A failure, and code
// that dies of a signal, prints the seed and the schedule that repeat it.
#include "codegen/cpu/CompileCpu.h"
#include "codegen/cpu/CpuDevice.h"
#include "codegen/ptx/PtxDevice.h"
#include "compiler/schedule/Describe.h"
#include "compiler/support/Error.h"
#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "tests/search/GpuRun.h"
#include "tests/search/RandomSchedule.h"
#include <CLI/CLI.hpp>
#include <csignal>
#include <fmt/format.h>
#include <iostream>
#include <set>
#include <unistd.h>

using namespace mlir;
using namespace tgc;

namespace {

struct Options {
  std::string file, target = "native", kernel;
  uint64_t seed = 1;
  bool assemble = false;
  int count = 4; // the first is the empty schedule, the second the heuristic's
  int least = 0; // runs in all; fewer are a failure
};

/// What runs now, for a signal that its code causes.
std::string running;

void sayWhatRuns(int signal) {
  // Nothing but system calls is safe here.
  [[maybe_unused]] ssize_t written = ::write(STDOUT_FILENO, running.data(), running.size());
  std::signal(signal, SIG_DFL);
  std::raise(signal);
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
  if (target && !cpu::runsHere(*target)) {
    fmt::print("this machine cannot run {}\n", options.target);
    return 0;
  }
  DeviceInfo device = gpu ? gpu->info : cpu::deviceInfo(*target);
  int failures = 0, runs = 0;
  for (auto kernel : module->getOps<kernel::FuncOp>()) {
    if (!options.kernel.empty() && kernel.getSymName() != options.kernel)
      continue;
    KernelInfo info = describeKernel(kernel);
    std::mt19937_64 random(options.seed);
    auto inputs = test::makeBuffers(kernel, random);
    Schedule schedule;
    std::set<std::string> plans;
    try {
      for (int i = 0, done = 0; done < options.count && i < 6 * options.count; ++i) {
        if (i > 0)
          schedule = i == 1 ? heuristicSchedule(info, device) : test::randomSchedule(info, device, random);
        // A kernel that is taken apart has a test of its own.
        if (schedule.splitsKernel())
          continue;
        Plan plan = *makePlan(info, schedule, device).plan;
        if (!plans.insert(describe(plan, info)).second)
          continue;
        // The host has no producers and no instructions beside their threads.
        if (auto *pipe = std::get_if<PipePlan>(&plan.body); pipe && pipe->roles && pipe->roles->producers > 0)
          continue;
        if (!plan.packs.empty())
          continue;
        auto buffers = inputs;
        running = fmt::format("{} seed {}: killed by a signal\n  --kernel={} --schedule='{}'\n", info.name,
                              options.seed, info.name, printSchedule(schedule));
        if (gpu) {
          test::GpuKernel compiled(kernel, info, plan, device);
          if (options.assemble)
            compiled.assembled();
          compiled.run(buffers);
        } else {
          test::CompiledKernel(kernel, info, plan, *target).run(buffers, 2);
        }
        ++runs;
        ++done;
        if (std::string wrong = test::disagreement(kernel, inputs, buffers); !wrong.empty()) {
          ++failures;
          fmt::print("{} seed {}: {}\n  --kernel={} --schedule='{}'\n", info.name, options.seed, wrong,
                     info.name, printSchedule(schedule));
        }
      }
    } catch (const std::exception &error) {
      ++failures;
      fmt::print("{} seed {}: {}\n  --kernel={} --schedule='{}'\n", info.name, options.seed, error.what(),
                 info.name, printSchedule(schedule));
    }
  }
  fmt::print("seed {}: {} runs, {} failures\n", options.seed, runs, failures);
  if (runs < options.least)
    fmt::print("fewer than {}\n", options.least);
  return failures || runs < options.least ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Runs kernels under random schedules");
  app.add_option("file", options.file, "kernel-stage MLIR")->required();
  app.add_option("--seed", options.seed);
  app.add_option("--count", options.count, "schedules a kernel");
  app.add_option("--least", options.least, "runs in all that there must be");
  app.add_option("--target", options.target,
                 "a CPU, or a GPU (h200 ...) whose threads the host runs one by one");
  app.add_flag("--assemble", options.assemble, "for a GPU: what runs must assemble too");
  app.add_option("--kernel", options.kernel, "this kernel alone");
  CLI11_PARSE(app, argc, argv);
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE})
    std::signal(signal, sayWhatRuns);
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << "tgc-schedule-fuzz: " << error.what() << '\n';
    return error.exitCode();
  }
}
