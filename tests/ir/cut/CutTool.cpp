// tgc-cut: what the cutter makes of a model.
//   tgc-cut MODEL.onnx|GRAPH.mlir               launches by class, distinct kernels, times
//   tgc-cut MODEL.onnx --data DIR               the program on the reference evaluator against an ONNX data
//   set tgc-cut GRAPH.mlir --seed N                 the same against the graph evaluator on random inputs
//   --at-most N  fails above N launches of the run list     --print  the program and its kernels
//   --remarks    every decision with its costs              --raw    without the graph passes
//   --kernel-passes  and the passes of the kernel stage
#include "Programs.h"
#include "compiler/kernel/Kernel.h"
#include "compiler/support/Error.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/NodeContext.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Parser/Parser.h"
#include <chrono>
#include <iostream>

using namespace tgc;
using namespace tgc::test;
namespace fs = std::filesystem;

namespace {

struct Options {
  fs::path model, data;
  std::optional<uint64_t> seed;
  std::optional<unsigned> atMost;
  double tolerance = 1e-4;
  bool print = false, remarks = false, raw = false, kernelPasses = false;
};

graph::HostTensorPtr readTensor(mlir::MLIRContext &context, const fs::path &file) {
  onnx::ConstantTensor tensor = onnx::readTensorFile(file);
  return std::make_shared<graph::HostTensor>(
      graph::fromBytes(tensor.shape, onnx::mlirType(&context, tensor.dtype), tensor.bytes));
}

Tensors readTensors(mlir::MLIRContext &context, const fs::path &directory, const char *prefix,
                    const std::vector<std::string> &names) {
  Tensors tensors;
  for (size_t i = 0; i < names.size(); ++i)
    tensors[names[i]] = readTensor(context, directory / fmt::format("{}_{}.pb", prefix, i));
  return tensors;
}

bool compare(const Tensors &got, const Tensors &wanted, double tolerance) {
  double worst = 0;
  for (auto &[name, tensor] : wanted) {
    double error = got.count(name) ? worstError(*got.at(name), *tensor) : INFINITY;
    if (!(error <= worst))
      worst = error;
  }
  std::cout << fmt::format("worst error {:.2e}\n", worst);
  return worst <= tolerance;
}

int run(const Options &options) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  onnx::loadDialects(context);
  context.loadDialect<kernel::KernelDialect, mlir::memref::MemRefDialect>();
  auto now = [] { return std::chrono::steady_clock::now(); };
  auto seconds = [](auto a, auto b) { return std::chrono::duration<double>(b - a).count(); };
  auto start = now();
  mlir::OwningOpRef<mlir::ModuleOp> module;
  if (options.model.extension() == ".onnx")
    module = onnx::importModel(context, options.model);
  else
    module = mlir::parseSourceFile<mlir::ModuleOp>(options.model.string(), &context);
  if (!module)
    badInput("cannot parse {}", options.model.string());
  fs::path directory = options.model.parent_path();
  Tensors inputs, wanted;
  if (!options.data.empty()) {
    onnx::ModelInterface interface = onnx::readInterface(options.model);
    inputs = readTensors(context, options.data, "input", interface.inputs);
    wanted = readTensors(context, options.data, "output", interface.outputs);
  } else if (options.seed) {
    inputs = randomInputs(*module, *options.seed);
    wanted = evaluateGraph(*module, inputs, directory);
  }
  auto imported = now();
  if (!options.raw)
    runGraphPasses(*module);
  auto rewritten = now();
  runCutter(*module, options.remarks);
  auto cut = now();
  if (options.kernelPasses)
    runKernelPasses(*module);
  if (options.print)
    module->print(llvm::outs());
  Counts counts = countLaunches(programOf(*module));
  std::cout << fmt::format("{}: {}, import {:.2f} s, graph {:.2f} s, cut {:.2f} s\n", options.model.string(),
                           counts.text(), seconds(start, imported), seconds(imported, rewritten),
                           seconds(rewritten, cut));
  if (options.atMost && counts.runTotal() > *options.atMost) {
    std::cout << fmt::format("more than {} launches\n", *options.atMost);
    return 1;
  }
  if (wanted.empty())
    return 0;
  return compare(evaluateKernels(*module, inputs, directory), wanted, options.tolerance) ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--data" && i + 1 < argc)
      options.data = argv[++i];
    else if (word == "--seed" && i + 1 < argc)
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    else if (word == "--at-most" && i + 1 < argc)
      options.atMost = std::strtoul(argv[++i], nullptr, 10);
    else if (word == "--tolerance" && i + 1 < argc)
      options.tolerance = std::strtod(argv[++i], nullptr);
    else if (word == "--print")
      options.print = true;
    else if (word == "--remarks")
      options.remarks = true;
    else if (word == "--kernel-passes")
      options.kernelPasses = true;
    else if (word == "--raw")
      options.raw = true;
    else
      options.model = word;
  }
  if (options.model.empty()) {
    std::cerr << "usage: tgc-cut MODEL [--data DIR | --seed N] [--at-most N] [--print] [--remarks] [--raw]\n";
    return int(ErrorKind::Usage);
  }
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << error.what() << "\n";
    return error.exitCode();
  }
}
