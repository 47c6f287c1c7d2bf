// Schedules that take their kernels apart: what they make of them are workloads too.
#include "search/tune/Run.h"

#include <algorithm>

namespace tgc::tuning {

void TuneRun::takeUpParts(size_t index) {
  std::string best = bestOf(states[index]);
  if (best == states[index].apart)
    return;
  states[index].parts.clear();
  states[index].apart.clear();
  for (size_t part : host.parts(states[index].workload, best)) {
    auto known = std::find_if(states.begin(), states.end(),
                              [&](const State &state) { return state.workload == part; });
    size_t at = size_t(known - states.begin());
    if (known == states.end()) {
      addState(part);
      states.back().row.part = true;
      if (options.newOnly)
        adopt(at);
    }
    states[index].parts.push_back(at);
    states[index].apart = best;
  }
  // Until they are measured they are taken to share their kernel's time as they share its bound.
  double bound = 0;
  for (size_t part : states[index].parts)
    bound += states[part].space->roofline();
  for (size_t part : states[index].parts)
    if (!states[part].begun && bound > 0)
      states[part].expected = states[index].best * states[part].space->roofline() / bound;
}

double TuneRun::secondsOf(const State &state) const {
  if (state.parts.empty())
    return state.best;
  double sum = 0;
  for (size_t part : state.parts)
    if (states[part].best <= 0)
      return state.best;
    else
      sum += states[part].best;
  return std::min(state.best, sum);
}

bool TuneRun::outdated(size_t index) const {
  return states[index].row.part && std::none_of(states.begin(), states.end(),
                                                [&](const State &state) { return hasPart(state, index); });
}

bool TuneRun::needsFirst(size_t index) const {
  return !states[index].begun &&
         (!states[index].row.part || std::any_of(states.begin(), states.end(), [&](const State &state) {
           return hasPart(state, index) &&
                  (state.apart == state.heuristic || state.finalists.count(state.apart));
         }));
}

bool TuneRun::tooLateForFirst(const State &state) const { return state.row.part ? stopped() : over(0); }

void TuneRun::measureNewParts() {
  for (;;) {
    Wave wave;
    proposeFirst(batch(), wave);
    if (wave.trials.empty())
      return;
    compile(wave);
    awaitCompiled(wave);
    measureWave(wave);
  }
}

} // namespace tgc::tuning
