// 1. Where something beats the heuristic's schedule, the best few and it are measured again in a fresh process, in rounds
//    of random order; kernels that win most come first, and a little over the budget is allowed.
// 2. Each is compared with the heuristic's schedule of its own round, so that a slow second counts for both; the median
//    of these ratios times the heuristic's median is its time.
// 3. Only what beats the heuristic's schedule there is confirmed: by the median, and in three rounds of four. Where the
//    rounds disagree there are twice as many at most. Only what is confirmed is used before the heuristic's schedule.
#include "search/tune/Run.h"

#include "search/database/Choose.h"
#include <algorithm>
#include <iterator>
#include <numeric>

namespace tgc::tuning {

constexpr size_t finalists = 3;
constexpr double outOfReach = 1.25; // of the best's time; what takes that long in one round sits out the next
constexpr double shortTrial = 0.01; // seconds of a kernel: more finalists and rounds
constexpr double overtime = 0.05;   // of the budget: a little is better than nothing found
constexpr double beaten = 0.97;     // of the heuristic's time; less of a difference may be luck
constexpr double mostOfBudget = 0.5; // what is not confirmed was found for nothing

double TuneRun::reserve() const {
  double seconds = 0;
  for (const State &state : states) {
    if (!unproven(state))
      continue;
    seconds += double(rounds(state) * finalistsOf(state).size()) * costOf(state);
    for (size_t part : state.parts)
      seconds += states[part].begun ? 0 : costOf(states[part]);
  }
  return std::min(seconds, options.budgetSeconds * mostOfBudget);
}

size_t TuneRun::rounds(const State &state) {
  return state.best > longTrial ? 2 : state.best > shortTrial ? 3 : 5;
}

bool TuneRun::unproven(const State &state) const {
  if (state.adopted || state.seconds.empty())
    return false;
  std::string best = bestOf(state);
  return best != state.heuristic && !state.finalists.count(best);
}

std::vector<std::string> TuneRun::finalistsOf(const State &state) {
  size_t most = state.best > longTrial ? finalists - 1 : state.best > shortTrial ? finalists : finalists + 1;
  std::vector<std::pair<double, std::string>> order;
  for (const auto &[schedule, seconds] : state.seconds)
    order.push_back({seconds, schedule});
  std::sort(order.begin(), order.end());
  std::vector<std::string> chosen;
  for (const auto &[seconds, schedule] : order)
    if (chosen.size() < most && seconds < order.front().first * 1.1)
      chosen.push_back(schedule);
  if (state.seconds.count(state.heuristic) &&
      std::find(chosen.begin(), chosen.end(), state.heuristic) == chosen.end())
    chosen.push_back(state.heuristic);
  return chosen;
}

void TuneRun::confirmAll() {
  std::vector<size_t> order;
  for (size_t i = 0; i < states.size(); ++i)
    if (unproven(states[i]))
      order.push_back(i);
  auto won = [&](size_t i) {
    const State &state = states[i];
    auto heuristic = state.seconds.find(state.heuristic);
    return double(launches(state)) *
           ((heuristic == state.seconds.end() ? 2 * state.best : heuristic->second) - state.best);
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return won(a) > won(b); });
  // The first of a new order may be one that has not been measured again; each turn leaves one less of those. All
  // kernels have a turn before any has another.
  for (int turn = 0; (turn < 3 || options.budgetSeconds == 0) && !order.empty(); ++turn)
    std::erase_if(order, [&](size_t i) {
      bool late = options.budgetSeconds > 0 && left() < (turn == 0 ? -overtime * options.budgetSeconds : 0);
      if (stopped() || late || !confirm(states[i]))
        return true;
      takeUpParts(i);
      measureNewParts();
      return false;
    });
}

bool TuneRun::confirm(State &state) {
  if (!unproven(state))
    return false;
  std::optional<TuningRecord> first = known(state, bestOf(state));
  if (first && first->confirmed)
    return false;
  again(state, finalistsOf(state));
  return true;
}

namespace {

/// Times of each schedule by rounds, 0 where it sat out; and of them parts of the heuristic's in the same round.
struct Rounds {
  std::vector<std::vector<double>> times;
  size_t heuristic; ///< or how many schedules there are

  Rounds(size_t schedules, size_t heuristic) : times(schedules), heuristic(heuristic) {}

  MeasureReply ofSchedule(size_t i) const {
    MeasureReply reply;
    std::copy_if(times[i].begin(), times[i].end(), std::back_inserter(reply.seconds),
                 [](double seconds) { return seconds > 0; });
    summarise(reply);
    return reply;
  }
  MeasureReply ratios(size_t i) const {
    MeasureReply reply;
    for (size_t round = 0; heuristic < times.size() && round < times[i].size(); ++round)
      if (times[i][round] > 0 && times[heuristic][round] > 0)
        reply.seconds.push_back(times[i][round] / times[heuristic][round]);
    summarise(reply);
    return reply;
  }
  /// Whether it seems to beat the heuristic's schedule.
  bool leads(size_t i) const { return i != heuristic && ratios(i).median > 0 && ratios(i).median < beaten; }
  /// One round is no proof, and neither is a majority with rounds that went the other way.
  bool proven(size_t i) const {
    std::vector<double> all = ratios(i).seconds;
    auto won = std::count_if(all.begin(), all.end(), [](double ratio) { return ratio < 1; });
    return leads(i) && all.size() > 1 && 4 * size_t(won) >= 3 * all.size();
  }
  /// Whether something unproven leads all that is proven.
  bool undecided() const {
    double first = beaten;
    for (size_t i = 0; i < times.size(); ++i)
      if (proven(i))
        first = std::min(first, ratios(i).median);
    for (size_t i = 0; i < times.size(); ++i)
      if (leads(i) && !proven(i) && ratios(i).median < first)
        return true;
    return false;
  }
};

} // namespace

void TuneRun::again(State &state, std::vector<std::string> chosen) {
  measurer.refresh();
  std::vector<CompileJob> jobs;
  for (const std::string &schedule : chosen)
    jobs.push_back({state.workload, schedule});
  std::vector<CompileReply> compiled = compileInTurn(jobs);
  std::vector<size_t> order(chosen.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::vector<std::optional<TuningRecord>> records(chosen.size());
  Rounds all(chosen.size(),
             size_t(std::find(chosen.begin(), chosen.end(), state.heuristic) - chosen.begin()));
  double least = 0;
  bool goOn = true;
  for (size_t round = 0; goOn && !stopped(); ++round) {
    for (std::vector<double> &times : all.times)
      times.push_back(0);
    std::shuffle(order.begin(), order.end(), random);
    double limit = outOfReach * least;
    for (size_t i : order) {
      if (records[i] &&
          (records[i]->outcome != Outcome::Ok || (i != all.heuristic && all.times[i].front() > limit)))
        continue;
      MeasureReply reply;
      records[i] = attempt(state, chosen[i], compiled[i], /*again=*/true, reply);
      all.times[i][round] = reply.median;
      if (reply.median > 0)
        least = least == 0 ? reply.median : std::min(least, reply.median);
    }
    bool late = options.budgetSeconds > 0 && left() < -overtime * options.budgetSeconds;
    goOn = round + 1 < rounds(state) || (round + 1 < 2 * rounds(state) && !late && all.undecided());
  }
  bool mustBeat = all.heuristic < chosen.size() &&
                  (!records[all.heuristic] || records[all.heuristic]->outcome == Outcome::Ok);
  double heuristicSeconds = mustBeat ? all.ofSchedule(all.heuristic).median : 0;
  state.best = 0;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (!records[i])
      continue;
    MeasureReply own = all.ofSchedule(i);
    if (records[i]->outcome == Outcome::Ok) {
      double ratio = all.ratios(i).median; // 0: there was no round with both
      records[i]->seconds = mustBeat && ratio > 0 ? ratio * heuristicSeconds : own.median;
      if (mustBeat && i != all.heuristic)
        records[i]->confirmed = all.proven(i);
      // What is not proven is no better than the heuristic's.
      state.seconds[chosen[i]] =
          records[i]->confirmed ? records[i]->seconds : std::max(records[i]->seconds, heuristicSeconds);
      state.finalists.insert(chosen[i]);
      records[i]->spread = own.spread;
      records[i]->samples = int(own.seconds.size());
    } else {
      state.seconds.erase(chosen[i]);
    }
    database.store(*records[i], {own.seconds, options.compiler, "", "finalist", 0});
  }
  for (const auto &[schedule, seconds] : state.seconds)
    state.best = state.best == 0 ? seconds : std::min(state.best, seconds);
  report(state);
}

} // namespace tgc::tuning
