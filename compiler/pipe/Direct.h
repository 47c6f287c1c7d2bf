// What programs share whose groups read operands straight into registers.
#pragma once
#include "compiler/pipe/Registers.h"
#include "compiler/pipe/Roles.h"

namespace tgc::pipe {

class DirectProgram : protected RolesProgram {
protected:
  using RolesProgram::RolesProgram;

  /// One operand of a product.
  struct Operand {
    const OperandPlan *plan = nullptr;
    const Side *side = nullptr, *depth = nullptr;
    mlir::Value value; ///< the kernel's
    bool left = false;
    llvm::SmallVector<mlir::Value> boxes;
    mlir::Value prefetchBox;
  };
  Operand operandOf(mlir::Value value, const OperandPlan &plan, const Side &side, const Side &depth,
                    bool left);

  /// Starts the groups and gives the number of this one; the builder stands in their body.
  mlir::Value startGroups();
  /// The fragment of `points` of the side from `first` (null: 0) × `deep` of the depth, at the program's present
  /// coordinates.
  mlir::Value read(const Operand &operand, mlir::Value first, int64_t points, int64_t deep);
  /// Group `number`'s messages for the cache about the block's tile at the program's present coordinates.
  void prefetch(const Operand &operand, mlir::Value number);

private:
  mlir::Value readBlocks(const Operand &operand, tile::FragmentType type, mlir::Value first);
  mlir::Value readElements(const Operand &operand, tile::FragmentType type, mlir::Value first);
  /// Dimensions beside a block's rows and columns that the box may leave wherever the block and the group stand.
  mlir::DenseI64ArrayAttr clippedOf(const BoxPlan &box);
};

} // namespace tgc::pipe
