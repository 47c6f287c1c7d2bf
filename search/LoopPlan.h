// The plan of the loop generator: how every axis is laid over grid, loops, threads, registers and lanes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tgc {

/// One factor of an axis. The axis's value is Σ index · step over its levels; the last block may have fewer
/// steps of its Serial level.
struct LoopLevel {
  enum Kind {
    Grid,   ///< block index
    Serial, ///< a loop inside the block
    Local,  ///< thread index
    Group,  ///< thread index, of a reduced axis
    Unroll, ///< unrolled code
    Upcast, ///< registers: unrolled, each its own value
    Vector, ///< lanes of vector values; at most one level a kernel, step 1
  };
  Kind kind = Serial;
  int64_t count = 1;
  int64_t step = 1;
  int64_t threads = 1; ///< Local, Group: thread numbers from one index to the next
};

struct AxisPlan {
  int axis = 0;
  int64_t extent = 1, padded = 1; ///< padded > extent: registers and lanes beyond the extent are masked
  std::vector<LoopLevel> levels;  ///< outermost first
};

struct LoopPlan {
  std::vector<AxisPlan> axes; ///< one for every axis of the kernel, in order
  std::vector<int> gridOrder; ///< axes with a Grid level, fastest first
  int vectorAxis = -1;        ///< axis with the Vector level, -1: scalar code
  int64_t vectorWidth = 1;
  int64_t accessBytes = 0; ///< neighbouring registers are loaded and stored together up to this size
  std::vector<int> hold;   ///< buffers kept in block memory between passes
};

} // namespace tgc
