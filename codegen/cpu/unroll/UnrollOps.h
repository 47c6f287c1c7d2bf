// What an op of vectors of rank 2 and more becomes: the same on rows.
#pragma once
#include "codegen/cpu/unroll/RowValues.h"
#include <optional>

namespace tgc::cpu {

/// The rows of an op's result, made where the builder stands: of a result of lower rank the result itself, of an op
/// without results none. Nothing where there is no rule for the op. Element-wise ops, constants, broadcasts, memory.
std::optional<Rows> unrollOp(mlir::OpBuilder &builder, const RowValues &values, mlir::Operation *op);
/// The same for ops that only move elements within vectors.
std::optional<Rows> unrollMove(mlir::OpBuilder &builder, const RowValues &values, mlir::Operation *op);

} // namespace tgc::cpu
