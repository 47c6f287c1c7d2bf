// How a launch is shared:
//  1. The caller takes a free place, describes its job there, opens it and announces it.
//  2. A worker enters (inside + 1), looks whether the job is still open, and if so takes chunks of blocks from
//     the job's counter until none is left; then it leaves (inside - 1).
//  3. The caller takes chunks too. When none is left it closes the job and waits until nobody is inside:
//     then every block is done, and nobody will read the description again.
// Entering before looking, and closing before counting, are sequentially consistent: a worker that the caller
// does not see inside sees the job closed. Idle workers spin for a short time, long enough to bridge the gap
// between two launches, and then sleep.
#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/format/HugePages.h"
#include <algorithm>
#include <chrono>
#include <new>

namespace tgc::runtime {

namespace {
constexpr std::chrono::microseconds SpinTime(40);
constexpr unsigned SpinsPerLook = 64;
/// Chunks per thread: enough to even out threads that run at different speed.
constexpr uint64_t ChunksPerThread = 8;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins while the value is `old`, then sleeps.
void waitWhile(const std::atomic<uint32_t> &value, uint32_t old) {
  auto end = std::chrono::steady_clock::now() + SpinTime;
  do {
    for (unsigned i = 0; i < SpinsPerLook; ++i) {
      if (value.load(std::memory_order_acquire) != old)
        return;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  value.wait(old);
}
} // namespace

void Scratch::Free::operator()(void *memory) const { ::operator delete(memory, std::align_val_t(alignment)); }

void *Scratch::get(size_t bytes) {
  if (bytes > capacity) {
    memory.reset();
    capacity = 0;
    // Small pages would lie in the second cache by chance, and some of a tile's lines would evict each other.
    bool huge = bytes >= HugePage / 8;
    size_t alignment = huge ? HugePage : 64;
    bytes = (bytes + alignment - 1) / alignment * alignment;
    memory = {::operator new(bytes, std::align_val_t(alignment)), Free{alignment}};
    if (huge)
      preferHugePages(memory.get(), bytes);
    capacity = bytes;
  }
  return memory.get();
}

ThreadPool::ThreadPool(unsigned threads) {
  try {
    for (unsigned i = 1; i < threads; ++i)
      workers.emplace_back([this] { workerLoop(); });
  } catch (...) {
    // A limit on threads: go on with those there are.
  }
}

ThreadPool::~ThreadPool() {
  stopping = true;
  announced.fetch_add(1);
  announced.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

bool ThreadPool::work(Job &job, void *scratch) {
  bool any = false;
  for (;;) {
    uint64_t begin = job.next.fetch_add(job.chunk, std::memory_order_relaxed);
    if (begin >= job.blocks)
      return any;
    job.function(job.buffers, scratch, static_cast<int64_t>(begin),
                 static_cast<int64_t>(std::min(begin + job.chunk, job.blocks)));
    any = true;
  }
}

bool ThreadPool::help(Scratch &scratch) {
  bool helped = false;
  for (Job &job : jobs) {
    if (!job.open.load(std::memory_order_relaxed))
      continue;
    job.inside.fetch_add(1);
    if (job.open.load()) {
      try {
        helped |= work(job, scratch.get(job.scratchBytes));
      } catch (const std::bad_alloc &) {
        // Without scratch memory this worker takes no block; the caller does them.
      }
    }
    if (job.inside.fetch_sub(1) == 1)
      job.inside.notify_all();
  }
  return helped;
}

void ThreadPool::workerLoop() {
  Scratch scratch;
  for (;;) {
    uint32_t seen = announced.load();
    if (stopping)
      return;
    if (!help(scratch))
      waitWhile(announced, seen);
  }
}

void ThreadPool::run(BlockFunction function, void *const *buffers, size_t scratchBytes, uint64_t blocks,
                     Scratch &scratch) {
  if (blocks == 0)
    return;
  void *memory = scratch.get(scratchBytes);
  Job *job = nullptr;
  if (blocks > 1 && !workers.empty())
    for (Job &place : jobs)
      if (!place.taken.load(std::memory_order_relaxed) && !place.taken.exchange(true)) {
        job = &place;
        break;
      }
  if (!job) {
    function(buffers, memory, 0, static_cast<int64_t>(blocks));
    return;
  }
  job->function = function;
  job->buffers = buffers;
  job->scratchBytes = scratchBytes;
  job->blocks = blocks;
  job->chunk = std::max<uint64_t>(1, blocks / (threads() * ChunksPerThread));
  job->next.store(0, std::memory_order_relaxed);
  job->open.store(true);
  announced.fetch_add(1);
  announced.notify_all();
  work(*job, memory);
  job->open.store(false);
  for (uint32_t inside; (inside = job->inside.load()) != 0;)
    waitWhile(job->inside, inside);
  job->taken.store(false);
}

} // namespace tgc::runtime
