// When a copy engine can move a tile, and in which boxes.
#pragma once
#include "search/PipePlan.h"

namespace tgc {

/// Bytes of a row of tiles in block memory: the widest swizzle.
constexpr int64_t boxRowBytes = 128;

/// `points` neighbours of a side, from a multiple of `points` on, as a box: the tile of each axis in it; empty if
/// they are none.
std::vector<int64_t> boxOfPoints(const Side &side, int64_t points);

/// The side's coordinates at its point of that number.
std::vector<std::pair<int, int64_t>> shiftTo(const Side &side, int64_t point);

/// The side with its tile rounded up to a multiple of `points`; nothing where several axes are tiled.
std::optional<Side> paddedSide(const Side &side, int64_t points);

/// Why the copy engine cannot move boxes of this access; empty if it can. A box has box[axis] points along each
/// axis, `order` gives the axes that have more than one, outermost first: in that order they lie in block
/// memory. Along the axes of `beyond` boxes of one point may lie behind the axis's end, and must then be outside. Fills
/// in `plan`, but for the swizzle.
std::string planBox(const KernelInfo &kernel, const Access &access, const std::vector<int64_t> &box,
                    const std::vector<int> &order, const std::vector<int> &beyond, BoxPlan &plan);

/// The side's axes along which its tile goes on behind the axis's end in boxes of one point.
std::vector<int> axesBeyond(const Side &side, const std::vector<int64_t> &points);

/// An operand's tile as side × depth (rows are points of the side, columns the depth, rounded up to whole rows of
/// block memory), in boxes of `rows` points of the side (0: all); or as depth × side. Empty, or why not.
std::string planDepthInRow(const KernelInfo &kernel, const Access &access, const Side &side,
                           const Side &depth, OperandPlan &plan, int64_t rows = 0,
                           int64_t rowBytes = boxRowBytes);
std::string planSideInRow(const KernelInfo &kernel, const Access &access, const Side &side, const Side &depth,
                          OperandPlan &plan, int64_t rowBytes = boxRowBytes);

/// Why threads cannot copy the box in pieces of 16 bytes: its contiguous coordinate begins between them. Empty if
/// they can.
std::string planPieces(const KernelInfo &kernel, const PipePlan &plan, const BoxPlan &box);

/// The same for an operand that is a choice between loads; every tile, with `points` every fragment of so many points of the
/// side, lies wholly in one of them.
std::string planOperandInBoxes(const KernelInfo &kernel, const OperandInfo &operand, bool depthInRows,
                               const Side &side, const Side &depth, OperandPlan &plan, int64_t rows = 0,
                               int64_t rowBytes = boxRowBytes, int64_t points = 0);

/// The same for an engine that exchanges the pieces of rows as it copies: a row is one run of memory. (Of 64 bytes and
/// 64 from elsewhere in rows of 128 it wrote beyond its tile.)
std::string planOperandByEngine(const KernelInfo &kernel, const OperandInfo &operand, bool depthInRows,
                                const Side &side, const Side &depth, OperandPlan &plan, int64_t rows = 0,
                                int64_t rowBytes = boxRowBytes);

/// How the kernel's stores leave consumers whose sums are points of plan.m and `columns`. Gives the slots that are
/// used. Throws Refusal.
int64_t planStores(const KernelInfo &kernel, PipePlan &plan, const Side &columns);

} // namespace tgc
