// Places buffers with known lifetimes in one arena so that buffers alive together do not overlap.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace tgc::runtime {

/// A buffer alive from launch `first` to launch `last`, both included.
struct Interval {
  uint64_t bytes = 0;
  uint32_t first = 0, last = 0;
  uint64_t alignment = 64; // a power of two
};

struct ArenaPlan {
  std::vector<uint64_t> offsets; // of each interval
  uint64_t total = 0;            // bytes of the arena
};

/// Greedy best fit: the largest buffers first, each into the smallest gap that holds it. Two further orders
/// are tried, and the smallest result wins. Time grows with the square of the number of intervals.
ArenaPlan planArena(std::span<const Interval> intervals);

struct ArenasPlan {
  std::vector<uint32_t> arenas;  // of each interval
  std::vector<uint64_t> offsets; // of each interval, in its arena
  std::vector<uint64_t> totals;  // bytes of each arena
};

/// The same with as many arenas as a limit on one allocation asks for (0: no limit): each takes the largest
/// buffers that are left, as many as fit. A buffer that alone exceeds the limit gets an arena of its own.
ArenasPlan planArenas(std::span<const Interval> intervals, uint64_t limit);

/// The most bytes alive at one launch: no plan is smaller.
uint64_t arenaLowerBound(std::span<const Interval> intervals);

} // namespace tgc::runtime
