// Copies between the host and a GPU through page-locked memory, in the order in which they are asked for.
#pragma once
#include "runtime/devices/cuda/Gpu.h"
#include <deque>

namespace tgc::runtime::cuda {

/// Safe from several threads. The GPU must outlive it.
class Transfers {
public:
  explicit Transfers(const Gpu &gpu);
  ~Transfers();
  Transfers(const Transfers &) = delete;
  Transfers &operator=(const Transfers &) = delete;

  /// Returns when the bytes have been read; they arrive later, while the caller makes the next ones.
  void copyIn(DevicePointer to, const void *from, uint64_t bytes);
  /// Returns when the bytes are there.
  void copyOut(void *to, DevicePointer from, uint64_t bytes);
  /// Happens later, in order with copies.
  void zero(DevicePointer address, uint64_t bytes);

  /// Work put on `stream` from now on sees everything asked for so far.
  void before(Stream stream);
  /// Waits until everything asked for has happened, also where that failed.
  void finishQuietly();
  /// Puts work of another kind in this order.
  template <typename F>
  void enqueue(F launch) {
    std::lock_guard<std::mutex> lock(mutex);
    launch(stream);
  }

private:
  struct Stage {
    void *memory = nullptr;
    uint64_t bytes = 0;
    Event used = nullptr; // after the last copy from or to it
  };
  /// Page-locked memory for up to `bytes`, not in use by a copy. The mutex must be held.
  Stage take(uint64_t bytes);
  void give(Stage stage);
  struct Pool {
    uint64_t bytes;
    unsigned limit;
    unsigned made = 0;
    std::deque<Stage> idle; // the one used longest ago first
  };

  const Gpu &gpu;
  std::mutex mutex;
  Stream stream = nullptr;
  Event marker = nullptr;
  Pool small, large;
};

} // namespace tgc::runtime::cuda
