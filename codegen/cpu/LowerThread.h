// Lowers thread-stage MLIR to the LLVM dialect.
#pragma once
#include "codegen/cpu/CpuTarget.h"
#include "mlir/Pass/PassManager.h"

namespace tgc::cpu {

/// The CPU's passes in order, from the thread stage to the LLVM dialect.
void buildCpuLowering(mlir::OpPassManager &passes, const CpuTarget &target);

/// Transfers, contractions, masks and reductions over dimensions become loads, stores and element-wise work.
std::unique_ptr<mlir::Pass> createLowerVectorsPass(const CpuTarget &target);
/// Vectors of rank 2 and more become lists of vectors of rank 1.
std::unique_ptr<mlir::Pass> createUnrollVectorsPass();
/// Integer divisions do not trap, whatever lanes outside a mask hold.
std::unique_ptr<mlir::Pass> createSafeDivisionPass();
/// Kernels take (buffers, scratch, begin, end).
std::unique_ptr<mlir::Pass> createEntryAbiPass();
/// All that is left becomes the LLVM dialect.
std::unique_ptr<mlir::Pass> createConvertToLlvmPass(const CpuTarget &target);

} // namespace tgc::cpu
