// Reductions of the evaluator: dense arrays in, dense arrays out.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "compiler/kernel/evaluate/Tensor.h"

namespace tgc::kernel::evaluator {

/// Sum of products over `over`. `result` has the axes of the operation's value; integers wrap to `type`.
void contract(const Tensor &lhs, const Tensor &rhs, llvm::ArrayRef<unsigned> over, const Box &box,
              bool scales, mlir::Type type, Tensor &result);

/// One reduced axis set of a source; axes of `over` that the source lacks count with their extent.
void reduce(const Tensor &source, ReduceKind kind, bool isUnsigned, llvm::ArrayRef<unsigned> over,
            const Box &box, mlir::Type sourceType, mlir::Type resultType, Tensor &result);

/// Mean and population variance, in two passes.
void moments(const Tensor &source, llvm::ArrayRef<unsigned> over, Tensor &mean, Tensor &variance);

/// softmax(source) over `over`, on the axes of `result`: the source's and those of `over`.
void softmaxWeights(const Tensor &source, llvm::ArrayRef<unsigned> over, Tensor &result);

} // namespace tgc::kernel::evaluator
