// Threads that share the blocks of launches, with little cost per launch.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace tgc::runtime {

/// A compiled function: runs the blocks [begin, end); see Function in the package.
using BlockFunction = void (*)(void *const *buffers, void *scratch, int64_t begin, int64_t end);

/// Scratch memory of one thread, aligned to 64; grows on demand, its content is lost then. Much of it lies on huge pages.
class Scratch {
public:
  void *get(size_t bytes);

private:
  struct Free {
    size_t alignment;
    void operator()(void *memory) const;
  };
  std::unique_ptr<void, Free> memory{nullptr, Free{64}};
  size_t capacity = 0;
};

/// A pool of `threads` - 1 workers; whoever calls run() is the last thread. Several threads may call run() at
/// the same time: each call's blocks are shared with the workers that are free.
class ThreadPool {
public:
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned threads() const { return static_cast<unsigned>(workers.size()) + 1; }

  /// Runs the blocks [0, blocks), each once, and returns when all are done. `scratch` is the caller's own.
  void run(BlockFunction function, void *const *buffers, size_t scratchBytes, uint64_t blocks,
           Scratch &scratch);

private:
  /// One call of run() that offers its blocks. The places live as long as the pool, so that a late worker
  /// may always look at one.
  struct alignas(64) Job {
    std::atomic<bool> taken{false};  // by a caller
    std::atomic<bool> open{false};   // workers may enter
    std::atomic<uint32_t> inside{0}; // workers that have entered
    BlockFunction function = nullptr;
    void *const *buffers = nullptr;
    size_t scratchBytes = 0;
    uint64_t blocks = 0, chunk = 1;
    alignas(64) std::atomic<uint64_t> next{0};
  };
  static constexpr unsigned MaxJobs = 16;

  /// Takes blocks until none is left; whether there was one.
  static bool work(Job &job, void *scratch);
  /// Works at every open job; whether there was a block to do.
  bool help(Scratch &scratch);
  void workerLoop();

  Job jobs[MaxJobs];
  alignas(64) std::atomic<uint32_t> announced{0}; // changes when a job opens or the pool stops
  std::atomic<bool> stopping{false};
  std::vector<std::thread> workers;
};

} // namespace tgc::runtime
