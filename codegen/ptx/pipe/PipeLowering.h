// What the parts of the pipe's lowering share: values of the tile stage and what they became.
#pragma once
#include "compiler/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace tgc::ptx {

/// Emission of inline PTX and of 32-bit arithmetic.
class PtxBuilder {
public:
  PtxBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  mlir::Value i32(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b) {
    return builder.createOrFold<mlir::arith::AddIOp>(loc, a, b);
  }
  mlir::Value add(mlir::Value a, int64_t b) { return b == 0 ? a : add(a, i32(b)); }
  mlir::Value mul(mlir::Value a, int64_t b) {
    return builder.createOrFold<mlir::arith::MulIOp>(loc, a, i32(b));
  }
  mlir::Value shr(mlir::Value a, int64_t b) {
    return builder.createOrFold<mlir::arith::ShRUIOp>(loc, a, i32(b));
  }
  mlir::Value shl(mlir::Value a, int64_t b) {
    return builder.createOrFold<mlir::arith::ShLIOp>(loc, a, i32(b));
  }
  mlir::Value band(mlir::Value a, int64_t b) {
    return builder.createOrFold<mlir::arith::AndIOp>(loc, a, i32(b));
  }
  mlir::Value bxor(mlir::Value a, mlir::Value b) {
    return builder.createOrFold<mlir::arith::XOrIOp>(loc, a, b);
  }
  mlir::Value bor(mlir::Value a, mlir::Value b) {
    return builder.createOrFold<mlir::arith::OrIOp>(loc, a, b);
  }
  mlir::Value equal(mlir::Value a, int64_t b);
  mlir::Value select(mlir::Value c, mlir::Value a, mlir::Value b) {
    return builder.createOrFold<mlir::arith::SelectOp>(loc, c, a, b);
  }
  mlir::Value toI32(mlir::Value index);
  mlir::Value toIndex(mlir::Value i32);

  /// Inline PTX with side effects; `constraints` as LLVM's.
  llvm::SmallVector<mlir::Value> ptx(llvm::StringRef text, llvm::StringRef constraints,
                                     mlir::ValueRange operands, mlir::TypeRange results = {});
  /// A special register.
  mlir::Value special(llvm::StringRef name);
  void barrier(mlir::Value id, int64_t threads);

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// A tile in shared memory: address of its first element, and the rows of the whole tile that it is part of.
struct SharedPlace {
  mlir::Value address;
  int64_t wholeRows = 0;
  mlir::Value piece; ///< i32, 16 bytes of the row before the first; null: none
};

/// The position of a fill in its ring.
struct Cursor {
  int64_t stages;
  mlir::AffineMap map;                     ///< the fill's number without its constant
  llvm::SmallVector<mlir::Value> operands; ///< of the tile stage
  int64_t constant;
  mlir::Value stage, parity;
};

/// Places in a group's fragment of sums, 64 rows a block: thread (4,8,4):(2@n,1@m,16@m), registers
/// (2,2,n/8,m/64):(1@n,8@m,8@n,64@m). Groups of one warp have blocks of 16 rows.
inline int64_t registerOf(int64_t row, int64_t column, int64_t columns, int64_t blockRows = 64) {
  return row / blockRows * (columns / 2) + column / 8 * 4 + row % blockRows / 8 * 2 + column % 8;
}

class PipeLowering {
public:
  PipeLowering(tile::FuncOp tile, bool matrixStores);
  void run();

private:
  void layOutMemory();
  void lowerBlock(mlir::Block &block);
  void lowerOp(mlir::Operation &op);
  void lowerFor(mlir::scf::ForOp loop);
  void lowerIf(mlir::scf::IfOp branch);
  void lowerRoles(tile::RolesOp roles);
  /// All threads of the block meet, or those of its cluster.
  void meet();

  // Rings: Rings.cpp.
  struct RingState {
    mlir::Value full, empty;              ///< addresses of barriers
    llvm::SmallVector<mlir::Value> parts; ///< addresses of stage 0
    llvm::SmallVector<int64_t> partBytes; ///< from stage to stage
    int64_t stages = 1, fillBytes = 0, cluster = 1;
    bool subgroups = false;
  };
  void lowerRing(tile::RingOp ring);
  Cursor resolve(mlir::Value fill, int64_t stages);
  Cursor cursorAt(mlir::Value ring, mlir::Value fill);
  Cursor advance(Cursor cursor, int64_t by);
  void wait(mlir::Value barrier, mlir::Value parity);
  void lowerFetch(tile::FetchOp fetch);
  void lowerRelease(tile::RingReleaseOp release);
  /// Cursors that a loop carries: one for every fill in its body that moves with the induction variable.
  llvm::SmallVector<Cursor> carriedBy(mlir::scf::ForOp loop);

  // Products: Dots.cpp.
  void lowerDot(tile::DotAsyncOp dot);
  void lowerDotWait(tile::DotWaitOp wait);
  mlir::Value descriptor(const SharedPlace &place, int64_t rowBytes, bool sideInRow);

  // Fragments and stores: Elements.cpp, Slots.cpp.
  void lowerEach(tile::EachOp each);
  void lowerFold(tile::FoldOp fold);
  void lowerFoldJoin(tile::FoldJoinOp join);
  void lowerConvert(tile::ConvertOp convert);
  void lowerLoad(tile::GatherOp load);
  /// A pair of 16 bits in one register.
  mlir::Value pack(mlir::Value low, mlir::Value high, mlir::Type element);
  mlir::Value fold(llvm::StringRef kind, mlir::Value x, mlir::Value y);
  mlir::Value join(llvm::StringRef kind, mlir::Value value);
  /// What a lane of a warp means to stmatrix and ldmatrix.
  struct MatrixLane {
    mlir::Value warp, row, half, next;
  };
  MatrixLane matrixLane();
  void lowerSlotsPut(tile::SlotsPutOp put);
  void lowerSlotsStore(tile::SlotsStoreOp store);

  // Groups that copy for themselves: Groups.cpp, Mma.cpp.
  void lowerGroups(tile::GroupsOp groups);
  void lowerAwait(tile::RingAwaitOp await);
  void lowerAsyncFetch(tile::FetchOp fetch);
  void lowerDotGroup(tile::DotGroupOp dot);
  void lowerGroupLoad(tile::GatherOp load);
  void lowerGroupPut(tile::SlotsPutOp put);
  void lowerGroupStore(tile::SlotsStoreOp store);
  /// 16 bytes of a box in the buffer.
  struct BoxPiece {
    mlir::Value address;
    mlir::Value inside; ///< i1; null: always
    mlir::Value left;   ///< elements from here to the row's end, where it may end inside; null: 16 bytes
  };
  /// Piece `inRow` of row `row` of block memory.
  BoxPiece pieceOf(tile::BoxOp box, mlir::ValueRange coords, mlir::Value row, mlir::Value inRow,
                   std::optional<llvm::ArrayRef<int64_t>> clipped);
  /// Rows of block memory that the box fills; rows of the buffer may be shorter.
  static int64_t rowsOf(tile::BoxOp box);
  mlir::Value pointerOf(mlir::Value buffer);
  mlir::Value sharedPointer(mlir::Value address);
  /// Where a piece of 16 bytes lies in its row.
  mlir::Value swizzled(mlir::Value piece, mlir::Value row, int64_t rowBytes);
  mlir::Value slotAddress(mlir::Value slots, int64_t slot, int64_t offset);

  friend class EachEmitter;

  tile::FuncOp tile;
  mlir::OpBuilder builder;
  PtxBuilder b;
  mlir::func::FuncOp function;
  mlir::IRMapping mapping;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> fragments;
  llvm::DenseMap<mlir::Value, RingState> rings;
  llvm::DenseMap<mlir::Value, mlir::Value> boxes; ///< tensor map arguments
  llvm::DenseMap<mlir::Value, SharedPlace> shared;
  struct SlotsState {
    mlir::Value base; ///< of this group's first slot
    int64_t count = 0;
  };
  llvm::DenseMap<mlir::Value, SlotsState> slots;
  llvm::SmallVector<Cursor> cursors;
  mlir::Value memory;                  ///< aligned start of shared memory, i32
  int64_t used = 0, barriers = 0;      ///< bytes of tiles so far, and where the next barrier goes
  mlir::Value thread, group, consumer; ///< i32; consumer: the group's number among the consumers
  int64_t consumers = 0, consumerThreads = 0;
  int64_t cluster = 1;    ///< blocks that free each other's fills
  bool inGroups = false;  ///< tile.groups, not tile.roles
  int64_t blockRows = 64; ///< of a fragment's registers
  bool matrixStores;      ///< the machine has stmatrix
};

} // namespace tgc::ptx
