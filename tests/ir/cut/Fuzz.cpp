// tgc-cut-fuzz [--seed S] [--count N] [--print] [--kernel-passes]: random graphs through the graph passes and
// the cutter, on the reference evaluators: the graph as it was against the graph after the passes and against
// the program (also after the passes of the kernel stage). The seed of each failure is printed; --count 1
// --print shows that graph at every stage.
#include "Programs.h"
#include "RandomGraph.h"
#include "compiler/graph/Graph.h"
#include "compiler/kernel/Kernel.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include <iostream>

using namespace mlir;
using namespace tgc;
using namespace tgc::test;

namespace {

constexpr double kTolerance = 2e-4;

std::string difference(const Tensors &got, const Tensors &wanted) {
  for (auto &[name, tensor] : wanted)
    if (double error = worstError(*got.at(name), *tensor); !(error <= kTolerance))
      return fmt::format("{} differs by {:.2e}", name, error);
  return "";
}

/// Empty if all is well.
std::string runOne(MLIRContext &context, uint64_t seed, bool print, bool kernelPasses) {
  auto module = randomGraph(context, seed);
  auto show = [&](const char *stage) {
    if (print) {
      llvm::outs() << "// " << stage << "\n";
      module->print(llvm::outs());
    }
  };
  show("graph");
  if (failed(verify(*module)))
    return "the generator made a bad graph";
  try {
    Tensors inputs = randomInputs(*module, seed);
    Tensors wanted = evaluateGraph(*module, inputs, {});
    runGraphPasses(*module);
    show("after the passes");
    if (std::string text = difference(evaluateGraph(*module, inputs, {}), wanted); !text.empty())
      return "graph passes: " + text;
    runCutter(*module);
    show("program");
    std::string text = difference(evaluateKernels(*module, inputs, {}), wanted);
    if (!text.empty() || !kernelPasses)
      return text;
    runKernelPasses(*module);
    show("after the kernel passes");
    text = difference(evaluateKernels(*module, inputs, {}), wanted);
    return text.empty() ? text : "kernel passes: " + text;
  } catch (const Error &error) {
    return error.what();
  }
}

} // namespace

int main(int argc, char **argv) {
  uint64_t seed = 1, count = 100;
  bool print = false, kernelPasses = false;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--seed" && i + 1 < argc)
      seed = std::strtoull(argv[++i], nullptr, 10);
    else if (word == "--count" && i + 1 < argc)
      count = std::strtoull(argv[++i], nullptr, 10);
    else if (word == "--print")
      print = true;
    else if (word == "--kernel-passes")
      kernelPasses = true;
    else
      return int(ErrorKind::Usage);
  }
  unsigned failures = 0;
  for (uint64_t i = seed; i < seed + count; ++i) {
    MLIRContext context(MLIRContext::Threading::DISABLED);
    context.loadDialect<graph::GraphDialect, kernel::KernelDialect, arith::ArithDialect, math::MathDialect,
                        func::FuncDialect, memref::MemRefDialect>();
    if (std::string text = runOne(context, i, print, kernelPasses); !text.empty()) {
      std::cout << "seed " << i << ": " << text << std::endl;
      ++failures;
    }
  }
  std::cout << count << " graphs, " << failures << " failures" << std::endl;
  return failures != 0;
}
