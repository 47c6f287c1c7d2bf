// Lowers thread-stage MLIR to the LLVM and NVVM dialects.
#pragma once
#include "mlir/Pass/PassManager.h"

namespace tgc::ptx {

/// The passes in order, from the thread stage to the LLVM dialect.
void buildPtxLowering(mlir::OpPassManager &passes);

/// Functions and divisions whose results go straight to a 16-bit type take the GPU's approximations.
std::unique_ptr<mlir::Pass> createApproximateNarrowPass();
/// Elements of wide loads in bf16 become f32 by one operation on 32 bits.
std::unique_ptr<mlir::Pass> createWidenPairsPass();
/// All that is left becomes the LLVM dialect; kernels become entries that take bare pointers.
std::unique_ptr<mlir::Pass> createConvertToLlvmPass();

} // namespace tgc::ptx
