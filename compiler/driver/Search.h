// Searching schedules for a model: what compile --search and tune share.
#pragma once
#include "compiler/driver/Command.h"
#include "search/tune/CutSearch.h"
#include "search/tune/Tuner.h"
#include <optional>

namespace tgc::driver {

struct SearchArguments {
  std::string search, budget;
  uint64_t seed = 1;
  std::optional<int> cuts;         ///< percent of a budget of time for the cutter's decisions
  std::vector<std::string> faults; ///< test only: TRIAL=KIND

  void addTo(CLI::App &command);
  /// Without budgets for strategies that end by themselves, else ten minutes. Throws tgc::Error (Usage).
  TuneOptions options() const;
  /// What of the budget is for the cutter's decisions; by default nothing of its first minute: most models' kernels have
  /// more to give.
  double cutSeconds() const;
};

/// "60s", "10m", "1h": seconds; a plain number: trials. Throws tgc::Error (Usage).
void parseBudget(const std::string &text, TuneOptions &options);

/// What a search has worked with, for its report.
struct SearchReport {
  std::vector<Workload> workloads;
  TuneResult result;
  CutSearchResult cuts;
  DeviceInfo device;
  std::vector<std::pair<std::string, std::vector<TunePoint>>> histories; ///< by strategy
  /// Seconds by strategy and workload key, of searches that ran each for itself: in one database a schedule that
  /// two of them measured is one record.
  std::map<std::string, std::map<std::string, double>> found;
};

/// Tunes the model's kernels into the database file, and then, for `cutSeconds` of a budget of time, tries other
/// cuts. Ctrl-C ends it early and keeps everything.
SearchReport searchModel(const CompileOptions &options, const std::string &database, TuneOptions tuning,
                         double cutSeconds);

/// Opens (or makes, with its folder) the database that --db names.
std::unique_ptr<Database> openDatabase(const std::string &argument);

/// This executable, for its hidden commands.
std::string thisProgram();

} // namespace tgc::driver
