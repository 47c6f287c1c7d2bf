// What a device offers to the runtime: memory, code, and launches bound to memory. Devices.cpp lists them
// all.
#pragma once
#include "runtime/devices/CodeCache.h"
#include "runtime/format/Package.h"
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tgc::runtime {

struct DeviceInfo {
  std::string name;        // what opens it: "cpu"
  std::string description; // "Intel(R) Xeon(R) Processor"
  std::string arch;        // of code: "x86_64"
  std::string features;    // space-separated, by LLVM's names
  uint64_t memoryBytes = 0;
  uint32_t units = 0; // threads, multiprocessors
};

/// Where a device sees memory: a host address where usesHostMemory(), else one of its own.
using Address = uint64_t;

/// A launch list bound to memory, used by one thread at a time.
class Sequence {
public:
  virtual ~Sequence() = default;
  /// Buffers of the slot start here from the next run on. Every slot that a launch uses needs an address.
  virtual void setAddress(uint32_t slot, Address address) = 0;
  /// Runs all launches in order and waits for the last. With `nanoseconds` (one entry a launch) each launch
  /// is timed, by the device's own clock where it has one.
  virtual void run(std::span<uint64_t> nanoseconds) = 0;
};

/// The loaded code of one package; safe to use from several threads. Keeps what it needs of the device alive.
class Code {
public:
  virtual ~Code() = default;
  /// The launches must be those of the package that was loaded and outlive the sequence.
  virtual std::unique_ptr<Sequence> bind(std::span<const Launch> launches) = 0;
};

/// All calls are safe from several threads. Failures throw: device errors, or unsupported where the package
/// does not suit the device.
class Device {
public:
  virtual ~Device() = default;
  virtual const DeviceInfo &info() const = 0;

  /// Whether launches may be given addresses of ordinary host memory.
  virtual bool usesHostMemory() const = 0;
  /// Zero-filled memory aligned to 4096 (to 64 below 4096 bytes).
  virtual Address allocate(uint64_t bytes) = 0;
  virtual void release(Address address, uint64_t bytes) = 0;
  /// Copies and clearing happen in order; sequences that run later, and copies out, see them done. `from` is
  /// free to change when the call returns.
  virtual void copyIn(Address to, const void *from, uint64_t bytes) = 0;
  virtual void copyOut(void *to, Address from, uint64_t bytes) = 0;
  virtual void zero(Address address, uint64_t bytes) = 0;
  /// Fills memory with the random weight of that type, shape, name and seed (io/RandomWeights.h), in order
  /// like a copy; false if the device leaves it to the host.
  virtual bool fillRandom(Address, DType, const Shape &, const std::string &, uint64_t) { return false; }
  /// What allocate() can still give in all; no limit where that is the system's affair.
  virtual uint64_t freeBytes() const { return UINT64_MAX; }

  /// Packages that are loaded from now on leave compiled code there and take it from there; null: no longer. Devices
  /// whose drivers compile nothing that is worth keeping need none.
  virtual void useCodeCache(std::shared_ptr<CodeCache>) {}
  /// Checks that the package suits the device and loads its code; keeps no reference to the package.
  virtual std::unique_ptr<Code> load(const Package &package) = 0;
};

/// Memory of a device, released with the object.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(std::shared_ptr<Device> device, uint64_t bytes)
      : device(std::move(device)), start(this->device->allocate(bytes)), count(bytes) {}
  DeviceMemory(DeviceMemory &&other) noexcept { *this = std::move(other); }
  DeviceMemory &operator=(DeviceMemory &&other) noexcept {
    std::swap(device, other.device);
    std::swap(start, other.start);
    std::swap(count, other.count);
    return *this;
  }
  ~DeviceMemory() {
    if (device)
      device->release(start, count);
  }
  explicit operator bool() const { return device != nullptr; }
  Address address() const { return start; }
  uint64_t bytes() const { return count; }

private:
  std::shared_ptr<Device> device;
  Address start = 0;
  uint64_t count = 0;
};

/// Memory that nothing may read before it is written. With TGC_POISON=1 in the environment it is full of bytes 0xff
/// (NaN) at first, so that what reads it, or fails to write, shows; else of zeros.
DeviceMemory makeScratch(const std::shared_ptr<Device> &device, uint64_t bytes);

/// A kind of device: the part of a name before ':' ("cpu", "cuda:1").
struct DeviceKind {
  const char *name;
  /// The devices of this machine; empty where there is no driver.
  std::vector<DeviceInfo> (*list)();
  /// Opens the device of a full name.
  std::shared_ptr<Device> (*open)(const std::string &name);
};

/// All devices of this machine, of every kind.
std::vector<DeviceInfo> listDevices();
/// Throws a usage error that lists the known names if there is no such device.
std::shared_ptr<Device> openDevice(const std::string &name);

} // namespace tgc::runtime
