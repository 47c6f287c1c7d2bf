// Plain evaluator of the graph stage: the reference for graph passes, and the importer's constant folder.
#pragma once
#include "compiler/graph/HostTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <filesystem>
#include <functional>

namespace tgc::graph {

enum class Rounding {
  Explicit, ///< floating-point operations in double; truncf, float constants and weights round
  Every,    ///< each operation's result is rounded to its type: what a machine of the type would give
};

struct EvaluateOptions {
  Rounding rounding = Rounding::Explicit;
  std::filesystem::path directory; ///< what paths of #graph.external are relative to
  /// Bytes of a weight that has no source; absent means such a weight is an error.
  std::function<HostTensor(llvm::StringRef name, mlir::RankedTensorType type)> unboundWeight;
};

/// Results of one operation of the graph, arith or math dialect on tensors. Integers wrap; shifts by the
/// width or more give 0 (the sign for arithmetic shifts). Errors: BadInput for a missing or short weight
/// file, division by zero; Unsupported for an operation outside the graph stage; Internal for a map that
/// leaves its tensor.
std::vector<HostTensorPtr> evaluateOp(mlir::Operation *op, llvm::ArrayRef<HostTensorPtr> operands,
                                      const EvaluateOptions &options);

/// Results of a function whose body is one block of graph-stage operations. Errors: BadInput where arguments
/// do not have the types of the function's.
std::vector<HostTensorPtr> evaluate(mlir::func::FuncOp function, llvm::ArrayRef<HostTensorPtr> arguments,
                                    const EvaluateOptions &options);

/// The part of evaluateOp for arith and math; false when the operation is not one of theirs.
bool evaluateElementwise(mlir::Operation *op, llvm::ArrayRef<HostTensorPtr> operands, HostTensor &result);

} // namespace tgc::graph
