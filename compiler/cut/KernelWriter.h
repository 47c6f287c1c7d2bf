// Writes a cluster as a kernel.func: values pulled through index expressions down to loads.
#pragma once
#include "compiler/cut/Plan.h"
#include "compiler/kernel/Kernel.h"

namespace tgc::cut {

/// A kernel and, in the order of its buffers, the graph values they hold.
struct WrittenKernel {
  kernel::FuncOp function;
  llvm::SmallVector<mlir::Value> values;
};

/// Writes `cluster` at the builder's insertion point. Buffer types are those of `bufferType`.
WrittenKernel writeKernel(mlir::OpBuilder &builder, Plan &plan, const Cluster &cluster, llvm::StringRef name,
                          llvm::function_ref<mlir::MemRefType(mlir::Value)> bufferType);

/// The nodes that a cluster computes, as one location.
mlir::Location locationOf(const Cluster &cluster, mlir::MLIRContext *context);

} // namespace tgc::cut
