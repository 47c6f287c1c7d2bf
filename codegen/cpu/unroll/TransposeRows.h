// Transposition of a matrix whose rows are vectors, in registers.
#pragma once
#include "codegen/cpu/unroll/RowValues.h"

namespace tgc::cpu {

/// `width` vectors of as many elements as there are `rows`, which have `width` elements each.
Rows transposeRows(mlir::OpBuilder &builder, mlir::Location loc, Rows rows, int64_t width);

} // namespace tgc::cpu
