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

/// How one operand's tile reaches the atom.
struct OperandPlan {
  /// plain: read in place; pack: copied into block memory element by element, with conversions and conditions;
  /// packed: `prepare` made the panels, read in place; async, tma, block2d: as the device's copy of that name.
  std::string copy;
  int64_t stages = 1;    ///< ring depth; 0: straight to registers, or in place
  int64_t tileBytes = 0; ///< of one fill
  ElementType type = ElementType::F32; ///< of the tile's elements
  /// Elements from row to row (for the atom's right operand: column to column in a panel) and from step to step
  /// of the depth, in the tile where it lies.
  int64_t rowStride = 0, depthStride = 0;
  std::vector<int> batch; ///< packed: the batch axes that the packed buffer has, outermost
  int laneAxis = -1; ///< pack: the axis along which the copy moves vectors; -1: none
  int64_t lanes = 1;
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
  int laneAxis = -1;     ///< of the epilogue's vectors
  int64_t lanes = 1;

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
