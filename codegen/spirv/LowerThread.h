// Lowers thread-stage MLIR to the SPIR-V dialect.
#pragma once
#include "codegen/common/MathBuilder.h"
#include "mlir/Pass/PassManager.h"
#include <vector>

namespace tgc::spv {

/// What a kernel may use beyond OpenCL's core.
struct Features {
  int64_t subgroup = 16; ///< threads of a subgroup, as every kernel requires
  bool brain = true;     ///< f32 → bf16 is one instruction (SPV_INTEL_bfloat16_conversion)
};

/// The passes in order, from the thread stage to one spirv.module beside what is left of the functions.
void buildSpirvLowering(mlir::OpPassManager &passes, const Features &features);

/// Comparisons of indices have no negative terms.
std::unique_ptr<mlir::Pass> createBalanceComparisonsPass();
/// Products that a sum marked `contract` takes become fused multiply-adds; nothing else may become one.
std::unique_ptr<mlir::Pass> createFuseMultiplyAddPass();
/// Forbids the device's compiler to unroll the module's loops.
void keepLoops(std::vector<uint32_t> &words);
/// All that is left becomes the SPIR-V dialect.
std::unique_ptr<mlir::Pass> createConvertToSpirvPass(const Features &features);

} // namespace tgc::spv
