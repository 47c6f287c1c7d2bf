// Optimises an LLVM module for a CPU target and emits it as an ELF object or assembly text.
#pragma once
#include "codegen/cpu/CpuTarget.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

namespace tgc::cpu {

enum class EmitKind { Object, Assembly };

struct EmitTimes {
  double optimise = 0;
  double codegen = 0;
};

/// Consumes the meaning of `module`: it is optimised in place. Safe on several threads with one LLVMContext
/// each. `contract` allows a multiplication and an addition to become one fused operation anywhere.
llvm::Expected<llvm::SmallVector<char, 0>> emitObject(llvm::Module &module, const CpuTarget &target,
                                                      bool contract, EmitKind kind,
                                                      EmitTimes *times = nullptr);

} // namespace tgc::cpu
