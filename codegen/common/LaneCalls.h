// Slow paths of vector code: calls for single lanes, and the functions they call.
#pragma once
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

namespace tgc {

/// Emits code for one lane: scalars in, scalars out.
using LaneCode =
    llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

/// `current`, with the lanes where `condition` holds replaced by what `lane` makes of those lanes of
/// `operands`. One branch is taken if no lane has it. All may be scalars, or vectors of one shape.
llvm::SmallVector<mlir::Value> replaceLanes(mlir::OpBuilder &builder, mlir::Location loc,
                                            mlir::Value condition, mlir::ValueRange operands,
                                            mlir::ValueRange current, LaneCode lane);

/// What `lane` makes of every lane of `operands`; the result has the shape of `like`.
mlir::Value mapLanes(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange operands, mlir::Type like,
                     LaneCode lane);

/// Calls the C function `name` on scalars; the result has the first argument's type.
mlir::Value callImport(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
                       mlir::ValueRange arguments);

/// Calls a function of this module that is defined once, by `body`, and never inlined: for rare paths.
llvm::SmallVector<mlir::Value> callShared(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
                                          mlir::ValueRange arguments, mlir::TypeRange results, LaneCode body);

} // namespace tgc
