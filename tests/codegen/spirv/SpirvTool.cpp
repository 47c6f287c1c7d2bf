// tgc-spirv FILE.mlir: what becomes of a file's kernels on the way to SPIR-V, and whether they compute the reference's
// numbers on this machine's OpenCL device.
#include "codegen/cpu/CompileCpu.h"
#include "codegen/spirv/CompileSpirv.h"
#include "compiler/schedule/Describe.h"
#include "compiler/schedule/TakeApart.h"
#include "compiler/support/Error.h"
#include "compiler/tile/Tile.h"
#include "mlir/Parser/Parser.h"
#include "runtime/format/Error.h"
#include "runtime/format/File.h"
#include "tests/codegen/spirv/SpirvRun.h"
#include "tests/search/RandomSchedule.h"
#include <CLI/CLI.hpp>
#include <iostream>

using namespace mlir;
using namespace tgc;

namespace {

struct Options {
  std::string file, emit = "text", schedule, target = "cpu", kernel, device = "opencl", output = ".";
  uint64_t seed = 1;
  int count = 1;
};

class Tool {
public:
  Tool(const Options &options, const spv::SpirvDevice &target) : options(options), target(target) {}

  void take(kernel::FuncOp kernel) {
    KernelInfo info = describeKernel(kernel);
    // Numbers of their own, so that the inputs do not depend on the schedules; code alone needs no memory for them.
    std::mt19937_64 random(options.seed), data(options.seed + (uint64_t(1) << 32));
    std::vector<test::KernelBuffer> inputs;
    if (options.emit == "check")
      inputs = test::makeBuffers(kernel, data);
    for (int i = 0; i < options.count; ++i) {
      Schedule schedule = i == 0   ? firstSchedule(kernel, info)
                          : i == 1 ? Schedule()
                                   : test::randomSchedule(info, target.info, random);
      // A kernel that is taken apart is its parts; one that reads what another launch packs is more than one kernel.
      if (i == 0 && schedule.splitsKernel()) {
        for (kernel::FuncOp part :
             takeApart(kernel->getParentOfType<ModuleOp>(), kernel, info, planParts(info, schedule)))
          take(part);
        return;
      }
      if (!schedule.split.empty() || schedule.splitsKernel())
        continue;
      PlanResult plan = makePlan(info, schedule, target.info);
      if (!plan)
        usageError("{}: {}", info.name, plan.reason);
      if (!plan.plan->packs.empty())
        continue;
      try {
        one(kernel, info, *plan.plan, printSchedule(schedule), inputs);
      } catch (const std::exception &error) {
        ++failures;
        fmt::print("{} [{}]: {}\n", info.name, printSchedule(schedule), error.what());
      }
    }
  }

  int failures = 0, runs = 0;

private:
  Schedule firstSchedule(kernel::FuncOp kernel, const KernelInfo &info) const {
    if (options.schedule == "heuristic")
      return heuristicSchedule(info, target.info);
    if (!options.schedule.empty())
      return parseSchedule(options.schedule == "raw" ? "" : options.schedule);
    if (auto attribute = kernel.getScheduleAttr())
      return parseSchedule(attribute.getValue());
    return heuristicSchedule(info, target.info);
  }

  void one(kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan, const std::string &schedule,
           const std::vector<test::KernelBuffer> &inputs) {
    test::SpirvProgram program(kernel, info, plan, target);
    ++runs;
    if (options.emit == "text" || options.emit == "thread" || options.emit == "tile") {
      std::cout << (options.emit == "text"     ? program.text
                    : options.emit == "thread" ? program.thread
                                               : program.tile);
    } else if (options.emit == "binary") {
      const auto *bytes = reinterpret_cast<const uint8_t *>(program.words().data());
      std::string path =
          fmt::format("{}/{}.{}{}.spv", options.output, info.name, runs, program.isLarge() ? ".large" : "");
      runtime::writeFileAtomically(path,
                                   runtime::Bytes::view(bytes, program.words().size() * sizeof(uint32_t)));
      fmt::print("{}\n", path);
    } else {
      if (!device)
        device = runtime::openDevice(options.device);
      std::vector<test::KernelBuffer> buffers = inputs;
      program.run(*device, buffers);
      std::string wrong = test::disagreement(kernel, inputs, buffers);
      failures += !wrong.empty();
      if (!wrong.empty() || options.count == 1)
        fmt::print("{} [{}]: {}\n", info.name, schedule, wrong.empty() ? "agrees" : wrong);
    }
  }

  const Options &options;
  const spv::SpirvDevice &target;
  std::shared_ptr<runtime::Device> device;
};

int run(const Options &options) {
  DialectRegistry registry;
  cpu::registerCpuDialects(registry);
  spv::registerSpirvDialects(registry);
  registry.insert<kernel::KernelDialect, tile::TileDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(options.file, &context);
  if (!module)
    badInput("{} does not parse", options.file);
  std::optional<spv::SpirvDevice> target = spv::spirvDevice(options.target);
  if (!target)
    usageError("no target '{}'", options.target);
  Tool tool(options, *target);
  // Some are taken apart on the way.
  SmallVector<kernel::FuncOp> kernels(module->getOps<kernel::FuncOp>());
  for (kernel::FuncOp kernel : kernels)
    if (options.kernel.empty() || kernel.getSymName() == options.kernel)
      tool.take(kernel);
  if (options.emit == "check")
    fmt::print("seed {}: {} runs, {} failures\n", options.seed, tool.runs, tool.failures);
  return tool.failures ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Takes kernels to SPIR-V");
  app.add_option("file", options.file, "kernel-stage MLIR")->required();
  app.add_option("--emit", options.emit,
                 "tile, thread, text (the SPIR-V dialect), binary (files NAME.N.spv, NAME.N.large.spv), "
                 "check (run and compare)");
  app.add_option(
      "--schedule", options.schedule,
      "instead of the kernels' own or else the heuristic's: heuristic, raw (the empty one), or its words");
  app.add_option("--target", options.target, "pvc, bmg, lnl, dg2, cpu");
  app.add_option("--kernel", options.kernel, "this kernel alone");
  app.add_option("--device", options.device, "device of this machine to check on");
  app.add_option("--seed", options.seed);
  app.add_option("--count", options.count, "schedules a kernel: that one, the empty one, random ones");
  app.add_option("-o,--output", options.output, "folder for binaries");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << "tgc-spirv: " << error.what() << '\n';
    return error.exitCode();
  } catch (const runtime::Error &error) {
    std::cerr << "tgc-spirv: " << error.what() << '\n';
    return static_cast<int>(error.kind);
  }
}
