// What commands print about compilations and packages.
#pragma once
#include "compiler/pipeline/Compilation.h"
#include <nlohmann/json.hpp>

namespace tgc::driver {

std::string timesText(const std::vector<StageTime> &times);
/// "1.6 GiB"
std::string bytesText(double bytes);

/// Where, how large, how many kernels and launches, and the memory that running needs.
std::string packageText(Compilation &compilation, const std::string &path);
nlohmann::json packageJson(Compilation &compilation, const std::string &path);

/// One line a launch: kernel, shape, launches of it, work, expected time, schedule.
std::string kernelsText(Compilation &compilation);
/// The cutter's decisions, the dearest first, with what the cost model says of both sides.
std::string decisionsText(const CutReport &cut);
nlohmann::json kernelsJson(Compilation &compilation);

/// What running will need: launches, memory of weights and intermediate values, least time.
std::string preflightText(Compilation &compilation);
nlohmann::json preflightJson(Compilation &compilation);

/// Whole or not at all.
void writeJson(const std::string &path, const nlohmann::json &value);

/// Least time by the device's rates: the longer of arithmetic and memory traffic, and the launch.
double rooflineSeconds(const KernelInfo &kernel, const DeviceInfo &device);

} // namespace tgc::driver
