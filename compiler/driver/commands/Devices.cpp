// tgc devices: what this machine has, and what can be compiled for.
#include "compiler/driver/Command.h"
#include "compiler/driver/Reports.h"
#include "compiler/driver/RuntimeCall.h"

namespace tgc::driver {
namespace {

void devices(bool json) {
  size_t count = 0;
  call(tgc_device_list(nullptr, 0, &count));
  std::vector<tgc_device_info> infos(count);
  call(tgc_device_list(infos.data(), infos.size(), &count));
  if (json) {
    nlohmann::json result{{"devices", nlohmann::json::array()}, {"targets", nlohmann::json::array()}};
    for (const tgc_device_info &info : infos)
      result["devices"].push_back({{"name", info.name},
                                   {"description", info.description},
                                   {"arch", info.arch},
                                   {"features", info.features},
                                   {"memory_bytes", info.memory_bytes},
                                   {"units", info.units}});
    for (const auto &[name, description] : targetNames())
      result["targets"].push_back({{"name", name}, {"description", description}});
    fmt::print("{}\n", result.dump(2));
    return;
  }
  fmt::print("Devices of this machine\n");
  for (const tgc_device_info &info : infos)
    fmt::print("  {:<14} {} ({}, {} units, {})\n                 {}\n", info.name, info.description,
               info.arch, info.units, bytesText(info.memory_bytes), info.features);
  fmt::print("Names that --device takes\n");
  for (const auto &[name, description] : targetNames())
    fmt::print("  {:<14} {}\n", name, description);
}

} // namespace

void addDevices(CLI::App &app) {
  CLI::App *command = app.add_subcommand("devices", "List devices and the targets that can be compiled for");
  command->footer("What differs from a target stands behind its name: cuda:rtx3090,units=68,bandwidth=760; "
                  "\nopencl:pvc,blocks=off for drivers of Intel's GPUs that know no blocks of memory");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "print JSON");
  command->callback([json] { devices(*json); });
}

} // namespace tgc::driver
