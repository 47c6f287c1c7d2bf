#include "runtime/devices/cuda/Gpu.h"
#include "runtime/format/Error.h"

namespace tgc::runtime::cuda {

namespace {
DeviceId idOf(const Driver &driver, int ordinal) {
  DeviceId id = 0;
  if (Result result = driver.api.deviceGet(&id, ordinal); result != Success)
    deviceError("cuda:" + std::to_string(ordinal) + ": " + errorText(driver, result));
  return id;
}

int attributeOf(const Driver &driver, DeviceId id, DeviceAttribute which) {
  int value = 0;
  driver.api.deviceGetAttribute(&value, static_cast<int>(which), id);
  return value;
}

/// Features of single architectures are in the code that is compiled for "sm_90a" and the like.
bool hasSpecificArch(int capability) { return capability >= 90; }
} // namespace

DeviceInfo Gpu::describe(const Driver &driver, int ordinal) {
  DeviceId id = idOf(driver, ordinal);
  auto value = [&](DeviceAttribute which) { return attributeOf(driver, id, which); };
  int capability = value(DeviceAttribute::ComputeMajor) * 10 + value(DeviceAttribute::ComputeMinor);
  char text[256] = {};
  driver.api.deviceGetName(text, sizeof text - 1, id);
  size_t total = 0;
  driver.api.deviceTotalMem(&total, id);
  DeviceInfo info;
  info.name = "cuda:" + std::to_string(ordinal);
  info.description = text;
  info.arch = "sm_" + std::to_string(capability) + (hasSpecificArch(capability) ? "a" : "");
  auto feature = [&](const char *key, DeviceAttribute which) {
    info.features +=
        (info.features.empty() ? "" : " ") + std::string(key) + "=" + std::to_string(value(which));
  };
  feature("shared", DeviceAttribute::SharedBytesPerBlock);
  feature("l2", DeviceAttribute::L2Bytes);
  feature("registers", DeviceAttribute::RegistersPerMultiprocessor);
  feature("clock-khz", DeviceAttribute::ClockKilohertz);
  // In 10^9 bytes a second, as memory moves two bits a clock and line; left out where the driver does not say.
  if (int64_t lines = value(DeviceAttribute::MemoryBusBits) / 8,
      clock = value(DeviceAttribute::MemoryKilohertz);
      lines * clock > 0)
    info.features += " bandwidth=" + std::to_string((2 * lines * clock + 500'000) / 1'000'000);
  info.features +=
      " driver=" + std::to_string(driver.version / 1000) + "." + std::to_string(driver.version % 1000 / 10);
  info.memoryBytes = total;
  info.units = static_cast<uint32_t>(value(DeviceAttribute::Multiprocessors));
  return info;
}

Gpu::Gpu(const Driver &driver, int ordinal)
    : opened(driver), id(idOf(driver, ordinal)), description(describe(driver, ordinal)),
      name(description.name + " (" + description.description + ")") {
  check(api().primaryContextRetain(&context, id), "opening the device");
}

Gpu::~Gpu() { api().primaryContextRelease(id); }

int Gpu::attribute(DeviceAttribute which) const { return attributeOf(opened, id, which); }

int Gpu::computeCapability() const {
  return attribute(DeviceAttribute::ComputeMajor) * 10 + attribute(DeviceAttribute::ComputeMinor);
}

Gpu::Current::Current(const Gpu &gpu) : gpu(gpu) {
  gpu.requireUsable();
  gpu.check(gpu.api().contextPushCurrent(gpu.context), "using the device");
}

Gpu::Current::Current(const Gpu &gpu, std::nothrow_t)
    : gpu(gpu), pushed(gpu.api().contextPushCurrent(gpu.context) == Success) {}

Gpu::Current::~Current() {
  Context popped = nullptr;
  if (pushed)
    gpu.api().contextPopCurrent(&popped);
}

void Gpu::requireUsable() const {
  if (!lost)
    return;
  std::lock_guard<std::mutex> lock(lostLock);
  deviceError(name + " is lost to this process since an earlier error (" + lostBy +
              "): start the process anew");
}

void Gpu::fail(Result result, const std::string &doing) const {
  requireUsable();
  std::string text = doing + ": " + errorText(opened, result);
  if (result == OutOfMemory) {
    Memory now = memory();
    text += "; " + bytesText(now.free) + " of " + bytesText(now.total) + " are free";
  }
  if (losesContext(result)) {
    std::lock_guard<std::mutex> lock(lostLock);
    if (!lost) {
      lostBy = text;
      lost = true;
    }
    text += "; the device is lost to this process, start it anew; TGC_CUDA_DEBUG=1 has every launch waited "
            "for and "
            "named";
  }
  deviceError(name + ": " + text);
}

Gpu::Memory Gpu::memory() const {
  size_t free = 0, total = 0;
  api().memGetInfo(&free, &total);
  return {free, total};
}

} // namespace tgc::runtime::cuda
