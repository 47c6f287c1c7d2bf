// A program's side of a kernel: its launches, and buffers seen in other shapes.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace tgc::kernel {

/// All launches in a module by the kernel they name.
llvm::StringMap<llvm::SmallVector<LaunchOp>> launchesByKernel(mlir::ModuleOp module);

/// A memref type of the given layout, without one where it is plain row-major.
mlir::MemRefType stridedType(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> strides, int64_t offset,
                             mlir::Type element);

/// The buffer behind `buffer` seen as `type`: itself, or a memref.reinterpret_cast of what it was cast from.
mlir::Value castBuffer(mlir::OpBuilder &builder, mlir::Value buffer, mlir::MemRefType type);

/// Gives buffer arguments other types, in the kernel and at its launches.
void setBufferTypes(FuncOp func, llvm::ArrayRef<mlir::MemRefType> types, llvm::ArrayRef<LaunchOp> launches);

/// Operand i becomes what was operand order[i].
void reorderLaunch(LaunchOp launch, llvm::ArrayRef<unsigned> order);
/// Buffer argument i becomes what was argument order[i]; arguments that `order` leaves out must be unused.
void reorderBuffers(FuncOp func, llvm::ArrayRef<unsigned> order, llvm::ArrayRef<LaunchOp> launches);

/// Moves the definition of a program's buffer, and what it is made of, before `place` unless they stand there.
void defineBefore(mlir::Value buffer, mlir::Operation *place);

/// The buffer that a launch's operand is (a part of).
mlir::Value baseOf(mlir::Value buffer);

/// Removes casts that nothing uses.
void eraseUnusedCasts(mlir::ModuleOp module);

} // namespace tgc::kernel
