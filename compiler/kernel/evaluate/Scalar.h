// Element-wise operations of the evaluator, one row at a time.
#pragma once
#include "compiler/kernel/evaluate/Tensor.h"
#include "mlir/IR/Operation.h"

namespace tgc::kernel::evaluator {

/// What an operation's row needs beside its operands.
struct ScalarContext {
  mlir::Type operandType, resultType; ///< of the first operand and result
  int64_t predicate = 0;              ///< of a comparison
  double rounding = 0; ///< of the first operand, if arithmetic made it: a part of itself, in units of scale
};

/// out[i] = op(in[0][i * step[0]], …) for i < length.
using RowFunction = void (*)(int64_t length, const Cell *const *in, const int64_t *step, Cell *out,
                             const ScalarContext &context);

/// The row function of an arith or math operation; null for an operation that is not known. Floating-point
/// conversions change nothing: roundings that have to happen are the caller's.
RowFunction rowFunction(mlir::Operation *op);
ScalarContext scalarContext(mlir::Operation *op);

} // namespace tgc::kernel::evaluator
