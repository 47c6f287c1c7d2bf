// 1. The cut that the search starts from, with what the database knows of its kernels.
// 2. Alternatives by what they move; each is cut and its new kernels tuned, for a part of the budget.
// 3. A cut whose sum is less by more than luck is the new best; its alternatives come next.
// 4. Records of all cuts measured, so that the next compilation takes the best.
#include "search/tune/CutSearch.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <sstream>

namespace tgc {
namespace {

constexpr double luck = 0.99;     ///< a sum has to be less than this part of the best
constexpr double mostOfOne = 0.2; ///< of the budget, for one cut

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<std::string> with(std::vector<std::string> turned, const std::string &name) {
  auto at = std::lower_bound(turned.begin(), turned.end(), name);
  if (at != turned.end() && *at == name)
    turned.erase(at);
  else
    turned.insert(at, name);
  return turned;
}

class CutSearch {
public:
  CutSearch(CutHost &host, Database &database, const CutSearchOptions &options)
      : host(host), database(database), options(options), end(now() + options.budgetSeconds) {}

  CutSearchResult run(std::vector<std::string> start) {
    std::sort(start.begin(), start.end());
    std::optional<CutTrial> best = host.measure(start, 0);
    if (!best || best->seconds <= 0)
      return result;
    database.addWorkload({options.graph, "cuts of " + options.name, "cuts", ""});
    result.turned = start;
    result.startSeconds = best->seconds;
    store(start, best->seconds, true);
    while (std::optional<std::string> name = next(*best)) {
      std::vector<std::string> turned = with(result.turned, *name);
      std::optional<CutTrial> trial = host.measure(turned, mostOfOne * options.budgetSeconds);
      ++result.cuts;
      bool better = trial && trial->seconds > 0 && trial->seconds <= luck * best->seconds;
      // One that time ran out for is left to the next search.
      if (!trial || trial->seconds > 0)
        store(turned, trial ? trial->seconds : 0, better);
      if (!better)
        continue;
      best = std::move(trial);
      result.turned = turned;
    }
    // Kernels that cuts have in common may have become faster since the first was summed up.
    if (result.turned != start)
      if (std::optional<CutTrial> again = host.measure(start, 0); again && again->seconds > 0)
        store(start, again->seconds, true);
    result.seconds = best->seconds;
    return result;
  }

private:
  /// The untried alternative that moves most.
  std::optional<std::string> next(CutTrial &best) {
    if ((options.stop && options.stop()) || now() >= end)
      return std::nullopt;
    std::stable_sort(best.alternatives.begin(), best.alternatives.end(),
                     [](const CutAlternative &a, const CutAlternative &b) { return a.stake > b.stake; });
    for (const CutAlternative &alternative : best.alternatives) {
      std::string text = printTurned(with(result.turned, alternative.name));
      if (tried.insert(text).second && !known(text))
        return alternative.name;
    }
    return std::nullopt;
  }

  bool known(const std::string &text) {
    std::optional<TuningRecord> record = database.find(options.graph, options.device, machine, text);
    return record && record->version == options.compiler;
  }

  /// A cut that is not the better for more than luck must not win by it: it is no confirmed one.
  void store(const std::vector<std::string> &turned, double seconds, bool confirmed) {
    TuningRecord record{options.graph, options.device, machine, printTurned(turned)};
    record.outcome = seconds > 0 ? Outcome::Ok : Outcome::Failed;
    record.seconds = seconds;
    record.samples = 1;
    record.confirmed = confirmed;
    record.strategy = "cuts";
    record.version = options.compiler;
    database.store(record, {{seconds}, options.compiler, "", "sum of kernels", 0});
  }

  CutHost &host;
  Database &database;
  const CutSearchOptions &options;
  double end;
  std::string machine = machineName();
  std::set<std::string> tried;
  CutSearchResult result;
};

} // namespace

CutSearchResult searchCuts(CutHost &host, Database &database, const std::vector<std::string> &start,
                           const CutSearchOptions &options) {
  return CutSearch(host, database, options).run(start);
}

std::string printTurned(const std::vector<std::string> &turned) {
  std::string text;
  for (const std::string &name : turned)
    text += (text.empty() ? "" : " ") + name;
  return text;
}

std::vector<std::string> parseTurned(const std::string &text) {
  std::istringstream words(text);
  std::vector<std::string> turned;
  for (std::string name; words >> name;)
    turned.push_back(name);
  return turned;
}

} // namespace tgc
