// Whose turn it is.
// 1. Mostly the workload with the most to gain for the time of a trial: launches × (best - the least possible), less and
//    less while nothing better is found.
// 2. A part of the time goes to all workloads alike: of it a kernel whose trials are cheap gets many, whatever its part
//    of the model's time. It is a part of what goes into turns, so that a short search is not spent on small kernels.
#include "search/tune/Run.h"

#include <algorithm>

namespace tgc::tuning {
namespace {

/// Trials of one kernel that are proposed together. Fewer say more, each knowing those before; but they compile side by
/// side, and where the device is not made of the compiling cores that should take no longer than measuring.
constexpr size_t batchSize = 8, smallBatch = 4;
/// Trials without success after which a kernel seems half as promising. What helps most is often among a kernel's first
/// few trials, so all kernels get theirs before any gets many.
constexpr double patience = 4;
constexpr double alike = 0.35; ///< part of the time that goes to all workloads alike

} // namespace

double TuneRun::costOf(const State &state) const {
  double best = state.best > 0 ? state.best : state.expected;
  return state.row.trials > 0 && state.spent > 0 ? state.spent / double(state.row.trials)
                                                 : perTrial + std::max(best, std::min(8 * best, 0.1));
}

double TuneRun::gain(const State &state) const {
  double best = state.best > 0 ? state.best : state.expected;
  double headroom = std::max(best - state.least, best * 0.02);
  return double(launches(state)) * headroom / (1 + double(state.flat) / patience) / costOf(state);
}

std::optional<size_t> TuneRun::choose(const std::vector<char> &taken) {
  bool equally = options.budgetSeconds > 0 && spentAlike < alike * (spentAlike + spentOnGain);
  std::optional<size_t> best;
  auto before = [&](const State &a, const State &b) {
    return equally ? a.spent < b.spent : gain(a) > gain(b);
  };
  for (size_t i = 0; i < states.size(); ++i)
    if (!taken[i] && !states[i].done && !outdated(i) && (!best || before(states[i], states[*best])))
      best = i;
  if (best) {
    states[*best].turn = equally ? State::Alike : State::Gain;
    states[*best].spentBefore = states[*best].spent;
  }
  return best;
}

void TuneRun::settle(const Wave &wave) {
  for (const Trial &trial : wave.trials) {
    State &state = states[trial.state];
    if (state.turn != State::None)
      (state.turn == State::Alike ? spentAlike : spentOnGain) += state.spent - state.spentBefore;
    state.turn = State::None;
  }
}

size_t TuneRun::batch() const {
  return options.besideMeasuring ? std::max(batchSize, options.jobs)
                                 : std::clamp(2 * options.jobs, smallBatch, batchSize);
}

} // namespace tgc::tuning
