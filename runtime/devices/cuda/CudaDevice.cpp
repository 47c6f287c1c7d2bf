#include "runtime/devices/cuda/CudaDevice.h"
#include "runtime/devices/cuda/CudaCode.h"
#include "runtime/format/Error.h"
#include <unordered_map>

namespace tgc::runtime {

namespace {
using namespace cuda;

/// The alignment that Device promises for larger memory; the driver promises less.
constexpr uint64_t Page = 4096, DriverAlignment = 256;

class CudaCode final : public Code {
public:
  explicit CudaCode(std::shared_ptr<const LoadedCode> code) : code(std::move(code)) {}
  std::unique_ptr<Sequence> bind(std::span<const Launch> launches) override {
    return makeSequence(code, launches);
  }

private:
  std::shared_ptr<const LoadedCode> code;
};

class CudaDevice final : public Device {
public:
  CudaDevice(const Driver &driver, int ordinal) : shared(std::make_shared<Shared>(driver, ordinal)) {}

  const DeviceInfo &info() const override { return gpu().info(); }
  bool usesHostMemory() const override { return false; }

  Address allocate(uint64_t bytes) override {
    if (bytes == 0)
      return 0;
    Gpu::Current current(gpu());
    uint64_t taken = bytes < Page ? bytes : bytes + Page - DriverAlignment;
    DevicePointer start = 0;
    if (Result result = gpu().api().memAlloc(&start, taken); result != Success)
      gpu().fail(result, "taking " + bytesText(bytes) + " of memory");
    Address address = bytes < Page ? start : (start + Page - 1) / Page * Page;
    {
      std::lock_guard<std::mutex> lock(mutex);
      starts.emplace(address, start);
    }
    try {
      shared->transfers.zero(address, bytes);
    } catch (...) {
      release(address, bytes);
      throw;
    }
    return address;
  }

  void release(Address address, uint64_t bytes) override {
    if (bytes == 0)
      return;
    Gpu::Current current(gpu(), std::nothrow);
    DevicePointer start = 0;
    {
      std::lock_guard<std::mutex> lock(mutex);
      auto at = starts.find(address);
      start = at->second;
      starts.erase(at);
    }
    shared->transfers.finishQuietly(); // nothing may be on its way there
    gpu().api().memFree(start);
  }

  void copyIn(Address to, const void *from, uint64_t bytes) override {
    Gpu::Current current(gpu());
    shared->transfers.copyIn(to, from, bytes);
  }
  void copyOut(void *to, Address from, uint64_t bytes) override {
    Gpu::Current current(gpu());
    shared->transfers.copyOut(to, from, bytes);
  }
  void zero(Address address, uint64_t bytes) override {
    Gpu::Current current(gpu());
    shared->transfers.zero(address, bytes);
  }

  bool fillRandom(Address to, DType dtype, const Shape &shape, const std::string &name,
                  uint64_t seed) override {
    Gpu::Current current(gpu());
    return shared->random.fill(to, dtype, shape, name, seed);
  }

  uint64_t freeBytes() const override {
    Gpu::Current current(gpu());
    return gpu().memory().free;
  }

  std::unique_ptr<Code> load(const Package &package) override {
    if (package.device != "cuda")
      unsupported("the package was compiled for the device \"" + package.device + "\", this is " +
                  gpu().label());
    gpu().requireUsable();
    return std::make_unique<CudaCode>(loadCode(shared, package));
  }

private:
  const Gpu &gpu() const { return shared->gpu; }

  std::shared_ptr<Shared> shared;
  std::mutex mutex;
  std::unordered_map<Address, DevicePointer> starts; // as the driver gave them
};

/// The number behind "cuda:", 0 without one; -1 if it is none.
int ordinalOf(const std::string &name) {
  size_t colon = name.find(':');
  if (colon == std::string::npos)
    return 0;
  std::string digits = name.substr(colon + 1);
  if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos)
    return -1;
  return std::stoi(digits);
}
} // namespace

std::vector<DeviceInfo> listCuda() {
  std::vector<DeviceInfo> infos;
  try {
    const Driver &opened = driver();
    for (int i = 0; i < opened.devices; ++i)
      infos.push_back(Gpu::describe(opened, i));
  } catch (const Error &) {
    // No driver, no devices; opening one says why.
  }
  return infos;
}

std::shared_ptr<Device> openCuda(const std::string &name) {
  const Driver &opened = driver();
  int ordinal = ordinalOf(name);
  if (ordinal < 0 || ordinal >= opened.devices)
    usageError("there is no device \"" + name + "\"; this machine has cuda:0" +
               (opened.devices > 1 ? " to cuda:" + std::to_string(opened.devices - 1) : ""));
  return std::make_shared<CudaDevice>(opened, ordinal);
}

} // namespace tgc::runtime
