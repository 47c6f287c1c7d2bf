// Compiles thread-stage MLIR for a CPU into an image of native code.
#pragma once
#include "codegen/cpu/CpuImage.h"
#include "codegen/cpu/CpuTarget.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace tgc::cpu {

struct CpuCompileOptions {
  /// Let multiplications and additions that the IR keeps apart become fused ones. Off: `math.fma` and
  /// `vector.fma` alone are fused, so that a*b - c*d of equal products is exactly zero.
  bool contract = false;
  /// Verify the IR after every pass.
  bool verify = false;
  /// Print the LLVM IR and assembly into `CpuCompileReport`.
  bool keepText = false;
};

/// What a compilation took, in seconds of the thread's processor time, and (with `keepText`) what it looked
/// like.
struct CpuCompileReport {
  double lower = 0, translate = 0, optimise = 0, codegen = 0, link = 0;
  std::string llvmIr, assembly;
};

/// Compiles the functions of `module` that have the attribute `tgc.kernel`. The module is not changed. May
/// run on several threads, also with modules of one context, which must have the dialects of
/// registerCpuDialects loaded before. Throws tgc::Error, always of the internal kind (the
/// input violates the form of the thread stage, or uses an op without lowering); MLIR's diagnostics go to the
/// context's handlers and their text is in the error.
CpuImage compileCpuModule(mlir::ModuleOp module, const CpuTarget &target,
                          const CpuCompileOptions &options = {}, CpuCompileReport *report = nullptr);

/// The dialects of the thread stage and the ones it is lowered through.
void registerCpuDialects(mlir::DialectRegistry &registry);

} // namespace tgc::cpu
