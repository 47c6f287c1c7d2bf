// Runs graphs through the graph passes and the cutter, and programs on the reference evaluators.
#pragma once
#include "compiler/graph/Evaluate.h"
#include "compiler/kernel/Evaluate.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <filesystem>
#include <map>
#include <string>

namespace tgc::test {

/// Runs the graph passes. Throws Error when a pass fails.
void runGraphPasses(mlir::ModuleOp module);
/// Runs the cutter and verifies the result; remarks go to stderr if wanted.
void runCutter(mlir::ModuleOp module, bool remarks = false);
/// Runs the passes of the kernel stage. Throws Error when one fails.
void runKernelPasses(mlir::ModuleOp module);
kernel::ProgramOp programOf(mlir::ModuleOp module);

/// Launches of the run list and of the prepare list, by the first word of the kernel's name.
struct Counts {
  std::map<std::string, unsigned> run, prepare;
  unsigned runTotal() const;
  unsigned prepareTotal() const;
  std::string text() const;
};
Counts countLaunches(kernel::ProgramOp program);

using Tensors = std::map<std::string, graph::HostTensorPtr>;

/// @main on the graph evaluator, and the program on the kernel evaluator: outputs by name. Weights are read
/// relative to `directory`; those without a source are random by their name.
Tensors evaluateGraph(mlir::ModuleOp module, const Tensors &inputs, const std::filesystem::path &directory);
Tensors evaluateKernels(mlir::ModuleOp module, const Tensors &inputs, const std::filesystem::path &directory);

/// Uniform numbers in [-1, 1], small integers for integer types, by seed.
graph::HostTensorPtr randomTensor(mlir::RankedTensorType type, uint64_t seed);
Tensors randomInputs(mlir::ModuleOp module, uint64_t seed);

/// The largest |got − wanted| / (|wanted| + largest magnitude); infinite where NaN, infinities or shapes
/// differ.
double worstError(const graph::HostTensor &got, const graph::HostTensor &wanted);

} // namespace tgc::test
