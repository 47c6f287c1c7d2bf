#include "runtime/devices/cpu/ThreadPool.h"
#include "tests/runtime/Support.h"
#include <chrono>
#include <random>

using namespace tgc::runtime;

namespace {
struct Counts {
  std::vector<std::atomic<int>> blocks;
  std::atomic<int> badScratch{0};
  explicit Counts(size_t n) : blocks(n) {}
};

void countBlocks(void *const *buffers, void *scratch, int64_t begin, int64_t end) {
  auto *counts = static_cast<Counts *>(buffers[0]);
  for (int64_t i = begin; i < end; ++i) {
    auto *mine = static_cast<volatile int64_t *>(scratch);
    *mine = i;
    counts->blocks[i].fetch_add(1);
    if (*mine != i || reinterpret_cast<uintptr_t>(scratch) % 64 != 0)
      counts->badScratch = 1;
  }
}

void nothing(void *const *, void *, int64_t, int64_t) {}
} // namespace

TEST_CASE("thread pool: every block runs once", "[pool]") {
  for (unsigned threads : {1u, 2u, 3u, 8u}) {
    ThreadPool pool(threads);
    REQUIRE(pool.threads() == threads);
    Scratch scratch;
    for (uint64_t blocks : {0, 1, 2, 7, 64, 1000, 4097}) {
      Counts counts(blocks);
      void *buffers[] = {&counts};
      pool.run(countBlocks, buffers, 64, blocks, scratch);
      for (auto &count : counts.blocks)
        REQUIRE(count == 1);
      REQUIRE(counts.badScratch == 0);
    }
  }
}

TEST_CASE("thread pool: many callers at once", "[pool]") {
  ThreadPool pool(4);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (unsigned c = 0; c < 20; ++c) // more than there are places for jobs
    callers.emplace_back([&, c] {
      Scratch scratch;
      std::mt19937 random(c);
      for (int round = 0; round < 200; ++round) {
        Counts counts(1 + random() % 300);
        void *buffers[] = {&counts};
        pool.run(countBlocks, buffers, 64 << random() % 6, counts.blocks.size(), scratch);
        for (auto &count : counts.blocks)
          wrong += count != 1;
        wrong += counts.badScratch;
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  REQUIRE(wrong == 0);
}

TEST_CASE("thread pool: workers wake after a pause", "[pool]") {
  ThreadPool pool(2);
  Scratch scratch;
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2)); // longer than they spin
    Counts counts(50);
    void *buffers[] = {&counts};
    pool.run(countBlocks, buffers, 64, 50, scratch);
    for (auto &count : counts.blocks)
      REQUIRE(count == 1);
  }
}

TEST_CASE("thread pool: time of an empty launch", "[.][time]") {
  ThreadPool pool(2);
  Scratch scratch;
  constexpr int Rounds = 100000;
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < Rounds; ++i)
    pool.run(nothing, nullptr, 0, 64, scratch);
  std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  WARN("an empty launch takes " << took.count() / Rounds << " us");
}
