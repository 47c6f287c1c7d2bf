#include "compiler/driver/Records.h"

#include "compiler/support/Error.h"
#include "search/database/Choose.h"
#include "search/tune/Tuner.h"
#include <cstdlib>
#include <filesystem>

namespace tgc::driver {

std::string databasePath(const std::string &argument) {
  if (!argument.empty())
    return argument;
  if (const char *path = std::getenv("TGC_DATABASE"); path && *path)
    return path;
  std::filesystem::path data;
  if (const char *folder = std::getenv("XDG_DATA_HOME"); folder && *folder)
    data = folder;
  else if (const char *home = std::getenv("HOME"); home && *home)
    data = std::filesystem::path(home) / ".local/share";
  else
    data = std::filesystem::temp_directory_path();
  return (data / "tgc" / "tuning.db").string();
}

std::function<std::vector<std::string>(const KernelInfo &)> recordedSchedules(const std::string &argument,
                                                                              const std::string &device) {
  std::string path = databasePath(argument);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    if (!argument.empty())
      badInput("--db {}: there is no such file", argument);
    return {};
  }
  auto database = std::make_shared<Database>(path, /*readOnly=*/true);
  return [database, device, key = std::string(), machine = machineName()](const KernelInfo &kernel) mutable {
    if (key.empty())
      key = deviceKey(makeTarget(device)->device());
    std::vector<std::string> schedules;
    for (const TuningRecord &record :
         byPreference(database->records(workloadKey(kernel.hash), key, machine), machine))
      schedules.push_back(record.schedule);
    return schedules;
  };
}

} // namespace tgc::driver
