// What programs with roles share: the walk over a block's tiles, fetches and slots.
#pragma once
#include "compiler/pipe/Program.h"

namespace tgc::pipe {

class RolesProgram {
protected:
  explicit RolesProgram(Program &program)
      : program(program), plan(program.plan), roles(*program.plan.roles), builder(program.builder),
        loc(program.loc) {}

  /// The block's tiles: number `first`, then each `step`-th; `body` gets the number.
  void forTiles(mlir::Value first, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  mlir::Value countOfTiles();
  /// The side's axes at the first coordinates of its tile of that number, last axis fastest; null: at 0.
  void toTile(const Side &side, mlir::Value number);
  /// The fetches of an operand's tile, `shift` from the block's first coordinates.
  void fetch(const OperandPlan &operand, llvm::ArrayRef<mlir::Value> boxes, mlir::Value ring,
             mlir::Value fill, int64_t part, llvm::ArrayRef<std::pair<int, int64_t>> shift = {});
  /// Dimensions of the buffer that the box, `shift` from a block's first coordinates, may leave.
  llvm::SmallVector<int64_t> clippedDims(const BoxPlan &box, llvm::ArrayRef<std::pair<int, int64_t>> shift);
  mlir::Value makeSlots();
  /// Makes the boxes of the plan's stores, for the epilogue.
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> boxesOfStores();
  /// An operand's tile in block memory.
  tile::SharedType sharedOf(const OperandPlan &operand);
  /// A group's `points` from `first` (null: 0) of the operand's tile in the fill, as far as a step's depth.
  mlir::Value partOf(const OperandPlan &operand, mlir::Value ring, mlir::Value fill, int64_t number,
                     mlir::Value first, int64_t points);

  Program &program;
  const PipePlan &plan;
  const RolesPlan &roles;
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

} // namespace tgc::pipe
