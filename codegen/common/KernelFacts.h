// What GPU targets ask of a thread-stage kernel.
#pragma once
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace tgc {

/// A kernel of the thread stage: the function with the attribute tgc.kernel, and what its other attributes say.
struct ThreadKernel {
  mlir::func::FuncOp function;
  int64_t threads = 1, sharedBytes = 0; ///< of a block
};

/// The module's one kernel. Throws tgc::Error (Internal), which begins with `where`, if it has none or several.
ThreadKernel onlyKernel(mlir::ModuleOp module, llvm::StringRef where);

/// Bits of an index that reaches every byte of the buffers of the module's functions: 32 or 64.
unsigned indexBits(mlir::ModuleOp module);

/// A kernel's name in letters, digits and underscores, the first no digit.
std::string entryName(llvm::StringRef name);

} // namespace tgc
