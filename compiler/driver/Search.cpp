#include "compiler/driver/Search.h"

#include "compiler/driver/Progress.h"
#include "compiler/driver/Records.h"
#include "compiler/driver/SearchTable.h"
#include "compiler/support/Error.h"
#include "compiler/tune/ModelCuts.h"
#include "compiler/tune/Session.h"
#include "runtime/include/tgc/tgc.h"
#include <atomic>
#include <charconv>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <unistd.h>

namespace tgc::driver {

void SearchArguments::addTo(CLI::App &command) {
  command.add_option("--search", search,
                     "find schedules by measuring: raw, hc, tc, beam[=WIDTH] or mcts[=TRIALS]");
  command.add_option("--budget", budget, "of the search: 60s, 10m, 1h, or a number of trials");
  command.add_option("--seed", seed, "of the search and of the data that it measures with")
      ->capture_default_str();
  command
      .add_option("--cuts", cuts,
                  "percent of a budget of time for trying other choices of what is stored and what "
                  "is\ncomputed where it is used (default: 15 of what it has beyond a minute); 0: none")
      ->check(CLI::Range(0, 90));
  command.add_option("--fault", faults, "test only: TRIAL=crash|hang|memory|wrong")->group("");
}

void parseBudget(const std::string &text, TuneOptions &options) {
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, text.data() + text.size());
  double scale = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  bool time = scale > 0 && number > 0 && std::isfinite(number * scale);
  bool count = unit.empty() && number >= 1 && number < 0x1p63 && std::trunc(number) == number;
  if (error != std::errc() || (!time && !count))
    usageError("--budget {}: expected 60s, 10m, 1h or a number of trials", text);
  if (time)
    options.budgetSeconds = number * scale;
  else
    options.budgetTrials = int64_t(number);
}

TuneOptions SearchArguments::options() const {
  TuneOptions options;
  options.strategy = parseStrategy(search);
  options.seed = seed;
  if (!budget.empty())
    parseBudget(budget, options);
  else if (options.strategy.name == "beam" || options.strategy.name == "mcts")
    options.budgetSeconds = 600;
  for (const std::string &fault : faults) {
    auto [trial, kind] = splitAssignment(fault, "--fault");
    options.faults[std::stoul(trial)] = kind;
  }
  return options;
}

double SearchArguments::cutSeconds() const {
  constexpr double kernelsOnly = 60, usualPercent = 15;
  TuneOptions tuning = options();
  if (!searches(tuning.strategy))
    return 0;
  return cuts ? tuning.budgetSeconds * *cuts / 100
              : std::max(0.0, tuning.budgetSeconds - kernelsOnly) * usualPercent / 100;
}

// Not the file's path: by that another build would start when the file is replaced, or none when it is gone. A process
// that is spawned is this program until it executes another, so the link leads there for it as well.
std::string thisProgram() { return "/proc/self/exe"; }

namespace {

std::atomic<int> interrupts = 0;

/// While it lives the first Ctrl-C asks the search to end; the second ends the process.
class Interruptible {
public:
  Interruptible() {
    interrupts = 0;
    struct sigaction action {};
    action.sa_handler = [](int) {
      if (interrupts.fetch_add(1) > 0)
        _exit(130);
    };
    sigaction(SIGINT, &action, &before);
  }
  ~Interruptible() { sigaction(SIGINT, &before, nullptr); }

private:
  struct sigaction before {};
};

/// One line on a terminal, redrawn; elsewhere a line every ten seconds.
std::function<void(const TuneProgress &)> progressLine() {
  bool terminal = isatty(STDERR_FILENO);
  return [terminal, last = std::chrono::steady_clock::time_point()](const TuneProgress &progress) mutable {
    auto now = std::chrono::steady_clock::now();
    if (now - last < (terminal ? std::chrono::milliseconds(100) : std::chrono::milliseconds(10000)))
      return;
    last = now;
    std::string left = progress.secondsLeft >= 0 ? fmt::format("  {:.0f} s left", progress.secondsLeft) : "";
    fmt::print(stderr, "{}trial {}  {}  best {}  model {}{}{}", terminal ? "\r\033[K" : "", progress.trials,
               progress.kernel, timeText(progress.kernelSeconds), timeText(progress.modelSeconds), left,
               terminal ? "" : "\n");
    std::fflush(stderr);
  };
}

} // namespace

std::unique_ptr<Database> openDatabase(const std::string &argument) {
  std::filesystem::path path = databasePath(argument);
  std::error_code ignored;
  if (path.has_parent_path())
    std::filesystem::create_directories(path.parent_path(), ignored);
  return std::make_unique<Database>(path.string());
}

/// Goes on from the cut that was tuned; where a better one is found, the report is of that.
static void searchOtherCuts(const CompileOptions &front, const CutReport &cut, Measurer &measurer,
                            Database &records, const TuneOptions &tuning, double seconds,
                            SearchReport &report) {
  TuneOptions options = tuning;
  options.budgetTrials = 0;
  ModelCuts cuts(front, thisProgram(), report.device, measurer, records, options);
  CutSearchOptions search{workloadKey(cut.graph),
                          deviceKey(report.device),
                          tuning.compiler,
                          front.model.filename().string(),
                          seconds,
                          tuning.stop};
  report.cuts = searchCuts(cuts, records, cut.turned, search);
  if (report.cuts.seconds <= 0 || report.cuts.turned == cut.turned)
    return;
  const ModelCuts::Tuned &found = cuts.tuned(report.cuts.turned);
  double heuristic = report.result.heuristicSeconds;
  report.workloads = found.workloads;
  report.result.rows = found.result.rows;
  report.result.modelSeconds = found.result.modelSeconds;
  report.result.heuristicSeconds = heuristic;
}

SearchReport searchModel(const CompileOptions &options, const std::string &database, TuneOptions tuning,
                         double cutSeconds) {
  CompileOptions front = options;
  front.until = "kernel";
  Compilation compilation(front);
  compilation.run();
  clearProgress();
  TuneSession session(compilation, options.device, thisProgram(), options.jobs);
  std::unique_ptr<Database> records = openDatabase(database);
  std::unique_ptr<Measurer> measurer = makeProcessMeasurer({thisProgram(), "measure-worker"});
  Interruptible interruptible;
  tuning.compiler = std::string("tgc ") + tgc_version();
  tuning.device = compilation.target().packageDevice();
  tuning.modelBytes = session.modelBytes();
  tuning.jobs = session.jobs();
  tuning.besideMeasuring = tuning.device != "cpu";
  tuning.takePace = !tuning.besideMeasuring;
  tuning.stop = [] { return interrupts.load() > 0; };
  tuning.progress = progressLine();
  SearchReport report;
  report.device = compilation.target().device();
  tuning.budgetSeconds -= cutSeconds;
  report.result = tune(session, report.device, *measurer, *records, tuning);
  report.workloads = session.workloads();
  if (cutSeconds > 0 && !report.result.stopped)
    searchOtherCuts(front, compilation.cut(), *measurer, *records, tuning, cutSeconds, report);
  report.result.stopped |= tuning.stop();
  report.histories = {{tuning.strategy.name, report.result.history}};
  clearProgress();
  return report;
}

} // namespace tgc::driver
