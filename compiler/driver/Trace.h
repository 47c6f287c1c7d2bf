// Traces of runs in the form that Perfetto and Chrome open.
#pragma once
#include "compiler/driver/RuntimeCall.h"
#include <nlohmann/json.hpp>
#include <vector>

namespace tgc::driver {

/// One run of a program: its whole time on the host, and its launches' times on the device, in seconds.
struct TracedRun {
  double total = 0;
  std::vector<double> launches;
};

/// Two tracks: the host's runs one after the other, and below each its launches, back to back as the device ran them,
/// with what each is (schedule, shape, work, rates) and the ONNX nodes that it came from.
nlohmann::json traceOf(tgc_program *program, const std::string &device, const std::vector<TracedRun> &runs);

} // namespace tgc::driver
