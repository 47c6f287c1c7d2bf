#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/devices/cpu/CodeImage.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/format/Error.h"
#include "runtime/format/HugePages.h"
#include "runtime/io/Threads.h"
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace tgc::runtime {

namespace {
/// From this size on memory is mapped, which gives zeros without touching them and returns it at once.
constexpr uint64_t MapBytes = uint64_t(1) << 20;
constexpr size_t Page = 4096;

/// What the launches of a loaded package need; shared by its sequences.
struct Entry {
  BlockFunction function;
  size_t scratchBytes;
};

struct LoadedCode {
  std::shared_ptr<ThreadPool> pool;
  std::vector<std::unique_ptr<CodeImage>> images;
  std::vector<Entry> functions;
};

class CpuSequence final : public Sequence {
public:
  CpuSequence(std::shared_ptr<const LoadedCode> code, std::span<const Launch> launches)
      : code(std::move(code)), launches(launches) {
    for (const Launch &launch : launches) {
      firstParam.push_back(addresses.size());
      for (const Param &param : launch.params) {
        if (param.kind == ParamKind::Buffer) {
          if (param.slot >= uses.size())
            uses.resize(param.slot + 1);
          uses[param.slot].push_back({addresses.size(), param.offset});
          addresses.push_back(nullptr);
        } else {
          // The address of the value: launches outlive the sequence.
          addresses.push_back(const_cast<uint64_t *>(&param.scalar));
        }
      }
    }
  }

  void setAddress(uint32_t slot, Address address) override {
    if (slot < uses.size())
      for (const Use &use : uses[slot])
        addresses[use.param] = reinterpret_cast<void *>(address + use.offset);
  }

  void run(std::span<uint64_t> nanoseconds) override {
    using Clock = std::chrono::steady_clock;
    for (size_t i = 0; i < launches.size(); ++i) {
      auto start = nanoseconds.empty() ? Clock::time_point() : Clock::now();
      const Entry &entry = code->functions[launches[i].function];
      code->pool->run(entry.function, addresses.data() + firstParam[i], entry.scratchBytes,
                      launches[i].blocks(), scratch);
      if (!nanoseconds.empty())
        nanoseconds[i] = static_cast<uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
    }
  }

private:
  struct Use {
    size_t param; // in addresses
    uint64_t offset;
  };
  std::shared_ptr<const LoadedCode> code;
  std::span<const Launch> launches;
  std::vector<void *> addresses; // of all launches' parameters, one launch after the other
  std::vector<size_t> firstParam;
  std::vector<std::vector<Use>> uses; // by slot
  Scratch scratch;
};

class CpuCode final : public Code {
public:
  explicit CpuCode(std::shared_ptr<const LoadedCode> code) : code(std::move(code)) {}
  std::unique_ptr<Sequence> bind(std::span<const Launch> launches) override {
    return std::make_unique<CpuSequence>(code, launches);
  }

private:
  std::shared_ptr<const LoadedCode> code;
};

class CpuDevice final : public Device {
public:
  CpuDevice(DeviceInfo info, std::shared_ptr<ThreadPool> pool)
      : about(std::move(info)), pool(std::move(pool)) {}

  const DeviceInfo &info() const override { return about; }
  bool usesHostMemory() const override { return true; }

  Address allocate(uint64_t bytes) override {
    if (bytes >= MapBytes)
      return map(bytes);
    size_t alignment = bytes >= Page ? Page : 64;
    size_t size = std::max<size_t>((bytes + alignment - 1) / alignment * alignment, alignment);
    void *memory = std::aligned_alloc(alignment, size);
    if (!memory)
      deviceError("out of memory: cannot allocate " + std::to_string(bytes) + " bytes");
    std::memset(memory, 0, size);
    return reinterpret_cast<Address>(memory);
  }
  void release(Address address, uint64_t bytes) override {
    if (bytes >= MapBytes)
      ::munmap(reinterpret_cast<void *>(address), bytes);
    else
      std::free(reinterpret_cast<void *>(address));
  }
  void copyIn(Address to, const void *from, uint64_t bytes) override {
    if (bytes)
      std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  }
  void copyOut(void *to, Address from, uint64_t bytes) override {
    if (bytes)
      std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
  }
  void zero(Address address, uint64_t bytes) override {
    if (bytes)
      std::memset(reinterpret_cast<void *>(address), 0, bytes);
  }

  std::unique_ptr<Code> load(const Package &package) override {
    if (package.device != "cpu")
      unsupported("the package is for the device \"" + package.device + "\", not for a CPU");
    if (package.arch != cpuArch())
      unsupported("the package holds code for " + package.arch + ", this machine is " + cpuArch());
    requireCpuFeatures(package.features);
    auto code = std::make_shared<LoadedCode>();
    code->pool = pool;
    for (const Module &module : package.modules) {
      if (module.format != "cpu-image")
        unsupported("the package holds code in the unknown form \"" + module.format + "\"");
      code->images.push_back(std::make_unique<CodeImage>(module));
    }
    for (const Function &function : package.functions) {
      const uint8_t *entry = code->images[function.module]->base() + function.entry;
      code->functions.push_back(
          {reinterpret_cast<BlockFunction>(reinterpret_cast<uintptr_t>(entry)), function.scratchBytes});
    }
    return std::make_unique<CpuCode>(std::move(code));
  }

private:
  static Address map(uint64_t bytes) {
    void *memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
      deviceError("out of memory: cannot allocate " + std::to_string(bytes) + " bytes");
    if (bytes >= HugePage)
      preferHugePages(memory, bytes);
    return reinterpret_cast<Address>(memory);
  }

  DeviceInfo about;
  std::shared_ptr<ThreadPool> pool;
};

std::string modelName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "CPU";
}

DeviceInfo describe() {
  DeviceInfo info;
  info.name = "cpu";
  info.description = modelName();
  info.arch = cpuArch();
  for (const std::string &feature : cpuFeatures())
    info.features += (info.features.empty() ? "" : " ") + feature;
  info.memoryBytes =
      static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  info.units = threadCount();
  return info;
}
} // namespace

std::vector<DeviceInfo> listCpu() { return {describe()}; }

std::shared_ptr<Device> openCpu(const std::string &name) {
  if (name != "cpu")
    usageError("there is no device \"" + name + "\"; the CPU is \"cpu\"");
  DeviceInfo info = describe();
  // Programs opened at the same time share the threads, or they would fight for the cores.
  static std::mutex mutex;
  static std::weak_ptr<ThreadPool> shared;
  std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<ThreadPool> pool = shared.lock();
  if (!pool || pool->threads() != info.units)
    shared = pool = std::make_shared<ThreadPool>(info.units);
  return std::make_shared<CpuDevice>(std::move(info), std::move(pool));
}

} // namespace tgc::runtime
