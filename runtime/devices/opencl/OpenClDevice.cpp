#include "runtime/devices/opencl/OpenClDevice.h"
#include "runtime/devices/opencl/OpenClCode.h"
#include "runtime/devices/spirv/Names.h"
#include "runtime/format/Error.h"

namespace tgc::runtime {

namespace {
using namespace opencl;

class OpenClCode final : public Code {
public:
  explicit OpenClCode(std::shared_ptr<const LoadedCode> code) : code(std::move(code)) {}
  std::unique_ptr<Sequence> bind(std::span<const Launch> launches) override {
    return makeSequence(code, launches);
  }

private:
  std::shared_ptr<const LoadedCode> code;
};

class OpenClDevice final : public Device {
public:
  OpenClDevice(const Driver &driver, size_t ordinal) : device(std::make_shared<ClDevice>(driver, ordinal)) {}

  const DeviceInfo &info() const override { return device->info(); }
  bool usesHostMemory() const override { return false; }
  Address allocate(uint64_t bytes) override { return bytes == 0 ? 0 : device->allocate(bytes); }
  void release(Address address, uint64_t bytes) override {
    if (bytes > 0)
      device->release(address);
  }
  void copyIn(Address to, const void *from, uint64_t bytes) override { device->copyIn(to, from, bytes); }
  void copyOut(void *to, Address from, uint64_t bytes) override { device->copyOut(to, from, bytes); }
  void zero(Address address, uint64_t bytes) override { device->zero(address, bytes); }
  uint64_t freeBytes() const override { return device->freeBytes(); }
  void useCodeCache(std::shared_ptr<CodeCache> used) override { cache = std::move(used); }

  std::unique_ptr<Code> load(const Package &package) override {
    spirv::requireKind(package, device->label());
    return std::make_unique<OpenClCode>(loadCode(device, package, cache.get()));
  }

private:
  std::shared_ptr<ClDevice> device;
  std::shared_ptr<CodeCache> cache;
};
} // namespace

std::vector<DeviceInfo> listOpenCl() {
  std::vector<DeviceInfo> infos;
  try {
    const Driver &opened = driver();
    for (size_t i = 0; i < opened.devices.size(); ++i)
      infos.push_back(ClDevice::describe(opened, i));
  } catch (const Error &) {
    // No OpenCL, no devices; opening one says why.
  }
  return infos;
}

std::shared_ptr<Device> openOpenCl(const std::string &name) {
  const Driver &opened = driver();
  if (opened.devices.empty())
    deviceError("OpenCL cannot be used: it has no device that takes SPIR-V" +
                (opened.refused.empty() ? "; install a driver (Debian: intel-opencl-icd for Intel GPUs)"
                                        : ":\n" + opened.refused));
  return std::make_shared<OpenClDevice>(opened, spirv::ordinalOf(name, opened.devices.size()));
}

} // namespace tgc::runtime
