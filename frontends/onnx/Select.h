// Selection of elements by constant indices: as views and pieces where the indices have a form, else as
// gathers.
#pragma once
#include "frontends/onnx/NodeContext.h"

namespace tgc::onnx {

/// result[…, i, …] = v[…, indices[i], …] along `axis`. Every index is in range (internal error else).
mlir::Value selectAlong(TensorBuilder &b, mlir::Value v, int64_t axis, llvm::ArrayRef<int64_t> indices);

/// The same for indices of any shape, whose dimensions take the place of `axis`.
mlir::Value selectAlong(TensorBuilder &b, mlir::Value v, int64_t axis, llvm::ArrayRef<int64_t> indices,
                        llvm::ArrayRef<int64_t> shape);

/// Unsupported for a table of constants that is too large to be made.
void requireTable(int64_t elements);

/// Indices counted from the end made non-negative; BadInput for those out of range.
std::vector<int64_t> wrapIndices(llvm::ArrayRef<int64_t> indices, int64_t extent);
/// The same for indices known only at run time, which stay out of range if they are.
mlir::Value wrapIndices(TensorBuilder &b, mlir::Value indices, int64_t extent);

/// An i64 constant with these elements.
mlir::Value indexConstant(TensorBuilder &b, llvm::ArrayRef<int64_t> values, llvm::ArrayRef<int64_t> shape);

} // namespace tgc::onnx
