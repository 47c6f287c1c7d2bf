// When a copy engine can move a tile, and in which boxes.
#pragma once
#include "search/PipePlan.h"

namespace tgc {

/// `points` neighbours of a side, from a multiple of `points` on, as a box: the tile of each axis in it; empty if
/// they are none.
std::vector<int64_t> boxOfPoints(const Side &side, int64_t points);

/// The side's coordinates at its point of that number.
std::vector<std::pair<int, int64_t>> shiftTo(const Side &side, int64_t point);

/// Why the copy engine cannot move boxes of this access; empty if it can. A box has box[axis] points along each
/// axis, `order` gives the axes that have more than one, outermost first: in that order they lie in block
/// memory. Fills in `plan`, but for the swizzle.
std::string planBox(const KernelInfo &kernel, const Access &access, const std::vector<int64_t> &box,
                    const std::vector<int> &order, BoxPlan &plan);

} // namespace tgc
