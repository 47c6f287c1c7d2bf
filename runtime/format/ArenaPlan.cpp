#include "runtime/format/ArenaPlan.h"
#include <algorithm>
#include <map>
#include <numeric>

namespace tgc::runtime {

namespace {
uint64_t alignUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

/// Places the intervals in the given order:
///  1. collect the placed intervals that are alive at the same time, by offset;
///  2. among the gaps between them that hold the buffer choose the smallest, the lowest of equals; the
///     space after the last one is the choice when no gap is large enough.
ArenaPlan place(std::span<const Interval> intervals, const std::vector<uint32_t> &order) {
  ArenaPlan plan;
  plan.offsets.assign(intervals.size(), 0);
  std::vector<uint32_t> placed; // by offset
  for (uint32_t index : order) {
    const Interval &interval = intervals[index];
    if (interval.bytes == 0)
      continue;
    uint64_t end = 0, best = UINT64_MAX, bestGap = UINT64_MAX;
    for (uint32_t other : placed) {
      const Interval &neighbour = intervals[other];
      if (neighbour.last < interval.first || interval.last < neighbour.first)
        continue;
      uint64_t start = alignUp(end, interval.alignment), offset = plan.offsets[other];
      if (offset > start && offset - start >= interval.bytes && offset - end < bestGap) {
        bestGap = offset - end;
        best = start;
      }
      end = std::max(end, offset + neighbour.bytes);
    }
    if (best == UINT64_MAX)
      best = alignUp(end, interval.alignment);
    plan.offsets[index] = best;
    plan.total = std::max(plan.total, best + interval.bytes);
    auto at = std::upper_bound(placed.begin(), placed.end(), best,
                               [&](uint64_t offset, uint32_t other) { return offset < plan.offsets[other]; });
    placed.insert(at, index);
  }
  return plan;
}
} // namespace

ArenaPlan planArena(std::span<const Interval> intervals) {
  std::vector<uint32_t> order(intervals.size());
  std::iota(order.begin(), order.end(), 0u);
  ArenaPlan best;
  best.total = UINT64_MAX;
  uint64_t bound = arenaLowerBound(intervals);
  auto attempt = [&](auto weight) {
    if (best.total <= bound)
      return;
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      double first = weight(intervals[a]), second = weight(intervals[b]);
      return first != second ? first > second : a < b;
    });
    ArenaPlan plan = place(intervals, order);
    if (plan.total < best.total)
      best = std::move(plan);
  };
  attempt([](const Interval &interval) { return double(interval.bytes); });
  attempt([](const Interval &interval) {
    return double(interval.bytes) * (double(interval.last) - interval.first + 1);
  });
  attempt([](const Interval &interval) { return -double(interval.first); });
  return best;
}

ArenasPlan planArenas(std::span<const Interval> intervals, uint64_t limit) {
  ArenasPlan result{std::vector<uint32_t>(intervals.size()), std::vector<uint64_t>(intervals.size()), {}};
  std::vector<uint32_t> left(intervals.size());
  std::iota(left.begin(), left.end(), 0u);
  std::stable_sort(left.begin(), left.end(),
                   [&](uint32_t a, uint32_t b) { return intervals[a].bytes > intervals[b].bytes; });
  auto planFirst = [&](size_t count) {
    std::vector<Interval> chosen;
    for (size_t i = 0; i < count; ++i)
      chosen.push_back(intervals[left[i]]);
    return planArena(chosen);
  };
  while (!left.empty()) {
    size_t count = left.size();
    ArenaPlan plan = planFirst(count);
    if (limit > 0 && plan.total > limit) {
      // The most that fit, by halving; one always goes.
      size_t fits = 1, tooMany = count;
      while (tooMany - fits > 1) {
        size_t middle = fits + (tooMany - fits) / 2;
        (planFirst(middle).total <= limit ? fits : tooMany) = middle;
      }
      count = fits;
      plan = planFirst(count);
    }
    for (size_t i = 0; i < count; ++i) {
      result.arenas[left[i]] = uint32_t(result.totals.size());
      result.offsets[left[i]] = plan.offsets[i];
    }
    result.totals.push_back(plan.total);
    left.erase(left.begin(), left.begin() + count);
  }
  return result;
}

uint64_t arenaLowerBound(std::span<const Interval> intervals) {
  std::map<uint64_t, int64_t> change;
  for (const Interval &interval : intervals) {
    change[interval.first] += static_cast<int64_t>(interval.bytes);
    change[uint64_t(interval.last) + 1] -= static_cast<int64_t>(interval.bytes);
  }
  int64_t alive = 0, most = 0;
  for (auto [time, delta] : change) {
    alive += delta;
    most = std::max(most, alive);
  }
  return static_cast<uint64_t>(most);
}

} // namespace tgc::runtime
