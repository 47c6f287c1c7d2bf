// Packs weights as plans ask: the kernel reads the packed buffer, a new kernel makes it.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "search/Plan.h"
#include "mlir/IR/BuiltinOps.h"

namespace tgc {

/// Applies every PackPlan of `plan` to `kernel`: its argument becomes the packed buffer [batch…][panel][depth]
/// [column], and every launch of it in the module's program gets a prepared buffer that a prepare launch fills
/// (one for launches that share the weight). Gives the kernels that were made, which stand behind `kernel`; one
/// that the module already has is used again. `info` describes the kernel before.
llvm::SmallVector<kernel::FuncOp> packWeights(mlir::ModuleOp module, kernel::FuncOp kernel,
                                              const KernelInfo &info, const Plan &plan);

} // namespace tgc
