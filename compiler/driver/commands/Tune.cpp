// tgc tune: searches schedules for a model's kernels and keeps them in the database.
#include "compiler/driver/Progress.h"
#include "compiler/driver/Records.h"
#include "compiler/driver/SearchTable.h"
#include "compiler/support/Error.h"
#include "runtime/format/File.h"
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <unistd.h>

namespace tgc::driver {
namespace {

struct Arguments : ModelArguments {
  SearchArguments search;
  size_t rows = 20;
  std::string page;
  std::vector<std::string> compare;
};

constexpr const char *ownInfix = ".compare-"; ///< between the database's name and the process

/// What one strategy of a comparison finds is a file beside the database until it has ended. Two comparisons at the same
/// time do not share it.
std::string ownFile(const std::string &database, const std::string &strategy) {
  return fmt::format("{}{}{}-{}", database, ownInfix, getpid(), strategy);
}

void takeOver(Database &records, const std::string &own) {
  records.merge(own);
  for (const char *suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(own + suffix);
}

/// Takes over what comparisons found that were killed.
void takeLeft(Database &records, const std::filesystem::path &database) {
  std::string prefix = database.filename().string() + ownInfix;
  std::vector<std::string> left;
  for (const auto &entry :
       std::filesystem::directory_iterator(std::filesystem::absolute(database).parent_path())) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || name.ends_with("-wal") || name.ends_with("-shm"))
      continue;
    pid_t owner = 0;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), owner);
    if (owner > 0 && kill(owner, 0) != 0 && errno == ESRCH)
      left.push_back(entry.path().string());
  }
  for (const std::string &own : left)
    takeOver(records, own);
}

/// Each strategy by itself, knowing nothing of what the others found; then all of it goes into one database.
SearchReport compareStrategies(const Arguments &arguments) {
  for (const std::string &strategy : arguments.compare)
    parseStrategy(strategy);
  SearchReport report;
  std::string path = databasePath(arguments.database);
  std::unique_ptr<Database> records = openDatabase(arguments.database);
  takeLeft(*records, path);
  CompileOptions front = arguments.options();
  front.recorded = nullptr;
  front.recordedCut = nullptr;
  for (const std::string &strategy : arguments.compare) {
    SearchArguments search = arguments.search;
    search.search = strategy;
    std::string own = ownFile(path, strategy);
    SearchReport next = searchModel(front, own, search.options(), search.cutSeconds());
    for (const TuneRow &row : next.result.rows)
      if (row.seconds > 0)
        report.found[strategy][next.workloads[row.workload].record.key] = row.seconds;
    next.found = std::move(report.found);
    next.histories.insert(next.histories.begin(), report.histories.begin(), report.histories.end());
    report = std::move(next);
    takeOver(*records, own);
    if (report.result.stopped)
      break;
  }
  return report;
}

SearchReport searchOne(const Arguments &arguments) {
  TuneOptions tuning = arguments.search.options();
  // So that the compilation reads no other database.
  openDatabase(arguments.database);
  return searchModel(arguments.options(), arguments.database, tuning, arguments.search.cutSeconds());
}

/// The module behind the schedule stage as the database now has it, for the next compilation.
void keepFront(const Arguments &arguments) {
  CompileOptions options = arguments.options();
  options.until = "schedule";
  Compilation(options).run();
  clearProgress();
}

void tune(const Arguments &arguments) {
  SearchReport report = arguments.compare.empty() ? searchOne(arguments) : compareStrategies(arguments);
  std::unique_ptr<Database> database = openDatabase(arguments.database);
  std::vector<SearchRow> rows = searchRows(report, *database);
  fmt::print("{}", searchTable(report, rows, arguments.rows));
  if (!arguments.page.empty()) {
    std::string text = searchPage(report, rows, std::filesystem::path(arguments.model).stem().string());
    runtime::writeFileAtomically(arguments.page,
                                 runtime::Bytes(std::vector<uint8_t>(text.begin(), text.end())));
  }
  if (!report.result.stopped)
    keepFront(arguments);
}

} // namespace

void addTune(CLI::App &app) {
  auto arguments = std::make_shared<Arguments>();
  arguments->search.search = "beam";
  CLI::App *command =
      app.add_subcommand("tune", "Search schedules for a model and keep them in the database");
  arguments->addTo(*command);
  arguments->search.addTo(*command);
  command
      ->add_option("--compare", arguments->compare, "run these strategies at equal budgets, each for itself")
      ->delimiter(',');
  command->add_option("--html", arguments->page,
                      "write a page with roofline, progress and table to this file");
  command->add_option("--rows", arguments->rows, "kernels in the table")->capture_default_str();
  command->callback([arguments] { tune(*arguments); });
}

} // namespace tgc::driver
