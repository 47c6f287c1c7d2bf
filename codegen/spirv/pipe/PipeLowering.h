// The state of one lowering (LowerPipe.cpp), and what its files share.
#pragma once
#include "codegen/spirv/pipe/LowerPipe.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include <map>
#include <memory>

namespace tgc::spv {

/// Rows of the matrix instruction, and the depth of one: 32 bytes.
constexpr int64_t atomRows = 8;
inline int64_t atomDepthOf(tile::FragmentType type) {
  return 256 / type.getElementType().getIntOrFloatBitWidth();
}

/// Where a block's rows begin in memory, and which of them: what the block functions take.
struct Surface {
  mlir::Value base, width, height, pitch; ///< bytes, rows, bytes between rows
  mlir::Value x, y;                       ///< of the block's first element
};

class PipeLowering;

/// An operand's fragment that comes piece by piece, each when a register of it is asked for first.
class OperandReader {
public:
  virtual ~OperandReader() = default;
  /// The register of rows (left) or columns (right) number `point` and step `step`.
  virtual mlir::Value get(int64_t point, int64_t step) = 0;
  /// Steps and columns whose registers come at once.
  virtual int64_t stepsAtOnce() { return 1; }
  virtual int64_t columnsAtOnce() { return 1; }
};

/// A fragment that lies in one of several pieces of memory: the first whose condition holds, or the last. A piece without a
/// read is 0.
struct PieceReads {
  llvm::SmallVector<tile::BlockReadOp> reads;
  llvm::SmallVector<mlir::Value> conditions; ///< in the thread's program; one fewer
};

/// Reads it block by block.
class BlockReader : public OperandReader {
public:
  BlockReader(PipeLowering &lowering, PieceReads pieces);
  mlir::Value get(int64_t point, int64_t step) override;
  int64_t stepsAtOnce() override;
  int64_t columnsAtOnce() override;

  llvm::SmallVector<mlir::Value> registers;
  int64_t points, depth, atomDepth;

private:
  mlir::Value &at(int64_t point, int64_t step);
  const Surface &surface(int64_t row);
  int64_t rowsFrom(int64_t row, int64_t all) const;

  PipeLowering &lowering;
  PieceReads pieces;
  tile::BlockReadOp read; ///< the last one that reads
  tile::BoxOp box;
  bool left = false;
  int64_t bytes;           ///< of an element
  int64_t together, width; ///< rows that are neighbours in memory
  std::map<int64_t, Surface> surfaces;
};

class PipeLowering {
public:
  explicit PipeLowering(tile::FuncOp tile);
  void run();

private:
  friend class EachEmitter;
  friend class BlockReader;

  void lowerBlock(mlir::Block &block);
  void lowerOp(mlir::Operation &op);
  void lowerFor(mlir::scf::ForOp loop);
  void lowerIf(mlir::scf::IfOp branch);
  /// A choice between reads of pieces that are alike: one read of a place that is chosen. Whether it is one.
  bool lowerPieces(mlir::scf::IfOp branch);
  /// Values of the thread in the place of a value of the block: a fragment's registers, else one.
  llvm::SmallVector<mlir::Value> flat(mlir::Value value);
  void bind(mlir::Value value, mlir::ValueRange parts);
  void bindAll(mlir::ValueRange values, llvm::ArrayRef<size_t> counts, mlir::ValueRange parts);

  // Blocks of memory.
  /// Of the box at these coordinates, `down` of its points further along the dimensions that rows go through.
  Surface surfaceOf(tile::BoxOp box, mlir::ValueRange coords, std::optional<llvm::ArrayRef<int64_t>> clipped,
                    int64_t down);
  /// The buffer's memory in bytes, and what lies `bytes` behind a place there.
  mlir::Value pointerTo(mlir::Value memref);
  mlir::Value behind(mlir::Value pointer, mlir::Value bytes);
  void lowerRead(mlir::Value fragment, PieceReads pieces);
  /// Whether a fragment of so many registers is read where its one product takes them: all of a large one at once are more
  /// than there are registers for.
  static bool readsLate(mlir::Value fragment, size_t registers);
  void lowerPrefetch(tile::BlockPrefetchOp prefetch);
  void lowerWrite(tile::BlockWriteOp write);
  /// Calls the function of blocks of that kind; `data` may be null.
  void callBlock(llvm::StringRef kind, int64_t bits, int64_t rows, int64_t columns, int64_t blocks,
                 const Surface &surface, int64_t right, int64_t down, mlir::Value data);
  /// `count` elements of the thread's own memory, a multiple of 4, reached as vectors of 4.
  mlir::Value variable(int64_t count, mlir::Type element);
  mlir::Value elementOf(mlir::Value variable);
  /// The vector of `count` components, 4 or 8, that is number `number` of the variable.
  mlir::Value loadVector(mlir::Value variable, int64_t number, int64_t count = 8);
  void storeEight(mlir::Value variable, mlir::Value eight);

  // Products and elements.
  void lowerDot(tile::DotGroupOp dot);
  void lowerEach(tile::EachOp each);
  void lowerFold(tile::FoldOp fold);
  void lowerFoldJoin(tile::FoldJoinOp join);
  void lowerConvert(tile::ConvertOp convert);
  /// Values of `width` rows, one a component of what every lane has: lane r gets the fold of row r over all lanes.
  mlir::Value transposeFold(llvm::StringRef kind, llvm::SmallVector<mlir::Value> rows);
  mlir::Value fold(llvm::StringRef kind, mlir::Value x, mlir::Value y);
  /// Whether that bit of the lane's number is set.
  mlir::Value laneBit(int64_t bit);
  /// The first column of sums as rows, one a lane.
  llvm::SmallVector<mlir::Value> firstColumn(llvm::ArrayRef<mlir::Value> registers, int64_t columns);
  /// Every lane's shares, 8 rows a register, to a value a row.
  llvm::SmallVector<mlir::Value> joinShares(llvm::StringRef kind, llvm::ArrayRef<mlir::Value> shares);
  /// What lane `from` has.
  mlir::Value broadcast(mlir::Value value, int64_t from);

  /// A call of a function of the device's compiler, which is declared as an import.
  mlir::Value call(llvm::StringRef name, mlir::ValueRange operands, mlir::Type result = {});
  mlir::Value i32(int64_t value);
  mlir::Value toI32(mlir::Value index);
  mlir::Value vectorOf(mlir::ValueRange scalars);
  mlir::Value component(mlir::Value vector, int64_t number);

  tile::FuncOp tile;
  mlir::OpBuilder builder;
  mlir::Location loc;
  mlir::ModuleOp module;
  mlir::func::FuncOp function;
  mlir::IRMapping mapping;
  /// Registers of fragments. Sums: vectors of 8 rows, the column is the lane's; [row / 8][column / width]. Operands as
  /// the instruction takes them, bits of integers: [row / 8 or column / width][depth / the atom's]. Rows: scalars, lane r has row r, [row / width];
  /// or vectors of 8 rows of which every lane has its own share, [row / 8].
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> fragments;
  llvm::DenseMap<mlir::Value, std::unique_ptr<OperandReader>>
      readers;                                   ///< of fragments that are read where they are used
  int64_t width = 16;                            ///< threads of a subgroup
  mlir::Value lane;                              ///< index
  llvm::DenseMap<int64_t, mlir::Value> laneBits; ///< whether a bit of the lane's number is set
};

} // namespace tgc::spv
