// Maps and conditions of a kernel's operations over all of its axes at once, and changes of the axes
// themselves.
#pragma once
#include "compiler/kernel/Kernel.h"

namespace tgc::kernel {

/// The maps and conditions of one operation; dimension i is axis i of the kernel.
struct Access {
  llvm::SmallVector<mlir::AffineMap, 1> maps;
  llvm::SmallVector<mlir::IntegerSet, 1> conditions;
  bool operator==(const Access &) const = default;
};

/// Whether the operation has maps or conditions: load, gather, store, coord, test, remap.
bool hasAccess(mlir::Operation *op);
Access accessOf(FuncOp func, mlir::Operation *op);
/// The operation names the axes that the access uses, in the kernel's order.
void setAccess(FuncOp func, mlir::Operation *op, const Access &access);

/// Gives a load whose index can no longer be seen to stay inside its buffer an else value.
void guardIfNeeded(FuncOp func, LoadOp load);

/// Every expression of an access replaced.
Access mapExprs(const Access &access, unsigned dims,
                llvm::function_ref<mlir::AffineExpr(mlir::AffineExpr)> change);

/// Removes pieces of a load or gives it others.
LoadOp replacePieces(LoadOp load, llvm::ArrayRef<mlir::Value> buffers, const Access &access,
                     mlir::TypedAttr fill);

/// New axes for a kernel. oldAsNew[i] is old axis i over the new axes, newAsOld[j] the other way round.
struct AxisChange {
  llvm::SmallVector<std::string> names;
  llvm::SmallVector<int64_t> extents;
  llvm::SmallVector<mlir::AffineExpr> oldAsNew, newAsOld;
};

/// Whether every remap of the kernel can be said in the new axes, one after another.
bool remapsSurvive(FuncOp func, const AxisChange &change);
/// Rewrites the kernel in the new axes; expressions come out in normal form.
void changeAxes(FuncOp func, const AxisChange &change);

/// A name for an axis that the kernel does not have yet.
std::string freshAxisName(FuncOp func, llvm::StringRef base);

/// Values that depend on a contract or a reduction.
llvm::DenseSet<mlir::Value> reducedValues(FuncOp func);

} // namespace tgc::kernel
