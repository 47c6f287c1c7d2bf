// Times are in microseconds. The device's clock gives lengths alone: a run's launches end with the run, since the host
// waits for the last and has its own work before the first.
#include "compiler/driver/Trace.h"

#include <algorithm>
#include <numeric>

namespace tgc::driver {
namespace {

constexpr int Process = 1, HostTrack = 1, DeviceTrack = 2;

nlohmann::json named(const char *what, int track, const std::string &name) {
  return {{"name", what}, {"ph", "M"}, {"pid", Process}, {"tid", track}, {"args", {{"name", name}}}};
}

nlohmann::json span(const std::string &name, int track, double start, double length,
                    nlohmann::json arguments) {
  return {{"name", name},
          {"ph", "X"},
          {"pid", Process},
          {"tid", track},
          {"ts", start},
          {"dur", length},
          {"args", std::move(arguments)}};
}

} // namespace

nlohmann::json traceOf(tgc_program *program, const std::string &device, const std::vector<TracedRun> &runs) {
  nlohmann::json events = {named("process_name", HostTrack, "tgc"), named("thread_name", HostTrack, "runs"),
                           named("thread_name", DeviceTrack, device)};
  std::vector<tgc_launch_info> launches(runs.empty() ? 0 : runs.front().launches.size());
  for (size_t i = 0; i < launches.size(); ++i)
    call(tgc_program_launch(program, TGC_RUN_LIST, i, &launches[i]));
  double start = 0;
  for (size_t run = 0; run < runs.size(); ++run) {
    double kernels = std::accumulate(runs[run].launches.begin(), runs[run].launches.end(), 0.0) * 1e6;
    double length = std::max(runs[run].total * 1e6, kernels);
    events.push_back(span("run " + std::to_string(run), HostTrack, start, length, {{"kernels us", kernels}}));
    double at = start + length - kernels;
    for (size_t i = 0; i < launches.size(); ++i) {
      const tgc_launch_info &launch = launches[i];
      double seconds = runs[run].launches[i], rate = seconds > 0 ? 1e-9 / seconds : 0;
      events.push_back(span(launch.kernel, DeviceTrack, at, seconds * 1e6,
                            {{"launch", i},
                             {"schedule", launch.schedule},
                             {"shape", launch.shape},
                             {"nodes", launch.nodes},
                             {"GFLOP/s", double(launch.flops) * rate},
                             {"GB/s", double(launch.bytes_moved) * rate}}));
      at += seconds * 1e6;
    }
    start += length;
  }
  return {{"traceEvents", events}};
}

} // namespace tgc::driver
