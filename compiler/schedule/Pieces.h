// Kernels that take another's place: what every rewrite that takes a kernel apart needs.
#pragma once
#include "compiler/kernel/Kernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "search/KernelInfo.h"

namespace tgc {

/// A new kernel and where its buffers come from.
struct Piece {
  kernel::FuncOp func;
  llvm::SmallVector<int> buffers; ///< position among the kernel's buffers, or ~position among the workspaces
  bool prepare = false;           ///< depends on weights alone: launched once
};

/// Stores a value into a workspace (a buffer of one dimension) at a place over all axes of the piece.
void storeAt(mlir::OpBuilder &inside, Piece &piece, mlir::Value value, int workspace, mlir::MemRefType type,
             mlir::AffineExpr place);
/// The element there. `free`: the workspace is a weight whose order the schedule may choose.
mlir::Value loadAt(mlir::OpBuilder &inside, Piece &piece, int workspace, mlir::MemRefType type,
                   mlir::AffineExpr place, mlir::Location loc, bool free = false);

/// Axes that lie farthest apart in what the access touches first.
void sortByStride(std::vector<int> &axes, const Access &access, const KernelInfo &info);

/// Drops what the piece does not use, merges axes that stand side by side in all its indices, so that lanes run
/// across both, and gives it canonical names, by which tuning records know them.
void finishPiece(Piece &piece);

/// Replaces every launch of `kernel` by launches of the pieces in order, with workspaces of its own; erases
/// `kernel`. Pieces to prepare are launched with the module's other ones, once for launches on the same weights.
/// Gives the pieces' kernels.
llvm::SmallVector<kernel::FuncOp> launchPieces(mlir::ModuleOp module, kernel::FuncOp kernel,
                                               llvm::ArrayRef<Piece> pieces,
                                               llvm::ArrayRef<mlir::MemRefType> workspaces);

} // namespace tgc
