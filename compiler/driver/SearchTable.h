// What a search found, as a table and as a page.
#pragma once
#include "compiler/driver/Search.h"

namespace tgc::driver {

/// A strategy's best time of a kernel.
struct StrategyTime {
  double seconds = 0; ///< 0: none
  bool least = false; ///< it was stopped after that long
};

struct SearchRow {
  TuneRow row;
  const Workload *workload = nullptr;
  std::map<std::string, StrategyTime> times; ///< of every strategy in strategyNames()
  double roofline = 0;                       ///< seconds
};

/// Of each kernel the best time of every strategy that the database has tried on this machine; the kernels
/// with the largest share of the model first. Rows point into the report.
std::vector<SearchRow> searchRows(const SearchReport &report, Database &database);

/// Sums over the model's launches, by strategy: nothing where a kernel has no time.
std::map<std::string, StrategyTime> searchTotals(const std::vector<SearchRow> &rows);

/// Kernel, shape, best time of every strategy with GFLOP/s, and the totals.
std::string searchTable(const SearchReport &report, const std::vector<SearchRow> &rows, size_t most);

/// The same as a page that opens from disk: roofline plot, progress over time, table.
std::string searchPage(const SearchReport &report, const std::vector<SearchRow> &rows,
                       const std::string &title);

/// "1.234 s", "1.234 ms"
std::string timeText(double seconds);

} // namespace tgc::driver
