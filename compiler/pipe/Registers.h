// The epilogue over sums in registers: what the kernel stores, at every element that a thread holds.
#pragma once
#include "compiler/pipe/Program.h"

namespace tgc::pipe {

/// A fragment of sums: its elements are points of the sides `rows` and `columns`, its first row is the side's row
/// `firstRow` (null: 0).
struct Sums {
  mlir::Value fragment, firstRow;
  mlir::Value factor; ///< a fragment of rows that the sums are still to be multiplied with; null: none
  mlir::Value firstColumn = {}; ///< as firstRow, of the columns
};

class RegisterEpilogue {
public:
  /// `result` is the kernel's value that the sums hold, over plan.m and `columns`. `boxes[i]` are the boxes of
  /// plan.stores[i].
  RegisterEpilogue(Program &program, mlir::Value result, const Side &columns,
                   llvm::ArrayRef<llvm::SmallVector<mlir::Value>> boxes, mlir::Value slots);

  /// Runs every store of the kernel over the sums, for a block at the program's present coordinates.
  void emit(const Sums &sums);

  /// A value of the kernel over all elements of the sums, as a fragment like theirs.
  mlir::Value compute(const Sums &sums, mlir::Value value);

  /// Boxes of a plan as values; before the roles, since they do not depend on the block.
  static llvm::SmallVector<mlir::Value> boxesOf(Program &program, llvm::ArrayRef<BoxPlan> boxes);
  /// Coordinates of a box whose first point is `relative` (one an axis) from the block's.
  static llvm::SmallVector<mlir::Value> coordsOf(Program &program, const BoxPlan &box,
                                                 llvm::ArrayRef<mlir::OpFoldResult> relative);

  /// The digits of a point of the side, numbered from `first` on.
  static void digits(Program &program, const Side &side, mlir::OpFoldResult point, mlir::OpFoldResult first,
                     llvm::SmallVectorImpl<mlir::OpFoldResult> &relative);

private:
  void staged(kernel::StoreOp store, const StorePlan &plan, llvm::ArrayRef<mlir::Value> boxes,
              const Sums &sums);
  void direct(kernel::StoreOp store, const StorePlan &plan, const Sums &sums);
  /// For a store with a condition: whether any of the tile is stored.
  mlir::Value reaches(const Access &access);
  /// Stores that do not depend on an axis of the grid belong to the axis's first block.
  mlir::Value isFirst(const Access &access);

  /// Runs `body` for the pieces' elements; it gives what the elements of a new fragment are, or null.
  mlir::Value each(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> origin, const Sums &sums,
                   const Access &access, mlir::Type element,
                   llvm::function_ref<mlir::Value(PointEmitter &, mlir::Value inside)> body);
  void digits(const Side &side, mlir::OpFoldResult point, mlir::OpFoldResult first,
              llvm::SmallVectorImpl<mlir::OpFoldResult> &relative) {
    digits(program, side, point, first, relative);
  }
  int64_t lanes(bool direct, const Access &access) const;
  int innermost() const;

  Program &program;
  const PipePlan &plan;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::Value result;
  const Side &columns;
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> boxes;
  mlir::Value slots;
  int64_t nextSlot = 0;
};

} // namespace tgc::pipe
