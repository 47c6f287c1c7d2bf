// NVIDIA GPUs as data, by name or as the driver describes one.
#pragma once
#include "codegen/Target.h"
#include <optional>
#include <string>
#include <vector>

namespace tgc::ptx {

struct PtxDevice {
  DeviceInfo info;
  std::string description;
  /// Code stays PTX, which the driver of this and of any newer GPU assembles.
  bool portable = false;
};

/// Names that follow "cuda:", best first.
std::vector<std::string> ptxDeviceNames();

/// A GPU of the table, with what differs from it behind its name: "rtx3090,units=68,bandwidth=760". `units` are
/// multiprocessors, `bandwidth` 10^9 bytes a second, `l2` and `shared` (of a block) bytes. Rates follow the units.
/// Nothing for an unknown name or text.
std::optional<PtxDevice> ptxDevice(const std::string &text);

/// That text for a GPU that is there: the nearest of the table among those whose code it runs, best the code of its own
/// architecture, and what differs by more than a twentieth. Nothing if no code is made for it.
std::optional<std::string> ptxDeviceFor(const FoundDevice &found);

} // namespace tgc::ptx
