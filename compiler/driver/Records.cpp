#include "compiler/driver/Records.h"

#include "compiler/support/Error.h"
#include "search/database/Choose.h"
#include "search/tune/CutSearch.h"
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

namespace {

/// Reads the schedules of workloads, the best first.
class Reader {
public:
  Reader(const std::string &path, const std::string &device)
      : database(path, /*readOnly=*/true), target(device), machine(machineName()) {}

  std::vector<std::string> schedules(uint64_t hash) {
    if (device.empty())
      device = deviceKey(makeTarget(target)->device());
    std::vector<std::string> found;
    for (const TuningRecord &record :
         byPreference(database.records(workloadKey(hash), device, machine), machine))
      found.push_back(record.schedule);
    return found;
  }

private:
  Database database;
  std::string target, machine, device;
};

/// Null where the user's own file does not exist yet.
std::shared_ptr<Reader> readerOf(const std::string &argument, const std::string &device) {
  std::string path = databasePath(argument);
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored))
    return std::make_shared<Reader>(path, device);
  if (!argument.empty())
    badInput("--db {}: there is no such file", argument);
  return nullptr;
}

} // namespace

std::function<std::vector<std::string>(uint64_t kernel)> recordedSchedules(const std::string &argument,
                                                                           const std::string &device) {
  std::shared_ptr<Reader> reader = readerOf(argument, device);
  if (!reader)
    return {};
  return [reader](uint64_t kernel) { return reader->schedules(kernel); };
}

namespace {

/// In the database's place for code. Another build of the program may come to something else.
class DatabaseFronts : public FrontKeeper {
public:
  explicit DatabaseFronts(const std::string &path) : path(path) {
    std::error_code error;
    std::filesystem::path program = "/proc/self/exe"; // whatever its path now leads to
    build = fmt::format("{} {}", std::filesystem::file_size(program, error),
                        std::filesystem::last_write_time(program, error).time_since_epoch().count());
  }
  std::optional<std::vector<uint8_t>> find(const std::string &key) override {
    try {
      return open().nativeCode({"", build, "front", key});
    } catch (const Error &) {
      return std::nullopt;
    }
  }
  void store(const std::string &key, std::span<const uint8_t> bytes) override {
    try {
      open().storeNativeCode({"", build, "front", key}, bytes);
    } catch (const Error &) {
      // A file that others may read only.
    }
  }

private:
  Database &open() {
    if (!database)
      database = std::make_unique<Database>(path);
    return *database;
  }
  std::string path, build;
  std::unique_ptr<Database> database;
};

} // namespace

std::shared_ptr<FrontKeeper> keptFronts(const std::string &argument) {
  std::string path = databasePath(argument);
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? std::make_shared<DatabaseFronts>(path) : nullptr;
}

std::function<std::vector<std::string>(uint64_t graph)> recordedCuts(const std::string &argument,
                                                                     const std::string &device) {
  std::shared_ptr<Reader> reader = readerOf(argument, device);
  if (!reader)
    return {};
  return [reader](uint64_t graph) {
    std::vector<std::string> best = reader->schedules(graph);
    return best.empty() ? std::vector<std::string>() : parseTurned(best.front());
  };
}

} // namespace tgc::driver
