// Small random graphs of everything the cutter has to place: views, pieces, element-wise chains, reductions,
// contractions, attention, gathers.
#pragma once
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace tgc::test {

/// A module whose @main takes and gives f32 tensors of a few hundred elements; equal for equal seeds.
mlir::OwningOpRef<mlir::ModuleOp> randomGraph(mlir::MLIRContext &context, uint64_t seed);

} // namespace tgc::test
