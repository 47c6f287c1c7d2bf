// A wave: batches of one or more workloads, as many trials as the compile pool has places.
// 1. Trials are proposed. What the database knows is learned from it; what another process has claimed is waited for.
// 2. The rest is compiled side by side, then measured one after the other, checked and stored. Where the device is not
//    made of the compiling cores, the next wave, of other workloads, compiles meanwhile.
#include "search/tune/Run.h"

#include <thread>
#include <utility>

namespace tgc::tuning {

Wave TuneRun::gather(const std::vector<Trial> &underWay) {
  Wave wave;
  size_t most = batch();
  Stopwatch watch(result.times.proposing);
  proposeFirst(most, wave);
  std::vector<char> taken(states.size());
  for (const std::vector<Trial> *trials : {&underWay, &std::as_const(wave.trials)})
    for (const Trial &trial : *trials)
      taken[trial.state] = 1;
  while (wave.trials.empty() || (options.besideMeasuring && wave.trials.size() < most)) {
    std::optional<size_t> best = choose(taken);
    if (!best || over(reserve()))
      break;
    taken[*best] = 1;
    const State &state = states[*best];
    propose(*best, !state.begun ? 1 : state.best > longTrial ? std::max<size_t>(most / 2, 2) : most, wave);
  }
  compile(wave);
  return wave;
}

void TuneRun::proposeFirst(size_t most, Wave &wave) {
  for (size_t i = 0; i < states.size() && wave.trials.size() < most; ++i)
    if (needsFirst(i) && !tooLateForFirst(states[i]))
      propose(i, 1, wave);
}

void TuneRun::propose(size_t index, size_t most, Wave &wave) {
  State &state = states[index];
  state.begun = true;
  std::vector<Candidate> batch;
  if (most == 1 && searches(options.strategy)) {
    // The first of all trials; the strategy will propose it again and find it known.
    if (std::optional<Candidate> first = state.space->candidate(parseSchedule(state.heuristic)))
      batch.push_back(std::move(*first));
  } else if (!state.postponed.empty()) {
    batch = std::exchange(state.postponed, {});
  } else {
    if (!state.strategy)
      state.strategy =
          makeStrategy(options.strategy, *state.space, options.seed ^ workload(state).info.hash, state.warm);
    batch = state.strategy->propose(most);
    state.done = batch.empty();
  }
  for (Candidate &candidate : batch) {
    Trial trial{index, std::move(candidate), std::nullopt, Trial::Known, {}};
    trial.answer = known(state, trial.candidate.text);
    if (trial.answer) {
      ++state.row.known;
    } else if (state.best > 0 && trial.candidate.bound > state.best * 1.2 &&
               trial.candidate.text != state.heuristic) {
      trial.kind = Trial::Hopeless;
    } else if (!claim(state, trial)) {
      trial.kind = Trial::Others;
    } else if (trial.answer) {
      ++state.row.known;
    } else {
      trial.kind = Trial::Mine;
      wave.mine.push_back(wave.trials.size());
    }
    wave.trials.push_back(std::move(trial));
  }
}

bool TuneRun::claim(const State &state, Trial &trial) {
  if (!database.claim(key(state), deviceKey(device), trial.candidate.text, 300))
    return false;
  trial.answer = known(state, trial.candidate.text);
  if (trial.answer)
    database.release(key(state), deviceKey(device), trial.candidate.text);
  return true;
}

void TuneRun::compile(Wave &wave) {
  std::vector<CompileJob> jobs;
  for (size_t i : wave.mine)
    jobs.push_back({states[wave.trials[i].state].workload, wave.trials[i].candidate.text});
  if (!jobs.empty())
    wave.compiling = std::async(std::launch::async, [this, jobs] { return compileInTurn(jobs); });
}

std::vector<CompileReply> TuneRun::compileInTurn(const std::vector<CompileJob> &jobs) {
  std::lock_guard turn(compiling);
  return host.compile(jobs);
}

void TuneRun::awaitCompiled(Wave &wave) {
  if (!wave.compiling.valid())
    return;
  for (size_t i : wave.mine) {
    Stopwatch watch(result.times.reference);
    host.samples(states[wave.trials[i].state].workload, options.seed);
  }
  double before = now();
  Stopwatch watch(result.times.compiling);
  std::vector<CompileReply> replies = wave.compiling.get();
  for (size_t i : wave.mine)
    states[wave.trials[i].state].spent += (now() - before) / double(wave.mine.size());
  for (size_t i = 0; i < wave.mine.size(); ++i)
    wave.trials[wave.mine[i]].compiled = std::move(replies[i]);
}

void TuneRun::measureWave(Wave &wave) {
  std::set<size_t> paced;
  for (Trial &trial : wave.trials) {
    State &state = states[trial.state];
    // What the budget ends in the midst of is left to the next turn or run; the heuristic's schedules come before it.
    if (trial.kind == Trial::Mine && (state.best > 0 ? over(reserve()) : tooLateForFirst(state))) {
      database.release(key(state), deviceKey(device), trial.candidate.text);
      state.postponed.push_back(std::move(trial.candidate));
      continue;
    }
    if (trial.kind == Trial::Mine) {
      if (wave.mine.size() == 1)
        state.pace = 1; // one trial is not worth a measurement beside it
      else if (paced.insert(trial.state).second)
        takePace(state);
      trial.answer = measure(state, trial.candidate.text, trial.compiled);
    }
    if (trial.kind == Trial::Others)
      awaitOthers(state, trial);
    learn(trial);
  }
}

void TuneRun::awaitOthers(State &state, Trial &trial) {
  while (!over(0) && !(trial.answer = known(state, trial.candidate.text))) {
    if (claim(state, trial)) {
      if (trial.answer)
        return;
      CompileReply compiled = compileInTurn({{state.workload, trial.candidate.text}}).front();
      trial.answer = measure(state, trial.candidate.text, compiled);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void TuneRun::learn(const Trial &trial) {
  State &state = states[trial.state];
  bool usable = trial.answer && trial.answer->outcome == Outcome::Ok;
  double seconds = usable ? trial.answer->seconds : 0;
  bool better = usable && (state.best == 0 || seconds < state.best * 0.99);
  state.flat = better ? 0 : state.flat + 1;
  if (usable) {
    state.seconds[trial.candidate.text] = seconds;
    if (trial.answer->confirmed)
      state.finalists.insert(trial.candidate.text);
    state.best = state.best == 0 ? seconds : std::min(state.best, seconds);
  }
  // Stopped for being slow says about how slow.
  bool timed = usable || (trial.answer && trial.answer->outcome == Outcome::Slow);
  if (state.strategy)
    state.strategy->learn(trial.candidate, timed ? std::optional(trial.answer->seconds) : std::nullopt);
  if (better)
    takeUpParts(trial.state);
  report(states[trial.state]);
}

} // namespace tgc::tuning
