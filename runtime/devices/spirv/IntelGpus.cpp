#include "runtime/devices/spirv/IntelGpus.h"

namespace tgc::runtime::spirv {

namespace {
struct Architecture {
  uint32_t major, firstMinor, lastMinor;
  const char *name;
};
const Architecture Architectures[] = {
    {12, 55, 57, "dg2"},
    {12, 60, 61, "pvc"},
    {20, 1, 2, "bmg"},
    {20, 4, 4, "lnl"},
};

/// Of the GPUs that older drivers know too.
struct PciRange {
  uint32_t first, last;
  const char *name;
};
const PciRange PciRanges[] = {
    {0x0B69, 0x0B6E, "pvc"}, {0x0BD0, 0x0BDB, "pvc"}, {0x4F80, 0x4F88, "dg2"},
    {0x5690, 0x569F, "dg2"}, {0x56A0, 0x56AF, "dg2"}, {0x56B0, 0x56C1, "dg2"},
};
constexpr const char *Unnamed = "gpu";
} // namespace

std::string architectureOfVersion(uint32_t version) {
  uint32_t minor = version >> 14 & 255;
  for (const Architecture &known : Architectures)
    if (version >> 22 == known.major && minor >= known.firstMinor && minor <= known.lastMinor)
      return known.name;
  return Unnamed;
}

std::string architectureOfDevice(uint32_t pciDevice) {
  for (const PciRange &range : PciRanges)
    if (pciDevice >= range.first && pciDevice <= range.last)
      return range.name;
  return Unnamed;
}

} // namespace tgc::runtime::spirv
