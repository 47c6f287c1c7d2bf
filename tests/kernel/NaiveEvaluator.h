// Evaluates a kernel one point at a time by recursion, straight from the operations' descriptions.
#pragma once
#include "compiler/kernel/Evaluate.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassRegistry.h"

#include <random>

namespace tgc::kernel::test {

struct ParsedModule {
  ParsedModule();
  /// Fails the test if the text does not parse.
  FuncOp func(const std::string &text);

  mlir::DialectRegistry registry;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Random bytes of every buffer: small numbers, so that nothing overflows.
std::vector<std::vector<char>> randomBuffers(FuncOp func, unsigned seed);
std::vector<Bytes> asBytes(const std::vector<std::vector<char>> &buffers);

/// All elements of all stored buffers, by argument; NaN where nothing is stored.
std::map<unsigned, std::vector<double>> naiveEvaluate(FuncOp func, const std::vector<Bytes> &buffers);

} // namespace tgc::kernel::test
