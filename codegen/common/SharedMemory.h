// The dynamic shared memory of one kernel while it is laid out.
#pragma once
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace tgc {

class SharedMemory {
public:
  explicit SharedMemory(mlir::func::FuncOp function) : function(function) {}

  /// A view of that many elements for the whole kernel, its first at a multiple of 16 bytes, made at the
  /// function's start. i1 must come as i8.
  mlir::Value allocate(mlir::Type element, llvm::ArrayRef<int64_t> shape);
  /// That many bytes from the offset that is returned on, a multiple of 16.
  int64_t reserve(int64_t bytes);
  /// A view of reserved bytes.
  mlir::Value view(int64_t offset, mlir::Type element, llvm::ArrayRef<int64_t> shape);
  int64_t bytes() const { return used; }

private:
  mlir::func::FuncOp function;
  mlir::Value base;
  int64_t used = 0;
};

} // namespace tgc
