// LLVM's passes over the functions of a module.
#pragma once
#include "llvm/IR/PassManager.h"

namespace llvm {
class TargetMachine;
}

namespace tgc {

/// Runs `passes` over every function that has a body, with the analyses that know the machine.
void runFunctionPasses(llvm::Module &module, llvm::TargetMachine &machine, llvm::FunctionPassManager passes);

} // namespace tgc
