// tgc tune: searches schedules for a model's kernels and keeps them in the database.
#include "compiler/driver/Progress.h"
#include "compiler/driver/Records.h"
#include "compiler/driver/SearchTable.h"
#include "compiler/support/Error.h"
#include "runtime/format/File.h"
#include <filesystem>

namespace tgc::driver {
namespace {

struct Arguments : ModelArguments {
  SearchArguments search;
  size_t rows = 20;
  std::string page;
  std::vector<std::string> compare;

  /// The file need not exist yet, so it is not the compilation's business.
  CompileOptions front() const {
    ModelArguments model = *this;
    std::error_code ignored;
    if (!std::filesystem::exists(databasePath(database), ignored))
      model.database.clear();
    return model.options();
  }
};

/// Each strategy by itself, knowing nothing of what the others found; then all of it goes into one database.
SearchReport compareStrategies(const Arguments &arguments) {
  SearchReport report;
  std::unique_ptr<Database> records = openDatabase(arguments.database);
  for (const std::string &strategy : arguments.compare) {
    SearchArguments search = arguments.search;
    search.search = strategy;
    std::string own = databasePath(arguments.database) + "." + strategy;
    std::filesystem::remove(own);
    SearchReport next = searchModel(arguments.front(), own, search.options(), search.cutSeconds());
    for (const TuneRow &row : next.result.rows)
      if (row.seconds > 0)
        report.found[strategy][next.workloads[row.workload].record.key] = row.seconds;
    next.found = std::move(report.found);
    next.histories.insert(next.histories.begin(), report.histories.begin(), report.histories.end());
    report = std::move(next);
    records->merge(own);
    for (const char *suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(own + suffix);
    if (report.result.stopped)
      break;
  }
  return report;
}

/// The module behind the schedule stage as the database now has it, for the next compilation.
void keepFront(const Arguments &arguments) {
  CompileOptions options = arguments.options();
  options.until = "schedule";
  Compilation(options).run();
  clearProgress();
}

void tune(const Arguments &arguments) {
  SearchReport report = arguments.compare.empty()
                            ? searchModel(arguments.front(), arguments.database, arguments.search.options(),
                                          arguments.search.cutSeconds())
                            : compareStrategies(arguments);
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
