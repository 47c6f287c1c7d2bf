#include "compiler/driver/SearchTable.h"

#include <algorithm>

namespace tgc::driver {

std::string timeText(double seconds) {
  return seconds >= 1 ? fmt::format("{:.3f} s", seconds) : fmt::format("{:.3f} ms", seconds * 1e3);
}

std::vector<SearchRow> searchRows(const SearchReport &report, Database &database) {
  std::string machine = machineName();
  std::vector<SearchRow> rows;
  for (const TuneRow &tuned : report.result.rows) {
    SearchRow row{tuned, &report.workloads[tuned.workload], {}, 0};
    const KernelInfo &info = row.workload->info;
    row.roofline = Space(info, report.device).roofline();
    // These are single schedules, whoever tried them.
    std::map<std::string, std::string> fixed{{"raw", ""},
                                             {"hc", printSchedule(loopHeuristic(info, report.device))},
                                             {"tc", printSchedule(heuristicSchedule(info, report.device))}};
    for (const std::string &strategy : strategyNames())
      row.times[strategy] = {};
    for (const TuningRecord &record :
         database.records(row.workload->record.key, deviceKey(report.device), machine)) {
      bool least = record.outcome == Outcome::Slow;
      if ((record.outcome != Outcome::Ok && !least) || record.machine != machine)
        continue;
      auto lower = [&](StrategyTime &time) {
        if (time.seconds == 0 || (time.least && !least) ||
            (time.least == least && record.seconds < time.seconds))
          time = {record.seconds, least};
      };
      for (const auto &[name, schedule] : fixed)
        if (record.schedule == schedule)
          lower(row.times[name]);
      if (!least && !fixed.count(record.strategy))
        lower(row.times[record.strategy]);
    }
    for (const auto &[strategy, seconds] : report.found)
      if (auto own = seconds.find(row.workload->record.key); own != seconds.end())
        row.times[strategy] = {own->second, false};
    // A search starts from the heuristic's schedule, whoever measured it.
    const StrategyTime &heuristic = row.times["tc"];
    for (auto &[name, time] : row.times)
      if (!fixed.count(name) && time.seconds > 0 && heuristic.seconds > 0 && !heuristic.least)
        time.seconds = std::min(time.seconds, heuristic.seconds);
    rows.push_back(std::move(row));
  }
  auto share = [](const SearchRow &row) {
    return double(row.workload->launches) * std::max(row.row.heuristicSeconds, row.row.seconds);
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const SearchRow &a, const SearchRow &b) { return share(a) > share(b); });
  return rows;
}

std::map<std::string, StrategyTime> searchTotals(const std::vector<SearchRow> &rows) {
  std::map<std::string, StrategyTime> totals;
  for (const std::string &strategy : strategyNames()) {
    StrategyTime total;
    bool whole = !rows.empty();
    for (const SearchRow &row : rows) {
      if (row.row.part)
        continue;
      const StrategyTime &time = row.times.at(strategy);
      whole &= time.seconds > 0;
      total.seconds += time.seconds * double(row.workload->launches);
      total.least |= time.least;
    }
    totals[strategy] = whole ? total : StrategyTime();
  }
  return totals;
}

std::string searchTable(const SearchReport &report, const std::vector<SearchRow> &rows, size_t most) {
  std::string text = fmt::format("{:>5}", "runs");
  for (const std::string &strategy : strategyNames())
    text += fmt::format(" {:>10} ms GFLOP/s", strategy);
  text += "  kernel and best schedule\n";
  auto milliseconds = [](const StrategyTime &time) {
    return time.seconds > 0 ? fmt::format("{}{:.3f}", time.least ? ">" : "", time.seconds * 1e3)
                            : std::string("-");
  };
  size_t printed = 0;
  for (const SearchRow &row : rows) {
    if (printed++ >= most)
      continue;
    text += fmt::format("{:5}", row.workload->launches);
    for (const std::string &strategy : strategyNames()) {
      const StrategyTime &time = row.times.at(strategy);
      text += fmt::format(" {:>13} {:>7}", milliseconds(time),
                          time.seconds > 0 && !time.least
                              ? fmt::format("{:.1f}", row.workload->info.flops / time.seconds * 1e-9)
                              : "-");
    }
    text += fmt::format("  {}{}  {}\n", row.row.part ? "part " : "", row.workload->name, row.row.schedule);
  }
  if (printed > most)
    text += fmt::format("      … and {} more kernels\n", printed - most);
  text += fmt::format("{:>5}", "model");
  std::map<std::string, StrategyTime> totals = searchTotals(rows);
  for (const std::string &strategy : strategyNames())
    text += fmt::format(" {:>13} {:7}", milliseconds(totals[strategy]), "");
  const TuneResult &result = report.result;
  text += fmt::format("\n{} trials ({} of no use) in {:.1f} s{}: compiling {:.1f}, measuring {:.1f}, "
                      "reference values {:.1f}, "
                      "proposing {:.1f}",
                      result.trials, result.failures, result.seconds, result.stopped ? ", stopped" : "",
                      result.times.compiling, result.times.measuring, result.times.reference,
                      result.times.proposing);
  if (result.modelSeconds > 0 && result.heuristicSeconds > 0)
    text += fmt::format("; heuristic {}, found {}: {:.3f} times as fast", timeText(result.heuristicSeconds),
                        timeText(result.modelSeconds), result.heuristicSeconds / result.modelSeconds);
  text += "\n";
  if (report.cuts.cuts > 0)
    text += fmt::format("{} other cuts: {}, {} before{}{}\n", report.cuts.cuts, timeText(report.cuts.seconds),
                        timeText(report.cuts.startSeconds), report.cuts.turned.empty() ? "" : "; turned ",
                        printTurned(report.cuts.turned));
  return text;
}

} // namespace tgc::driver
