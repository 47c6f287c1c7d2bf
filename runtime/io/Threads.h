// How many threads to use, and a plain parallel loop for coarse host work outside of launches.
#pragma once
#include <cstdint>
#include <functional>

namespace tgc::runtime {

/// TGC_THREADS if it is set (1 to 1024), else the cores this process may use. Throws a usage error for
/// another value of TGC_THREADS.
unsigned threadCount();

/// body(0) ... body(count - 1), each once, on up to threadCount() threads; the first exception is rethrown.
void parallelFor(uint64_t count, const std::function<void(uint64_t)> &body);

} // namespace tgc::runtime
