// Tiles of a side of a matrix product: which parts of its axes one block takes.
#pragma once
#include "search/KernelInfo.h"
#include "search/Schedule.h"
#include <functional>
#include <vector>

namespace tgc::heuristic {

/// The axes with the smallest stride of `access` first; those without a stride last.
std::vector<int> innermostFirst(const KernelInfo &kernel, std::vector<int> axes, const Access *access);
/// Product of the axes' extents.
int64_t extentOf(const KernelInfo &kernel, const std::vector<int> &axes);

/// Gives axes, innermost first, tiles whose product is about `target`: whole axes while they fit, then an even part
/// of one (rounded up to `multiple` when it is the innermost), then 1. Returns the product.
int64_t fillTiles(const KernelInfo &kernel, const std::vector<int> &innermostFirst, int64_t target, int64_t multiple,
                  Schedule &schedule);

/// The load that reads most of an operand, and the kernel's first store.
const Access *mainLoad(const KernelInfo &kernel, const OperandInfo &operand);
const Access *mainStore(const KernelInfo &kernel);

} // namespace tgc::heuristic
