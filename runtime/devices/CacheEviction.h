// Caches that hold nothing of what is measured next.
#pragma once
#include "runtime/devices/Device.h"
#include <mutex>

namespace tgc::runtime {

/// Goes through other memory of a device, which it keeps. Safe from several threads.
class CacheEviction {
public:
  explicit CacheEviction(std::shared_ptr<Device> device) : device(std::move(device)) {}

  /// Reads that many bytes; of a device with memory of its own it has written as many others before, so that the caches are
  /// emptied however copies to the host pass through them. Sequences that run later see it done. Throws a device error
  /// if there is no memory for it.
  void evict(uint64_t bytes);

private:
  void grow(uint64_t bytes);

  std::shared_ptr<Device> device;
  std::mutex mutex;
  DeviceMemory written, read;
  std::vector<char> host; ///< what a device's memory is read into
};

} // namespace tgc::runtime
