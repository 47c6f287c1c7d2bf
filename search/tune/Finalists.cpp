// 1. Where something beats the heuristic's schedule, the best few and it are measured again in a fresh process, in rounds
//    of random order; kernels that win most come first, and a little over the budget is allowed.
// 2. Each is compared with the heuristic's schedule of its own round, so that a slow second counts for both; the median
//    of these ratios times the heuristic's median is its time.
// 3. Only what beats the heuristic's schedule there is confirmed, and only what is confirmed is used before it.
#include "search/tune/Run.h"

#include "search/database/Choose.h"
#include <algorithm>
#include <numeric>

namespace tgc::tuning {

constexpr size_t finalists = 3;
constexpr double outOfReach = 1.25; // of the best's time; what takes that long in one round sits out the next
constexpr double shortTrial = 0.01; // seconds of a kernel: more finalists and rounds
constexpr double beaten = 0.97;     // of the heuristic's time; less of a difference may be luck

double TuneRun::reserve() const {
  double seconds = 0;
  for (const State &state : states)
    if (!state.adopted && !state.seconds.empty() && bestOf(state) != state.heuristic)
      seconds += double(rounds(state) * (finalistsOf(state) + 1)) * costOf(state);
  return std::min(seconds, options.budgetSeconds * 0.3);
}

size_t TuneRun::rounds(const State &state) {
  return state.best > longTrial ? 2 : state.best > shortTrial ? 3 : 5;
}

size_t TuneRun::finalistsOf(const State &state) {
  size_t most = state.best > longTrial ? finalists - 1 : state.best > shortTrial ? finalists : finalists + 1;
  return std::min(most, state.seconds.size());
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
  // The first of a new order may be one that has not been measured again; each turn leaves one less of those. All
  // kernels have a turn before any has another.
  for (int turn = 0; (turn < 3 || options.budgetSeconds == 0) && !order.empty(); ++turn)
    std::erase_if(order, [&](State *state) {
      // A little over the budget is better than nothing found; much over is not.
      bool late = options.budgetSeconds > 0 && left() < (turn == 0 ? -0.05 * options.budgetSeconds : 0);
      return stopped() || late || !confirm(*state);
    });
}

bool TuneRun::confirm(State &state) {
  std::vector<std::pair<double, std::string>> order;
  for (const auto &[schedule, seconds] : state.seconds)
    order.push_back({seconds, schedule});
  if (order.empty())
    return false;
  std::sort(order.begin(), order.end());
  const std::string &best = order.front().second;
  std::optional<TuningRecord> first = known(state, best);
  if (state.finalists.count(best) || (first && first->confirmed))
    return false;
  std::vector<std::string> chosen;
  for (const auto &[seconds, schedule] : order)
    if (chosen.size() < finalistsOf(state) && seconds < order.front().first * 1.1)
      chosen.push_back(schedule);
  if (state.seconds.count(state.heuristic) &&
      std::find(chosen.begin(), chosen.end(), state.heuristic) == chosen.end())
    chosen.push_back(state.heuristic);
  again(state, chosen);
  return true;
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
  size_t heuristic =
      size_t(std::find(chosen.begin(), chosen.end(), state.heuristic) - chosen.begin()); // or the end
  std::vector<MeasureReply> ratios(chosen.size()); // of the heuristic's time in the same round
  for (size_t round = 0, most = rounds(state); round < most && !stopped(); ++round) {
    std::vector<double> times(chosen.size());
    std::shuffle(order.begin(), order.end(), random);
    double least = 0;
    for (const MeasureReply &reply : all)
      for (double seconds : reply.seconds)
        least = least == 0 ? seconds : std::min(least, seconds);
    for (size_t i : order) {
      if (records[i] && (records[i]->outcome != Outcome::Ok ||
                         (i != heuristic && all[i].seconds.front() > outOfReach * least)))
        continue;
      MeasureReply reply;
      records[i] = attempt(state, chosen[i], compiled[i], /*again=*/true, reply);
      all[i].seconds.push_back(times[i] = reply.median);
    }
    for (size_t i : order)
      if (heuristic < chosen.size() && times[i] > 0 && times[heuristic] > 0)
        ratios[i].seconds.push_back(times[i] / times[heuristic]);
  }
  for (std::vector<MeasureReply> *replies : {&all, &ratios})
    for (MeasureReply &reply : *replies)
      summarise(reply);
  bool mustBeat =
      heuristic < chosen.size() && (!records[heuristic] || records[heuristic]->outcome == Outcome::Ok);
  state.best = 0;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (!records[i])
      continue;
    if (records[i]->outcome == Outcome::Ok) {
      double ratio = ratios[i].median; // 0: there was no round with both
      if (mustBeat && i != heuristic) {
        records[i]->seconds = ratio > 0 ? ratio * all[heuristic].median : all[i].median;
        records[i]->confirmed = ratios[i].seconds.size() > 1 && ratio < beaten; // one round is no proof
      } else {
        records[i]->seconds = all[i].median;
      }
      // What is not proven is no better than the heuristic's.
      state.seconds[chosen[i]] =
          records[i]->confirmed ? records[i]->seconds : std::max(records[i]->seconds, all[heuristic].median);
      state.finalists.insert(chosen[i]);
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
