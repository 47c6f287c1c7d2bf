// The kernel dialect's operations: kernels over named axes and the program that launches them.
#pragma once
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SmallBitVector.h"

#include "compiler/kernel/KernelDialect.h.inc"
#include "compiler/kernel/KernelEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/kernel/KernelAttrs.h.inc"
#define GET_OP_CLASSES
#include "compiler/kernel/Kernel.h.inc"

namespace tgc::kernel {

/// A condition that always holds: a set over `dims` dimensions with the one constraint 0 == 0, which is how
/// MLIR spells a set without constraints.
mlir::IntegerSet alwaysTrue(mlir::MLIRContext *context, unsigned dims);
bool isAlwaysTrue(mlir::IntegerSet set);

/// Axes that an operation of a kernel's body reduces over; empty for all others.
mlir::OperandRange reducedAxes(mlir::Operation *op);

/// For every value of a kernel the set of axes it depends on, as a bit mask over the kernel's axes.
class AxisSets {
public:
  explicit AxisSets(FuncOp func);
  llvm::SmallBitVector of(mlir::Value value) const;
  /// Axes over which a store runs: those of its value, map and condition.
  llvm::SmallBitVector of(StoreOp store) const;

private:
  FuncOp func_;
  llvm::DenseMap<mlir::Value, llvm::SmallBitVector> sets_;
};

} // namespace tgc::kernel
