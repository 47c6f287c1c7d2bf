#include "runtime/devices/opencl/OpenClDevice.h"
#include "runtime/devices/opencl/OpenClCode.h"
#include "runtime/format/Error.h"

namespace tgc::runtime {

namespace {
using namespace opencl;

class OpenClCode final : public Code {
public:
  explicit OpenClCode(std::shared_ptr<const LoadedCode> code) : code(std::move(code)) {}
  std::unique_ptr<Sequence> bind(std::span<const Launch> launches) override { return makeSequence(code, launches); }

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

  std::unique_ptr<Code> load(const Package &package) override {
    if (package.device != "opencl")
      unsupported("the package was compiled for the device \"" + package.device + "\", this is " + device->label());
    return std::make_unique<OpenClCode>(loadCode(device, package));
  }

private:
  std::shared_ptr<ClDevice> device;
};

/// The number behind "opencl:", 0 without one; SIZE_MAX if it is none.
size_t ordinalOf(const std::string &name) {
  size_t colon = name.find(':');
  if (colon == std::string::npos)
    return 0;
  std::string digits = name.substr(colon + 1);
  if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos)
    return SIZE_MAX;
  return std::stoul(digits);
}
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
  size_t ordinal = ordinalOf(name);
  if (ordinal >= opened.devices.size())
    usageError("there is no device \"" + name + "\"; this machine has opencl:0" +
               (opened.devices.size() > 1 ? " to opencl:" + std::to_string(opened.devices.size() - 1) : ""));
  return std::make_shared<OpenClDevice>(opened, ordinal);
}

} // namespace tgc::runtime
