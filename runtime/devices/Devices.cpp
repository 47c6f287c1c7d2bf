// The one list of device kinds.
#include "runtime/devices/Device.h"
#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/devices/cuda/CudaDevice.h"
#include "runtime/devices/level_zero/LevelZeroDevice.h"
#include "runtime/devices/opencl/OpenClDevice.h"
#include "runtime/format/Error.h"
#include <algorithm>
#include <cstdlib>

namespace tgc::runtime {

namespace {
const DeviceKind Kinds[] = {
    {"cpu", listCpu, openCpu},
    {"cuda", listCuda, openCuda},
    {"level_zero", listLevelZero, openLevelZero},
    {"opencl", listOpenCl, openOpenCl},
};
} // namespace

std::vector<DeviceInfo> listDevices() {
  std::vector<DeviceInfo> all;
  for (const DeviceKind &kind : Kinds)
    for (DeviceInfo &info : kind.list())
      all.push_back(std::move(info));
  return all;
}

std::shared_ptr<Device> openDevice(const std::string &name) {
  for (const DeviceKind &kind : Kinds)
    if (name.substr(0, name.find(':')) == kind.name)
      return kind.open(name);
  std::string known;
  for (const DeviceInfo &info : listDevices())
    known += " " + info.name;
  usageError("there is no device \"" + name + "\"; this machine has:" + known);
}

DeviceMemory makeScratch(const std::shared_ptr<Device> &device, uint64_t bytes) {
  constexpr uint64_t Part = uint64_t(16) << 20;
  DeviceMemory memory(device, bytes);
  const char *poison = std::getenv("TGC_POISON");
  if (!poison || *poison == '\0' || *poison == '0')
    return memory;
  const std::vector<uint8_t> pattern(std::min(bytes, Part), 0xff);
  for (uint64_t at = 0; at < bytes; at += Part)
    device->copyIn(memory.address() + at, pattern.data(), std::min(Part, bytes - at));
  return memory;
}

} // namespace tgc::runtime
