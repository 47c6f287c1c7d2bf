// The plan of the pipe generator: tiles, operands' ways on chip, and the walk of contract and attend programs.
#pragma once
#include "search/KernelInfo.h"

namespace tgc {

struct TiledAxis {
  int axis = 0;
  int64_t extent = 1, tile = 1;
  int64_t tiles() const { return (extent + tile - 1) / tile; }
  bool ragged() const { return extent % tile != 0; }
};

/// One side of the atom's product: its axes, outermost first; the side's extent in a block is the product of
/// their tiles, and a place in it their mixed-radix number.
struct Side {
  std::vector<TiledAxis> axes;
  int64_t extent() const {
    int64_t product = 1;
    for (const TiledAxis &axis : axes)
      product *= axis.tile;
    return product;
  }
  int64_t tiles() const {
    int64_t product = 1;
    for (const TiledAxis &axis : axes)
      product *= axis.tiles();
    return product;
  }
  const TiledAxis *find(int axis) const {
    for (const TiledAxis &tiled : axes)
      if (tiled.axis == axis)
        return &tiled;
    return nullptr;
  }
};

/// A buffer as a copy engine sees it: dimensions outermost first, the last one contiguous. What lies outside of the
/// sizes is read as 0 and not written.
struct BoxPlan {
  int buffer = 0;
  int64_t offset = 0;                  ///< elements before the first
  std::vector<int64_t> sizes, strides; ///< strides in elements
  std::vector<int64_t> box, steps;     ///< points of a box, and their distance
  int64_t swizzle = 0;                 ///< bytes of a row in block memory
  std::vector<LinearIndex> coords;     ///< of a box, over the axes of its first point
};

/// One box of an operand's tile or of a store.
struct BoxUse {
  int box = 0;                                ///< position among the boxes
  std::vector<std::pair<int, int64_t>> shift; ///< axes' coordinates beyond the block's first
  int64_t bytes = 0;                          ///< where it begins in its place
};

/// One of the places that a tile (direct: a fragment) of an operand comes from, all of it: the first whose conditions hold at
/// its first point, or it is 0.
struct ChoicePlan {
  std::vector<Condition> conditions;
  std::vector<BoxUse> fetches; ///< as OperandPlan::fetches; none: it is 0
};

/// Messages that ask the cache for a block's tile of an operand, dealt out to its groups: rows × columns of
/// elements each, `down` × `across` of them; a group has every consumers-th, `rounds` in all.
struct PrefetchPlan {
  BoxPlan box;
  int64_t rows = 0, columns = 0;
  int64_t down = 1, across = 1, rounds = 1;
};

/// How one operand's tile reaches the atom.
struct OperandPlan {
  /// plain: read in place, or (direct) element by element into registers, with conversions and conditions; pack: so
  /// copied into block memory; packed: `prepare` made the panels, read in place; async, tma, block2d: as the device's
  /// copy of that name.
  std::string copy;
  int64_t stages = 1;                  ///< ring depth; 0: straight to registers, or in place
  int64_t tileBytes = 0;               ///< of one fill
  ElementType type = ElementType::F32; ///< of the tile's elements
  /// Elements from row to row (for the atom's right operand: column to column in a panel) and from step to step
  /// of the depth, in the tile where it lies.
  int64_t rowStride = 0, depthStride = 0;
  std::vector<int> batch; ///< packed: the batch axes that the packed buffer has, outermost
  int laneAxis = -1;      ///< pack: the axis along which the copy moves vectors; -1: none
  int64_t lanes = 1;
  std::vector<BoxPlan> boxes;            ///< tma, async, block2d
  std::vector<BoxUse> fetches;           ///< tma, async: the copies of a fill; block2d: the box
  std::vector<ChoicePlan> choices;       ///< where these are not always the same: in their place
  int64_t tileRows = 0, tileColumns = 0; ///< tma: of the tile in block memory; columns are contiguous
  bool depthInRows = false;              ///< tma, block2d: the tile is depth × side, not side × depth
  bool shared = false; ///< tma: blocks of a cluster have the same tile, and each fetches its part for all
  std::optional<PrefetchPlan> prefetch; ///< block2d
};

/// A piece of the block's sums that is staged and stored by the copy engine.
struct StagedPiece {
  int64_t row = 0, column = 0, rows = 0, columns = 0; ///< in a consumer's sums
  int64_t swizzle = 0;
  std::vector<BoxUse> stores;
};

/// How one store of the kernel leaves the block.
struct StorePlan {
  int access = 0;          ///< position in the kernel's accesses
  int64_t columns = 0;     ///< of the sums it stores: all, or the first where an outer axis is not stored
  bool staged = false;     ///< else every thread stores what it holds
  bool blocks = false;     ///< staged, but as blocks straight from registers
  bool transposed = false; ///< staged: the rows of the sums are contiguous in memory
  std::vector<BoxPlan> boxes;
  std::vector<StagedPiece> pieces; ///< staged
};

/// Groups of threads with different work, for atoms that run beside their threads.
struct RolesPlan {
  int64_t consumers = 1; ///< groups with sums
  int64_t groupThreads = 128;
  int64_t producers = 1;       ///< 0: consumers fetch for themselves, all threads of the block together
  bool direct = false;         ///< operands go from memory to registers, every group reads its own
  int64_t ahead = 0;           ///< direct: steps of the depth (keys) that the cache is asked for ahead
  int64_t columnGroups = 1;    ///< consumers side by side, each with columns of its own; numbered first
  int64_t fragmentRows = 0;    ///< of one consumer's sums
  int64_t fragmentColumns = 0; ///< where columns are divided
  bool pingpong = false; ///< contract: consumers own whole tiles in turn, else they share the rows of each;
                         ///< attend: their products take turns
  bool holdLeft = false; ///< attend: queries in registers
  int64_t producerRegisters = 0, consumerRegisters = 0;
  int64_t stages = 1;
  int64_t slots = 0;
  int64_t tiles = 1;   ///< of the whole grid; blocks walk them with the grid's stride
  int64_t cluster = 1; ///< blocks with neighbouring tiles of `clusterAxis`
  int clusterAxis = -1;
  /// Rows of a group's instruction, and so of what it stages at once: 16 a warp.
  int64_t pieceRows() const { return groupThreads / 2; }
};

struct PipePlan {
  std::string atom;
  /// The atom's rows are the kernel's right operand (contract), or the keys (attend).
  bool flip = false;
  std::vector<TiledAxis> batch; ///< grid axes of tile 1
  /// Contract: rows, columns and depth of the atom's product; flipped, m holds the kernel's n axes.
  /// Attend: queries, keys, and the depth of the scores.
  Side m, n, k;
  Side e; ///< attend: value columns
  /// Contract: the operands on m and n. Attend: queries, keys and values.
  OperandPlan a, b, v;
  int64_t atomM = 1, atomN = 1; ///< register tile of the (first) contraction
  int64_t secondAtomM = 1;      ///< attend: rows of the second contraction's register tile
  bool accumulateInScratch = false;
  int64_t vectorLanes = 1;    ///< sums in a vector register (CPU)
  std::vector<int> gridOrder; ///< axes with more than one tile, fastest first
  int rasterAxis = -1;        ///< -1: none
  int64_t rasterTiles = 1;
  int laneAxis = -1; ///< of the epilogue's vectors
  int64_t lanes = 1;
  int64_t neighbours = 2;         ///< of a row of sums that a thread holds side by side (GPU)
  std::optional<RolesPlan> roles; ///< asynchronous atoms
  std::vector<StorePlan> stores;  ///< asynchronous atoms, one a store of the kernel

  /// The lanes' side of the block, padded to whole register tiles.
  int64_t paddedColumns() const { return (n.extent() + atomN - 1) / atomN * atomN; }
  /// Attend: the queries, padded.
  int64_t paddedQueries() const { return (m.extent() + atomN - 1) / atomN * atomN; }
  /// The axis's tile wherever it is; extent 1 for axes of no side.
  const TiledAxis *find(int axis) const {
    for (const TiledAxis &tiled : batch)
      if (tiled.axis == axis)
        return &tiled;
    for (const Side *side : {&m, &n, &k, &e})
      if (const TiledAxis *tiled = side->find(axis))
        return tiled;
    return nullptr;
  }
};

} // namespace tgc
