#include "runtime/format/ArenaPlan.h"
#include "tests/runtime/Support.h"
#include <algorithm>
#include <numeric>
#include <random>

using namespace tgc::runtime;

namespace {
void requireValid(const std::vector<Interval> &intervals, const ArenaPlan &plan) {
  for (size_t i = 0; i < intervals.size(); ++i) {
    const Interval &a = intervals[i];
    REQUIRE(plan.offsets[i] % a.alignment == 0);
    REQUIRE(plan.offsets[i] + a.bytes <= plan.total);
    for (size_t j = 0; j < i; ++j) {
      const Interval &b = intervals[j];
      bool together = a.first <= b.last && b.first <= a.last && a.bytes > 0 && b.bytes > 0;
      bool apart =
          plan.offsets[i] + a.bytes <= plan.offsets[j] || plan.offsets[j] + b.bytes <= plan.offsets[i];
      REQUIRE((!together || apart));
    }
  }
}

/// The best of placing in every order, each at the lowest place that is free.
uint64_t bruteForce(const std::vector<Interval> &intervals) {
  std::vector<size_t> order(intervals.size());
  std::iota(order.begin(), order.end(), size_t(0));
  uint64_t best = UINT64_MAX;
  do {
    std::vector<uint64_t> offsets(intervals.size());
    uint64_t total = 0;
    for (size_t n = 0; n < order.size(); ++n) {
      const Interval &a = intervals[order[n]];
      uint64_t offset = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (size_t k = 0; k < n; ++k) {
          const Interval &b = intervals[order[k]];
          uint64_t other = offsets[order[k]];
          if (a.first <= b.last && b.first <= a.last && offset < other + b.bytes &&
              other < offset + a.bytes) {
            offset = other + b.bytes;
            moved = true;
          }
        }
      }
      offsets[order[n]] = offset;
      total = std::max(total, offset + a.bytes);
    }
    best = std::min(best, total);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}
} // namespace

TEST_CASE("arena plan: chains reuse memory", "[arena]") {
  std::vector<Interval> chain;
  for (uint32_t i = 0; i < 50; ++i)
    chain.push_back({4096, i, i + 1});
  ArenaPlan plan = planArena(chain);
  requireValid(chain, plan);
  REQUIRE(plan.total == 2 * 4096);
  REQUIRE(planArena({}).total == 0);
}

TEST_CASE("arena plan: random lifetimes against the bound and brute force", "[arena]") {
  std::mt19937 random(7);
  for (int round = 0; round < 150; ++round) {
    std::vector<Interval> intervals(7);
    for (Interval &interval : intervals) {
      interval.bytes = 64 * (random() % 20);
      interval.first = random() % 8;
      interval.last = interval.first + random() % 4;
    }
    ArenaPlan plan = planArena(intervals);
    requireValid(intervals, plan);
    uint64_t best = bruteForce(intervals);
    REQUIRE(arenaLowerBound(intervals) <= best);
    REQUIRE(plan.total >= best);
    REQUIRE(plan.total <= best + best / 3);
  }
}

TEST_CASE("arena plan: large random sets stay near the bound", "[arena]") {
  std::mt19937 random(11);
  std::vector<Interval> intervals(2000);
  for (Interval &interval : intervals) {
    interval.bytes = 1 + random() % 100000;
    interval.first = random() % 1000;
    interval.last = interval.first + random() % 20;
    interval.alignment = random() % 4 == 0 ? 4096 : 64;
  }
  ArenaPlan plan = planArena(intervals);
  requireValid(intervals, plan);
  REQUIRE(double(plan.total) <= 1.35 * double(arenaLowerBound(intervals)));
}

TEST_CASE("arenas plan: none exceeds the limit unless one buffer does", "[arena]") {
  std::mt19937 random(5);
  std::vector<Interval> intervals(200);
  for (Interval &interval : intervals) {
    interval.bytes = 64 * (1 + random() % 1000);
    interval.first = random() % 100;
    interval.last = interval.first + random() % 20;
  }
  intervals[17].bytes = 1000000;
  const uint64_t limit = 200000;
  ArenasPlan plan = planArenas(intervals, limit);
  REQUIRE(plan.totals.size() > 2);
  for (uint32_t arena = 0; arena < plan.totals.size(); ++arena) {
    std::vector<Interval> members;
    ArenaPlan part{{}, plan.totals[arena]};
    for (size_t i = 0; i < intervals.size(); ++i)
      if (plan.arenas[i] == arena) {
        members.push_back(intervals[i]);
        part.offsets.push_back(plan.offsets[i]);
      }
    requireValid(members, part);
    bool large = members.size() == 1 && members[0].bytes > limit;
    REQUIRE((large || part.total <= limit));
  }
  REQUIRE(planArenas(intervals, 0).totals == std::vector<uint64_t>{planArena(intervals).total});
  REQUIRE(planArenas({}, limit).totals.empty());
}
