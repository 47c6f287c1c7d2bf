// The one list of strategies.
#include "search/strategies/Strategy.h"

#include "compiler/support/Error.h"
#include <algorithm>
#include <charconv>
#include <fmt/ranges.h>

namespace tgc {
namespace {

using Maker = std::unique_ptr<Strategy> (*)(const Space &, int64_t number, uint64_t seed,
                                            std::vector<Candidate> seeds);

std::unique_ptr<Strategy> oneOf(const Space &space, const Schedule &schedule) {
  std::vector<Candidate> only;
  if (std::optional<Candidate> candidate = space.candidate(schedule))
    only.push_back(std::move(*candidate));
  return makeFixed(std::move(only));
}

struct Entry {
  const char *name;
  bool number; ///< takes =NUMBER
  Maker make;
};

const Entry entries[] = {
    {"raw", false,
     [](const Space &space, int64_t, uint64_t, std::vector<Candidate>) { return oneOf(space, {}); }},
    {"hc", false,
     [](const Space &space, int64_t, uint64_t, std::vector<Candidate>) {
       return oneOf(space, loopHeuristic(space.kernel, space.device));
     }},
    {"tc", false,
     [](const Space &space, int64_t, uint64_t, std::vector<Candidate>) {
       return oneOf(space, heuristicSchedule(space.kernel, space.device));
     }},
    {"beam", true, makeBeam},
    {"mcts", true, makeMcts},
};

class Fixed : public Strategy {
public:
  explicit Fixed(std::vector<Candidate> candidates) : candidates(std::move(candidates)) {}
  std::vector<Candidate> propose(size_t most) override {
    size_t count = std::min(most, candidates.size());
    std::vector<Candidate> next(candidates.begin(), candidates.begin() + std::ptrdiff_t(count));
    candidates.erase(candidates.begin(), candidates.begin() + std::ptrdiff_t(count));
    return next;
  }
  void learn(const Candidate &, std::optional<double>) override {}

private:
  std::vector<Candidate> candidates;
};

} // namespace

StrategyChoice parseStrategy(const std::string &text) {
  size_t equals = std::min(text.find('='), text.size());
  StrategyChoice choice{text.substr(0, equals), 0};
  for (const Entry &entry : entries) {
    if (choice.name != entry.name)
      continue;
    if (equals == text.size())
      return choice;
    auto [end, error] = std::from_chars(text.data() + equals + 1, text.data() + text.size(), choice.number);
    if (!entry.number || error != std::errc() || end != text.data() + text.size() || choice.number < 1)
      usageError("--search {}: {}", text,
                 entry.number ? "expected a number of 1 or more" : "takes no number");
    return choice;
  }
  usageError("--search {}: there are {}", text, fmt::join(strategyNames(), ", "));
}

bool searches(const StrategyChoice &choice) {
  return std::any_of(std::begin(entries), std::end(entries),
                     [&](const Entry &entry) { return choice.name == entry.name && entry.number; });
}

std::vector<std::string> strategyNames() {
  std::vector<std::string> names;
  for (const Entry &entry : entries)
    names.push_back(entry.name);
  return names;
}

std::unique_ptr<Strategy> makeStrategy(const StrategyChoice &choice, const Space &space, uint64_t seed,
                                       const std::vector<Schedule> &warm) {
  std::vector<Candidate> seeds = space.seeds();
  for (const Schedule &schedule : warm)
    if (std::optional<Candidate> known = space.candidate(schedule)) {
      auto seed = std::find_if(seeds.begin(), seeds.end(),
                               [&](const Candidate &seed) { return seed.plan == known->plan; });
      if (seed == seeds.end())
        seed = seeds.insert(seeds.end(), std::move(*known));
      seed->first = true;
    }
  std::stable_sort(seeds.begin(), seeds.end(),
                   [](const Candidate &a, const Candidate &b) { return a.first > b.first; });
  for (const Entry &entry : entries)
    if (choice.name == entry.name)
      return entry.make(space, choice.number, seed, std::move(seeds));
  internalError("no strategy {}", choice.name);
}

std::unique_ptr<Strategy> makeFixed(std::vector<Candidate> candidates) {
  return std::make_unique<Fixed>(std::move(candidates));
}

} // namespace tgc
