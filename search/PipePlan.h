// The plan of the pipe generator: tiles, operands' ways on chip, and the walk of contract and attend programs.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tgc {

struct TiledAxis {
  int axis = 0;
  int64_t extent = 1, tile = 1;
  int64_t tiles() const { return (extent + tile - 1) / tile; }
};

/// One side of the atom's product: its axes, outermost first; the side's extent in a block is the product of
/// their tiles.
struct Side {
  std::vector<TiledAxis> axes;
  int64_t extent() const {
    int64_t product = 1;
    for (const TiledAxis &axis : axes)
      product *= axis.tile;
    return product;
  }
};

/// How one operand's tile reaches the atom.
struct OperandPlan {
  std::string copy;      ///< plain async tma block2d pack; "packed": prepare made the panels, read in place
  int64_t stages = 1;    ///< ring depth; 0: straight to registers
  int64_t tileBytes = 0; ///< of one fill
};

struct PipePlan {
  std::string atom;
  bool flip = false;
  std::vector<TiledAxis> batch; ///< grid axes of tile 1
  Side m, n, k;                 ///< of the (first) contraction
  Side e;                       ///< attend: value columns
  OperandPlan a, b, v;          ///< v: attend's values
  int64_t atomM = 1, atomN = 1; ///< register tile
  bool accumulateInScratch = false;
};

} // namespace tgc
