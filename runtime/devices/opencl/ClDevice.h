// One OpenCL device's context, shared by everything that uses it: memory, copies, errors.
#pragma once
#include "runtime/devices/Device.h"
#include "runtime/devices/opencl/Driver.h"
#include "runtime/devices/spirv/Suits.h"
#include <atomic>
#include <mutex>
#include <unordered_map>

namespace tgc::runtime::opencl {

/// Safe from several threads.
class ClDevice {
public:
  /// `ordinal` must be one of the driver's devices.
  ClDevice(const Driver &driver, size_t ordinal);
  ~ClDevice();
  ClDevice(const ClDevice &) = delete;
  ClDevice &operator=(const ClDevice &) = delete;

  /// What the runtime tells of a device, without a context.
  static DeviceInfo describe(const Driver &driver, size_t ordinal);

  const DeviceInfo &info() const { return description; }
  /// "opencl:0 (Intel(R) Arc(TM) B580 Graphics)"
  const std::string &label() const { return abilities.label; }
  const Api &api() const { return opened.api; }
  const MemoryApi &memory() const { return found.memory; }
  DeviceId id() const { return found.id; }
  Context context() const { return handle; }
  const spirv::Abilities &can() const { return abilities; }
  const std::string &driverVersion() const { return version; }
  /// Whether a build can be asked for division and square roots to the last bit.
  bool dividesExactly() const { return exactDivision; }

  Queue makeQueue(bool profiling) const;

  Address allocate(uint64_t bytes);
  void release(Address address);
  void copyIn(Address to, const void *from, uint64_t bytes);
  void copyOut(void *to, Address from, uint64_t bytes);
  void zero(Address address, uint64_t bytes);
  uint64_t freeBytes() const;

  /// Throws a device error if the call failed: "opencl:0 (…): launching f: CL_… (-5): advice".
  void check(Status status, const std::string &doing) const {
    if (status != Success)
      fail(status, doing);
  }
  [[noreturn]] void fail(Status status, const std::string &doing) const;

private:
  const Driver &opened;
  const FoundDevice &found;
  DeviceInfo description;
  spirv::Abilities abilities;
  std::string version;
  uint64_t mostBytes = 0; ///< of an allocation that asks for nothing special
  bool exactDivision = false;
  Context handle = nullptr;
  Queue transfers = nullptr;
  std::mutex mutex;
  struct Allocation {
    void *start = nullptr; ///< as the driver gave it
    uint64_t bytes = 0;
  };
  std::unordered_map<Address, Allocation> allocations;
  std::atomic<uint64_t> taken{0};
};

} // namespace tgc::runtime::opencl
