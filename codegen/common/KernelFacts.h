// What GPU targets ask of a thread-stage kernel.
#pragma once
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace tgc {

/// Bits of an index that reaches every byte of the buffers of the module's functions: 32 or 64.
unsigned indexBits(mlir::ModuleOp module);

/// A kernel's name in letters, digits and underscores, the first no digit.
std::string entryName(llvm::StringRef name);

} // namespace tgc
