#include "compiler/driver/Search.h"

#include "compiler/driver/Progress.h"
#include "compiler/driver/Records.h"
#include "compiler/support/Error.h"
#include "compiler/tune/Session.h"
#include "runtime/include/tgc/tgc.h"
#include <atomic>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <unistd.h>

namespace tgc::driver {

void SearchArguments::addTo(CLI::App &command) {
  command.add_option("--search", search, "find schedules by measuring: raw, hc, tc, beam[=WIDTH] or mcts[=TRIALS]");
  command.add_option("--budget", budget, "of the search: 60s, 10m, 1h, or a number of trials");
  command.add_option("--seed", seed, "of the search and of the data that it measures with")->capture_default_str();
  command.add_option("--fault", faults, "test only: TRIAL=crash|hang|memory|wrong")->group("");
}

void parseBudget(const std::string &text, TuneOptions &options) {
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, text.data() + text.size());
  double scale = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc() || number <= 0 || (scale == 0 && !unit.empty()))
    usageError("--budget {}: expected 60s, 10m, 1h or a number of trials", text);
  if (scale > 0)
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

std::string thisProgram() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

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

std::string timeText(double seconds) {
  return seconds >= 1 ? fmt::format("{:.3f} s", seconds) : fmt::format("{:.3f} ms", seconds * 1e3);
}

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

SearchReport searchModel(const CompileOptions &options, const std::string &database, TuneOptions tuning) {
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
  tuning.stop = [] { return interrupts.load() > 0; };
  tuning.progress = progressLine();
  SearchReport report;
  report.device = compilation.target().device();
  report.result = tune(session, report.device, *measurer, *records, tuning);
  report.workloads = session.workloads();
  clearProgress();
  return report;
}

std::string searchTable(const SearchReport &report, Database &database, size_t rows) {
  std::vector<std::string> strategies = strategyNames();
  std::string machine = machineName();
  std::vector<TuneRow> order = report.result.rows;
  auto share = [&](const TuneRow &row) {
    return double(report.workloads[row.workload].launches) * std::max(row.heuristicSeconds, row.seconds);
  };
  std::sort(order.begin(), order.end(), [&](const TuneRow &a, const TuneRow &b) { return share(a) > share(b); });
  std::string text = fmt::format("{:>5}", "runs");
  for (const std::string &strategy : strategies)
    text += fmt::format(" {:>9} ms GFLOP/s", strategy);
  text += "  kernel and best schedule\n";
  std::map<std::string, double> totals;
  size_t printed = 0;
  for (const TuneRow &row : order) {
    const Workload &workload = report.workloads[row.workload];
    std::map<std::string, double> fixed, best;
    fixed["raw"] = fixed["hc"] = fixed["tc"] = 0;
    std::string hc = printSchedule(loopHeuristic(workload.info, report.device)),
                tc = printSchedule(heuristicSchedule(workload.info, report.device));
    double seeds = 0;
    for (const TuningRecord &record : database.records(workload.record.key, deviceKey(report.device), machine)) {
      if (record.outcome != Outcome::Ok || record.machine != machine)
        continue;
      auto lower = [&](double &value) { value = value == 0 ? record.seconds : std::min(value, record.seconds); };
      for (const auto &[name, schedule] : {std::pair<const char *, std::string>("raw", ""), {"hc", hc}, {"tc", tc}})
        if (record.schedule == schedule) {
          lower(fixed[name]);
          lower(seeds);
        }
      lower(best[record.strategy]);
    }
    std::string line = fmt::format("{:5}", workload.launches);
    for (const std::string &strategy : strategies) {
      double seconds = fixed.count(strategy) ? fixed[strategy] : best.count(strategy) ? best[strategy] : 0;
      // A search starts from the others' schedules.
      if (!fixed.count(strategy) && seconds > 0 && seeds > 0)
        seconds = std::min(seconds, seeds);
      if (seconds > 0) {
        totals[strategy] += seconds * double(workload.launches);
        line += fmt::format(" {:12.3f} {:7.1f}", seconds * 1e3, workload.info.flops / seconds * 1e-9);
      } else {
        totals[strategy] = NAN;
        line += fmt::format(" {:>12} {:>7}", "-", "-");
      }
    }
    if (printed++ < rows)
      text += fmt::format("{}  {}  {}\n", line, workload.name, row.schedule);
  }
  if (printed > rows)
    text += fmt::format("      … and {} more kernels\n", printed - rows);
  text += fmt::format("{:>5}", "model");
  for (const std::string &strategy : strategies)
    text += std::isfinite(totals[strategy]) ? fmt::format(" {:12.3f} {:7}", totals[strategy] * 1e3, "")
                                            : fmt::format(" {:>12} {:7}", "-", "");
  const TuneResult &result = report.result;
  text += fmt::format("\n{} trials ({} of no use) in {:.1f} s{}: compiling {:.1f}, measuring {:.1f}, reference values {:.1f}, "
                      "proposing {:.1f}",
                      result.trials, result.failures, result.seconds, result.stopped ? ", stopped" : "",
                      result.times.compiling, result.times.measuring, result.times.reference, result.times.proposing);
  if (result.modelSeconds > 0 && result.heuristicSeconds > 0)
    text += fmt::format("; heuristic {}, found {}: {:.3f} times as fast", timeText(result.heuristicSeconds),
                        timeText(result.modelSeconds), result.heuristicSeconds / result.modelSeconds);
  return text + "\n";
}

} // namespace tgc::driver
