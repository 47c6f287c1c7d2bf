// tgc-pipe-gpu: shows what the pipe or the loop generator makes of kernels for a GPU, stage by stage, and writes machine code with a
// description of its launch.
#include "codegen/ptx/Assemble.h"
#include "codegen/ptx/CompilePtx.h"
#include "codegen/ptx/LowerTile.h"
#include "codegen/ptx/PtxDevice.h"
#include "codegen/ptx/pipe/Atoms.h"
#include "compiler/loop/GenerateLoop.h"
#include "compiler/pipe/GeneratePipe.h"
#include "compiler/schedule/Describe.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/Passes.h"
#include <CLI/CLI.hpp>
#include <fmt/ranges.h>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

using namespace mlir;
using namespace tgc;

namespace {

struct Options {
  std::string file, kernel, emit = "tile", schedule, device = "h200", assemble, output;
};

std::string print(Operation *op) {
  std::string text;
  llvm::raw_string_ostream(text) << *op;
  return text;
}

nlohmann::json toJson(Attribute attribute) {
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getInt();
  auto array = cast<DenseI64ArrayAttr>(attribute);
  return std::vector<int64_t>(array.asArrayRef().begin(), array.asArrayRef().end());
}

/// Machine code at PATH.cubin, its launch in PATH.json.
void writeCubin(const std::string &path, const KernelInfo &info, const Plan &plan,
                const std::string &schedule, const ptx::PtxKernel &kernel, func::FuncOp thread,
                const std::string &architecture) {
  std::optional<ptx::Assembled> code = ptx::assemble(kernel.ptx, architecture);
  if (!code)
    unsupported("there is no assembler");
  if (!code->log.empty() || code->spillBytes != 0)
    internalError("{}: {} bytes spilled\n{}", info.name, code->spillBytes, code->log);
  std::ofstream(path + ".cubin", std::ios::binary)
      .write(reinterpret_cast<const char *>(code->cubin.data()), std::streamsize(code->cubin.size()));
  nlohmann::json launch;
  launch["function"] = kernel.name;
  launch["schedule"] = schedule;
  launch["grid"] = plan.launches[0].blocks;
  launch["block"] = kernel.threads;
  launch["cluster"] = kernel.cluster;
  launch["shared"] = kernel.sharedBytes;
  launch["registers"] = code->registers;
  launch["flops"] = info.flops;
  for (const BufferInfo &buffer : info.buffers)
    launch["buffers"].push_back({{"name", buffer.name},
                                 {"type", nameOf(buffer.type)},
                                 {"shape", buffer.shape},
                                 {"stored", buffer.stored}});
  launch["maps"] = nlohmann::json::array();
  if (auto maps = thread->getAttrOfType<ArrayAttr>("tgc.tensor_maps"))
    for (Attribute map : maps) {
      nlohmann::json entry;
      for (NamedAttribute field : cast<DictionaryAttr>(map))
        entry[field.getName().str()] = toJson(field.getValue());
      launch["maps"].push_back(entry);
    }
  std::ofstream(path + ".json") << launch.dump(1) << "\n";
}

/// A line: name, registers, spills, generator, and the assembler's remarks.
void assembleOnly(const KernelInfo &info, const Plan &plan, const ptx::PtxKernel &kernel,
                  const std::string &architecture) {
  std::optional<ptx::Assembled> code = ptx::assemble(kernel.ptx, architecture);
  if (!code)
    throw Error(ErrorKind::Device, "there is no assembler");
  std::replace(code->log.begin(), code->log.end(), '\n', ' ');
  auto *pipe = std::get_if<PipePlan>(&plan.body);
  std::cout << fmt::format("{}: {} registers, {} bytes spilled, {} {}\n", info.name, code->registers,
                           code->spillBytes, pipe ? "pipe " + pipe->atom : "loop", code->log);
}

void show(kernel::FuncOp kernel, const Options &options, const DeviceInfo &device) {
  KernelInfo info = describeKernel(kernel);
  Schedule schedule = !options.schedule.empty() ? parseSchedule(options.schedule)
                      : kernel.getSchedule()    ? parseSchedule(kernel.getSchedule()->str())
                                                : heuristicSchedule(info, device);
  std::string text = printSchedule(schedule);
  PlanResult plan = makePlan(info, schedule, device);
  if (!plan)
    usageError("{}: {}", info.name, plan.reason);
  if (options.emit == "plan") {
    std::cout << text << "\n" << describe(*plan.plan, info);
    return;
  }
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  OpBuilder builder(module->getBodyRegion());
  tile::FuncOp tile = std::holds_alternative<PipePlan>(plan.plan->body)
                          ? generatePipe(builder, kernel, info, *plan.plan)
                          : generateLoop(builder, kernel, info, *plan.plan);
  if (failed(verify(*module)))
    internalError("{}: the block program is not valid", info.name);
  if (options.emit == "tile") {
    std::cout << print(tile) << "\n";
    return;
  }
  ptx::lowerTileModule(*module, device);
  if (failed(verify(*module)))
    internalError("{}: the thread's program is not valid", info.name);
  func::FuncOp thread = *module->getOps<func::FuncOp>().begin();
  if (options.emit == "thread") {
    std::cout << print(*module) << "\n";
    return;
  }
  std::string llvmIr;
  ptx::PtxCompileOptions compile;
  compile.llvmIr = options.emit == "llvm" ? &llvmIr : nullptr;
  ptx::PtxKernel compiled = ptx::compilePtxModule(*module, device.architecture, compile);
  if (options.emit == "cubin")
    writeCubin(options.output, info, *plan.plan, text, compiled, thread,
               options.assemble.empty() ? device.architecture : options.assemble);
  else if (options.emit == "assemble")
    assembleOnly(info, *plan.plan, compiled, device.architecture);
  else
    std::cout << (options.emit == "llvm" ? llvmIr : compiled.ptx) << "\n";
}

int run(const Options &options) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<kernel::KernelDialect, tile::TileDialect, arith::ArithDialect, math::MathDialect,
                      affine::AffineDialect>();
  DialectRegistry registry;
  ptx::registerPtxDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(options.file, ParserConfig(&context));
  if (!module)
    return 3;
  std::optional<ptx::PtxDevice> device = ptx::ptxDevice(options.device);
  if (!device)
    usageError("no device '{}'", options.device);
  if (device->info.atoms.empty())
    ptx::addPipeAtoms(device->info, device->info.architecture);
  for (auto kernel : module->getOps<kernel::FuncOp>())
    if (options.kernel.empty() || kernel.getSymName() == options.kernel)
      show(kernel, options, device->info);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("shows what the generators make of kernels for a GPU");
  Options options;
  app.add_option("file", options.file)->required();
  app.add_option("--kernel", options.kernel, "only this one");
  app.add_option("--emit", options.emit)
      ->check(CLI::IsMember({"plan", "tile", "thread", "llvm", "ptx", "cubin", "assemble"}));
  app.add_option("--schedule", options.schedule, "instead of the kernels' own");
  app.add_option("--device", options.device, "name behind cuda:");
  app.add_option("--assemble", options.assemble, "cubin: for this architecture, if newer than the device's");
  app.add_option("-o", options.output, "cubin: path without its ending");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << "error: " << error.what() << "\n";
    return error.exitCode();
  }
}
