// Where something beats the heuristic's schedule, the best few and it are measured again in a fresh process, in rounds
// of random order; kernels that win most come first, and a little over the budget is allowed.
#include "search/tune/Run.h"

#include "search/database/Choose.h"
#include <algorithm>
#include <numeric>

namespace tgc::tuning {

constexpr size_t finalists = 3;
constexpr double outOfReach = 1.25; // of the best's time; what takes that long in one round sits out the next

double TuneRun::reserve() const {
  double seconds = 0;
  for (const State &state : states)
    if (!state.adopted && !state.seconds.empty() && bestOf(state) != state.heuristic)
      seconds += double(rounds(state) * (finalistsOf(state) + 1)) * (perTrial + std::max(state.best, 0.05));
  return std::min(seconds, options.budgetSeconds * 0.3);
}

size_t TuneRun::finalistsOf(const State &state) {
  return std::min(state.best > longTrial ? finalists - 1 : finalists, state.seconds.size());
}

void TuneRun::confirmAll() {
  std::vector<State *> order;
  for (State &state : states)
    if (!state.adopted && !state.seconds.empty() && bestOf(state) != state.heuristic)
      order.push_back(&state);
  auto won = [&](const State *state) {
    auto heuristic = state->seconds.find(state->heuristic);
    return double(launches(*state)) *
           ((heuristic == state->seconds.end() ? 2 * state->best : heuristic->second) - state->best);
  };
  std::stable_sort(order.begin(), order.end(), [&](State *a, State *b) { return won(a) > won(b); });
  for (State *state : order) {
    if (stopped())
      return;
    // A little over the budget is better than a result that one lucky measurement made; much over is not.
    if (options.budgetSeconds > 0 && left() < -0.05 * options.budgetSeconds)
      trustHeuristic(*state);
    else
      confirm(*state);
  }
}

void TuneRun::trustHeuristic(State &state) {
  std::optional<TuningRecord> record = known(state, state.heuristic);
  if (!record || record->outcome != Outcome::Ok || record->confirmed)
    return;
  std::vector<Evidence> evidence = database.evidence(*record);
  record->confirmed = true;
  database.store(*record, {evidence.empty() ? std::vector<double>() : evidence.back().seconds,
                           options.compiler, "", "not measured again", 0});
}

void TuneRun::confirm(State &state) {
  // The first of a new order may be one that has not been measured again; each turn leaves one less of those.
  for (int attempt = 0; (attempt < 3 || options.budgetSeconds == 0) && !stopped(); ++attempt) {
    std::vector<std::pair<double, std::string>> order;
    for (const auto &[schedule, seconds] : state.seconds)
      order.push_back({seconds, schedule});
    std::sort(order.begin(), order.end());
    std::vector<std::string> chosen;
    for (const auto &[seconds, schedule] : order)
      if (chosen.size() < finalistsOf(state) && seconds < order.front().first * 1.1)
        chosen.push_back(schedule);
    if (state.seconds.count(state.heuristic) &&
        std::find(chosen.begin(), chosen.end(), state.heuristic) == chosen.end())
      chosen.push_back(state.heuristic);
    std::optional<TuningRecord> first = known(state, order.front().second);
    if (first && first->confirmed)
      return;
    again(state, chosen);
  }
}

void TuneRun::again(State &state, std::vector<std::string> chosen) {
  measurer.refresh();
  std::vector<CompileJob> jobs;
  for (const std::string &schedule : chosen)
    jobs.push_back({state.workload, schedule});
  std::vector<CompileReply> compiled = host.compile(jobs);
  std::vector<size_t> order(chosen.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::vector<std::optional<TuningRecord>> records(chosen.size());
  std::vector<MeasureReply> all(chosen.size());
  for (size_t round = 0; round < rounds(state) && !stopped(); ++round) {
    std::shuffle(order.begin(), order.end(), random);
    double least = 0;
    for (const MeasureReply &reply : all)
      for (double seconds : reply.seconds)
        least = least == 0 ? seconds : std::min(least, seconds);
    for (size_t i : order) {
      if (records[i] && (records[i]->outcome != Outcome::Ok || all[i].seconds.front() > outOfReach * least))
        continue;
      MeasureReply reply;
      records[i] = attempt(state, chosen[i], compiled[i], /*again=*/true, reply);
      all[i].seconds.push_back(reply.median);
    }
  }
  state.best = 0;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (!records[i])
      continue;
    if (records[i]->outcome == Outcome::Ok) {
      summarise(all[i]);
      records[i]->seconds = state.seconds[chosen[i]] = all[i].median;
      records[i]->spread = all[i].spread;
      records[i]->samples = int(all[i].seconds.size());
    } else {
      state.seconds.erase(chosen[i]);
    }
    database.store(*records[i], {all[i].seconds, options.compiler, "", "finalist", 0});
  }
  for (const auto &[schedule, seconds] : state.seconds)
    state.best = state.best == 0 ? seconds : std::min(state.best, seconds);
  report(state);
}

} // namespace tgc::tuning
