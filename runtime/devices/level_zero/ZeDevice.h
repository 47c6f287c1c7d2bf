// One Level Zero device's context, shared by everything that uses it: memory, copies, errors.
#pragma once
#include "runtime/devices/Device.h"
#include "runtime/devices/level_zero/Driver.h"
#include "runtime/devices/spirv/Suits.h"
#include <atomic>
#include <mutex>

namespace tgc::runtime::level_zero {

/// Safe from several threads.
class ZeDevice {
public:
  /// `ordinal` must be one of the driver's devices.
  ZeDevice(const Driver &driver, size_t ordinal);
  ~ZeDevice();
  ZeDevice(const ZeDevice &) = delete;
  ZeDevice &operator=(const ZeDevice &) = delete;

  /// What the driver tells of a device, without a context.
  static DeviceInfo describe(const Driver &driver, size_t ordinal);

  const DeviceInfo &info() const { return description; }
  /// "level_zero:0 (Intel(R) Arc(TM) B580 Graphics)"
  const std::string &label() const { return abilities.label; }
  const Api &api() const { return opened.api; }
  DeviceHandle id() const { return found.id; }
  ContextHandle context() const { return handle; }
  const spirv::Abilities &can() const { return abilities; }
  /// Blocks of a launch along each dimension.
  const std::array<uint32_t, 3> &maxBlocks() const { return mostBlocks; }
  /// Whether a build can be asked for division and square roots to the last bit.
  bool dividesExactly() const { return exactDivision; }
  /// Of the driver: "1.3.24595".
  const std::string &driverVersion() const { return version; }

  QueueHandle makeQueue() const;
  ListHandle makeList() const;
  /// What a kernel took between two time stamps of the device.
  uint64_t nanoseconds(const Timestamps &times) const;

  Address allocate(uint64_t bytes);
  void release(Address address, uint64_t bytes);
  void copyIn(Address to, const void *from, uint64_t bytes);
  void copyOut(void *to, Address from, uint64_t bytes);
  void zero(Address address, uint64_t bytes);
  uint64_t freeBytes() const;

  /// Throws a device error if the call failed: "level_zero:0 (…): launching f: ZE_… (0x…): advice".
  void check(Result result, const std::string &doing) const {
    if (result != Success)
      fail(result, doing);
  }
  /// Out of memory is told with numbers; a device that is lost, at once and by every later call.
  [[noreturn]] void fail(Result result, const std::string &doing) const;
  void requireAlive(const char *doing) const;

private:
  void close();
  const Driver &opened;
  const FoundDevice &found;
  DeviceInfo description;
  spirv::Abilities abilities;
  std::string version;
  std::array<uint32_t, 3> mostBlocks = {0, 0, 0};
  uint64_t mostBytes = 0; ///< of an allocation that asks for nothing special
  uint64_t timerResolution = 0, timerMask = 0;
  bool exactDivision = false, resolutionInCycles = false;
  uint32_t group = 0; ///< of queues that compute
  ContextHandle handle = nullptr;
  std::mutex mutex;               ///< of what copies use
  ListHandle transfers = nullptr; ///< immediate: a command is done when its call returns
  void *staging = nullptr;        ///< the host's memory that the device can read
  std::atomic<uint64_t> taken{0};
  mutable std::atomic<Result> lost{Success};
};

} // namespace tgc::runtime::level_zero
