#include "runtime/io/Threads.h"
#include "runtime/format/Error.h"
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <sched.h>
#include <string>
#include <thread>
#include <vector>

namespace tgc::runtime {

unsigned threadCount() {
  if (const char *text = std::getenv("TGC_THREADS"); text && *text) {
    char *end = nullptr;
    long value = std::strtol(text, &end, 10);
    if (*end != '\0' || value < 1 || value > 1024)
      usageError(std::string("TGC_THREADS must be a number from 1 to 1024, not \"") + text + "\"");
    return static_cast<unsigned>(value);
  }
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  return std::max(1u, std::thread::hardware_concurrency());
}

void parallelFor(uint64_t count, const std::function<void(uint64_t)> &body) {
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  auto work = [&] {
    try {
      for (uint64_t i; (i = next.fetch_add(1)) < count;)
        body(i);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex);
      if (!failure)
        failure = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> threads;
  uint64_t wanted = std::min<uint64_t>(threadCount(), count);
  for (uint64_t i = 1; i < wanted; ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace tgc::runtime
