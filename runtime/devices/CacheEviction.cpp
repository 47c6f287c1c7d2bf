#include "runtime/devices/CacheEviction.h"

#include <numeric>

namespace tgc::runtime {

void CacheEviction::grow(uint64_t bytes) {
  if (read && read.bytes() >= bytes)
    return;
  read = {};
  read = DeviceMemory(device, bytes);
  // Memory that nobody has written may be one page of zeros, seen many times.
  device->zero(read.address(), bytes);
  if (device->usesHostMemory())
    return;
  written = {};
  written = DeviceMemory(device, bytes);
  host.resize(bytes);
}

void CacheEviction::evict(uint64_t bytes) {
  std::lock_guard lock(mutex);
  bytes -= bytes % sizeof(uint64_t);
  if (bytes == 0)
    return;
  grow(bytes);
  if (device->usesHostMemory()) {
    // Reading brings it into the caches as well as writing, and takes half the time.
    const auto *words = reinterpret_cast<const uint64_t *>(static_cast<uintptr_t>(read.address()));
    volatile uint64_t sum = std::accumulate(words, words + bytes / sizeof(uint64_t), uint64_t(0));
    (void)sum;
    return;
  }
  device->zero(written.address(), bytes);
  device->copyOut(host.data(), read.address(), bytes);
}

} // namespace tgc::runtime
