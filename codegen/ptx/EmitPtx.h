// LLVM IR to PTX.
#pragma once
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include <string>

namespace tgc::ptx {

/// Cleans the module up and emits it for an architecture such as "sm_90a".
llvm::Expected<std::string> emitPtx(llvm::Module &module, const std::string &architecture);

} // namespace tgc::ptx
