#include "runtime/devices/level_zero/LevelZeroDevice.h"
#include "runtime/devices/level_zero/LevelZeroCode.h"
#include "runtime/devices/spirv/Names.h"
#include "runtime/format/Error.h"

namespace tgc::runtime {

namespace {
using namespace level_zero;

class LevelZeroCode final : public Code {
public:
  explicit LevelZeroCode(std::shared_ptr<const LoadedCode> code) : code(std::move(code)) {}
  std::unique_ptr<Sequence> bind(std::span<const Launch> launches) override {
    return makeSequence(code, launches);
  }

private:
  std::shared_ptr<const LoadedCode> code;
};

class LevelZeroDevice final : public Device {
public:
  LevelZeroDevice(const Driver &driver, size_t ordinal)
      : device(std::make_shared<ZeDevice>(driver, ordinal)) {}

  const DeviceInfo &info() const override { return device->info(); }
  bool usesHostMemory() const override { return false; }
  Address allocate(uint64_t bytes) override { return bytes == 0 ? 0 : device->allocate(bytes); }
  void release(Address address, uint64_t bytes) override {
    if (bytes > 0)
      device->release(address, bytes);
  }
  void copyIn(Address to, const void *from, uint64_t bytes) override { device->copyIn(to, from, bytes); }
  void copyOut(void *to, Address from, uint64_t bytes) override { device->copyOut(to, from, bytes); }
  void zero(Address address, uint64_t bytes) override { device->zero(address, bytes); }
  uint64_t freeBytes() const override { return device->freeBytes(); }
  void useCodeCache(std::shared_ptr<CodeCache> used) override { cache = std::move(used); }

  std::unique_ptr<Code> load(const Package &package) override {
    spirv::requireKind(package, device->label());
    return std::make_unique<LevelZeroCode>(loadCode(device, package, cache.get()));
  }

private:
  std::shared_ptr<ZeDevice> device;
  std::shared_ptr<CodeCache> cache;
};
} // namespace

std::vector<DeviceInfo> listLevelZero() {
  std::vector<DeviceInfo> infos;
  try {
    const Driver &opened = driver();
    for (size_t i = 0; i < opened.devices.size(); ++i)
      infos.push_back(ZeDevice::describe(opened, i));
  } catch (const Error &) {
    // No Level Zero, no devices; opening one says why.
  }
  return infos;
}

std::shared_ptr<Device> openLevelZero(const std::string &name) {
  const Driver &opened = driver();
  if (opened.devices.empty())
    deviceError("Level Zero cannot be used: it has no device that takes SPIR-V" +
                (opened.refused.empty() ? "; install a driver (Debian: intel-opencl-icd for Intel GPUs)"
                                        : ":\n" + opened.refused));
  return std::make_shared<LevelZeroDevice>(opened, spirv::ordinalOf(name, opened.devices.size()));
}

} // namespace tgc::runtime
