// Emits the body of a tile.each at one place of a fragment after another.
#pragma once
#include "compiler/tile/Tile.h"
#include "mlir/IR/IRMapping.h"

namespace tgc {

/// What depends on the row only, or on the column only, is emitted once for it; what depends on neither once. A target says
/// what a thread's row and column are, and which operations it has something of its own for.
class BodyEmitter {
protected:
  /// How far from the thread's own row and column.
  struct At {
    int64_t row, column;
  };
  enum Uses { None = 0, Row = 1, Column = 2 };

  /// `outside` maps what the body reads that is not its own.
  BodyEmitter(mlir::OpBuilder &builder, const mlir::IRMapping &outside, tile::EachOp each);
  virtual ~BodyEmitter() = default;

  /// Before anything is emitted.
  void findUses();
  /// Emits the body at this place; what it yields, or null.
  mlir::Value emit(At at);
  /// A value of the body, or of outside, at this place.
  mlir::Value lookup(mlir::Value value, At at);
  int usesOf(mlir::Value value) const { return uses.lookup(value); }

  virtual mlir::Value coordinate(bool isColumn, At at) = 0;
  /// The result of an operation that is not cloned, among them every tile.element; null for others.
  virtual mlir::Value special(mlir::Operation &op, At at) = 0;

  tile::EachOp each;
  mlir::Value rowArgument, columnArgument; ///< the second is null where a fragment has rows alone

private:
  using Key = std::pair<int64_t, int64_t>;
  static Key keyOf(int use, At at) { return {use & Row ? at.row : -1, use & Column ? at.column : -1}; }
  void findUses(mlir::Operation &op);
  void emit(mlir::Operation &op, At at);

  mlir::OpBuilder &bodyBuilder;
  const mlir::IRMapping &outside;
  llvm::DenseMap<mlir::Value, int> uses;
  llvm::DenseMap<mlir::Operation *, int> operationUses;
  llvm::DenseMap<mlir::Value, llvm::DenseMap<Key, mlir::Value>> known;
};

} // namespace tgc
