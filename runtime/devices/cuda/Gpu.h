// One GPU's context, shared by everything that uses it, and what becomes of the driver's errors.
#pragma once
#include "runtime/devices/Device.h"
#include "runtime/devices/cuda/Driver.h"
#include <atomic>
#include <mutex>
#include <new>
#include <string>

namespace tgc::runtime::cuda {

class Gpu {
public:
  /// Retains the primary context, which other users of CUDA in the process share. `ordinal` must exist.
  Gpu(const Driver &driver, int ordinal);
  ~Gpu();
  Gpu(const Gpu &) = delete;
  Gpu &operator=(const Gpu &) = delete;

  /// What the runtime tells of a GPU, without a context.
  static DeviceInfo describe(const Driver &driver, int ordinal);
  const DeviceInfo &info() const { return description; }
  /// "cuda:0 (NVIDIA H200)"
  const std::string &label() const { return name; }
  const Api &api() const { return opened.api; }
  int attribute(DeviceAttribute which) const;
  /// 90 for compute capability 9.0
  int computeCapability() const;

  /// Makes the context current on this thread while it lives.
  class Current {
  public:
    /// Throws a device error if the context is lost.
    explicit Current(const Gpu &gpu);
    /// For destructors: whatever fails then fails quietly.
    Current(const Gpu &gpu, std::nothrow_t);
    ~Current();
    Current(const Current &) = delete;
    Current &operator=(const Current &) = delete;

  private:
    const Gpu &gpu;
    bool pushed = true;
  };

  /// Throws a device error that says what to do if the context is lost.
  void requireUsable() const;
  /// Throws a device error if the call failed: "cuda:0 (...): launching f: CUDA_ERROR_...: advice".
  void check(Result result, const std::string &doing) const {
    if (result != Success)
      fail(result, doing);
  }
  [[noreturn]] void fail(Result result, const std::string &doing) const;

  struct Memory {
    uint64_t free = 0, total = 0;
  };
  /// A context must be current.
  Memory memory() const;

private:
  const Driver &opened;
  DeviceId id = 0;
  Context context = nullptr;
  DeviceInfo description;
  std::string name;
  mutable std::mutex lostLock;
  mutable std::atomic<bool> lost{false};
  mutable std::string lostBy;
};

} // namespace tgc::runtime::cuda
