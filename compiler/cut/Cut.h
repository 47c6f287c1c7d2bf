// The cutter: @main in the graph stage becomes kernels and the program that launches them.
#pragma once
#include "compiler/cut/Choices.h"
#include "compiler/cut/Passes.h"
#include "mlir/IR/BuiltinOps.h"

namespace tgc::cut {

/// Replaces @main of `module` by kernel.func's and kernel.program @main. Inputs and outputs keep the model's
/// names (graph.name). Errors: BadInput if there is no @main.
void cut(mlir::ModuleOp module, Choices &choices);

} // namespace tgc::cut
