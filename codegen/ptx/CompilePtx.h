// Compiles thread-stage MLIR for an NVIDIA GPU into PTX.
#pragma once
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace tgc::ptx {

/// A module's one kernel.
struct PtxKernel {
  std::string name; ///< of the entry: the function's, in PTX's letters
  int64_t threads = 1, sharedBytes = 0, cluster = 1;
  std::string ptx;
};

struct PtxCompileOptions {
  bool verify = false;           ///< the IR after every pass
  std::string *llvmIr = nullptr; ///< where to put the LLVM IR's text before it is cleaned up
};

/// Compiles the one function of `module` that has the attribute `tgc.kernel`, for an architecture such as
/// "sm_90a". The module is not changed. May run on several threads, each with a module of its own. Throws
/// tgc::Error (Internal).
PtxKernel compilePtxModule(mlir::ModuleOp module, const std::string &architecture,
                           const PtxCompileOptions &options = {});

/// The dialects of the thread stage and the ones it is lowered through.
void registerPtxDialects(mlir::DialectRegistry &registry);

} // namespace tgc::ptx
