// tgc-loop FILE.mlir: shows what becomes of a file's kernels on their way through schedule, plan and loop generator.
#include "compiler/schedule/Describe.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <CLI/CLI.hpp>
#include <iostream>

using namespace mlir;
using namespace tgc;

namespace {

struct Options {
  std::string file, emit = "info";
};

int run(const Options &options) {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, math::MathDialect, kernel::KernelDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(options.file, &context);
  if (!module)
    badInput("{} does not parse", options.file);
  for (auto func : module->getOps<kernel::FuncOp>())
    std::cout << describe(describeKernel(func));
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Schedules kernels and runs them through the loop generator");
  app.add_option("file", options.file, "kernel-stage MLIR")->required();
  app.add_option("--emit", options.emit, "info");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << "tgc-loop: " << error.what() << '\n';
    return error.exitCode();
  }
}
