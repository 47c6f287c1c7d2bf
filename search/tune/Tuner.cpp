// 1. Every workload's heuristic schedule is measured, those with the longest expected share of the model first.
// 2. Then again and again the workload with the most to gain gets a batch of trials (Budget.cpp).
// 3. A wave: batches of one or more workloads, as many trials as the compile pool has places. What the database
//    knows is learned from it; what another process has claimed is waited for; the rest is compiled side by side,
//    then measured one after the other, checked and stored. Where the device is not made of the
//    compiling cores, the next wave, of other workloads, compiles meanwhile.
// 4. Finalists: where something beats the heuristic's schedule, the best few and it are measured again in a
//    fresh process, in rounds of random order, so that neither a lucky measurement nor a slow minute decides. What
//    does not beat it there, or did not get there, is no answer: the heuristic's schedule stays.
#include "search/tune/Run.h"

#include "compiler/support/Error.h"
#include "search/database/Choose.h"
#include <algorithm>
#include <thread>
#include <utility>

namespace tgc::tuning {

TuneResult TuneRun::run() {
  for (size_t i = 0; i < host.workloads().size(); ++i)
    addState(i);
  std::sort(states.begin(), states.end(), [&](const State &a, const State &b) {
    double first = a.space->roofline() * double(launches(a)),
           second = b.space->roofline() * double(launches(b));
    return first != second ? first > second : a.workload < b.workload;
  });
  // Parts are added on the way.
  for (size_t i = 0; options.newOnly && i < states.size(); ++i)
    adopt(i);
  // Confirming may take less than was kept for it.
  Wave next = gather({});
  do {
    runWaves(std::move(next));
    confirmAll();
    for (size_t i = 0; i < states.size(); ++i)
      if (!states[i].seconds.empty())
        takeUpParts(i);
    next = gather({});
  } while (!next.trials.empty());
  return finish();
}

void TuneRun::runWaves(Wave next) {
  while (!next.trials.empty()) {
    Wave wave = std::move(next);
    next = {};
    awaitCompiled(wave);
    if (options.besideMeasuring && !over(reserve()))
      next = gather(wave.trials);
    measureWave(wave);
    settle(wave);
    if (next.trials.empty())
      next = gather({});
  }
}

std::vector<VerifyRow> TuneRun::verify() {
  std::vector<VerifyRow> rows;
  for (size_t i = 0; i < host.workloads().size() && !stopped(); ++i) {
    addState(i);
    State &state = states.back();
    std::vector<TuningRecord> records =
        byPreference(database.records(key(state), deviceKey(device), machine), machine);
    if (records.empty())
      continue;
    VerifyRow row{i, records.front(), {}};
    row.after = remeasure(state, row.before);
    rows.push_back(std::move(row));
  }
  return rows;
}

void TuneRun::addState(size_t index) {
  State state;
  state.workload = index;
  const Workload &workload = host.workloads()[index];
  database.addWorkload(workload.record);
  state.space = std::make_unique<Space>(workload.info, device);
  state.least = state.space->least();
  state.heuristic = printSchedule(heuristicSchedule(workload.info, device));
  // What an older version or another machine found is where to start, not an answer.
  std::vector<Schedule> warm;
  for (const TuningRecord &record :
       byPreference(database.records(workload.record.key, deviceKey(device), machine), machine))
    if (warm.size() < 4 && (record.version != options.compiler || record.machine != machine))
      try {
        warm.push_back(parseSchedule(record.schedule));
      } catch (const Error &) {
        // An option this version does not have.
      }
  state.warm = std::move(warm);
  state.row.workload = index;
  states.push_back(std::move(state));
}

void TuneRun::adopt(size_t index) {
  if (states[index].adopted)
    return;
  std::vector<TuningRecord> records =
      byPreference(database.records(key(states[index]), deviceKey(device), machine), machine);
  std::erase_if(records, [&](const TuningRecord &record) {
    return record.machine != machine || record.version != options.compiler;
  });
  if (records.empty())
    return;
  State &state = states[index];
  state.adopted = state.begun = state.done = true;
  for (const TuningRecord &record : records)
    if (&record == &records.front() || record.schedule == state.heuristic)
      state.seconds[record.schedule] = record.seconds;
  state.best = records.front().seconds;
  takeUpParts(index);
}

Wave TuneRun::gather(const std::vector<Trial> &underWay) {
  Wave wave;
  size_t most = batch();
  std::vector<char> taken(states.size());
  for (const Trial &trial : underWay)
    taken[trial.state] = 1;
  Stopwatch watch(result.times.proposing);
  for (size_t i = 0; i < states.size() && wave.trials.size() < most; ++i)
    if (needsFirst(i) && !tooLateForFirst(states[i]))
      propose(i, 1, wave);
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

double TuneRun::projected() const {
  double seconds = 0;
  for (const State &state : states)
    if (!state.row.part)
      seconds += double(launches(state)) * (state.best > 0 ? secondsOf(state) : state.space->roofline());
  return seconds;
}

void TuneRun::report(const State &state) {
  double model = projected();
  bool all = std::all_of(states.begin(), states.end(),
                         [](const State &any) { return any.row.part || any.best > 0; });
  if (all && (result.history.empty() || model < result.history.back().modelSeconds * 0.999))
    result.history.push_back({now() - start, result.trials, model});
  if (options.progress)
    options.progress({workload(state).name, result.trials, result.failures, state.best, model, left()});
}

TuneResult TuneRun::finish() {
  for (State &state : states) {
    std::vector<TuningRecord> records =
        byPreference(database.records(key(state), deviceKey(device), machine), machine);
    std::erase_if(records, [&](const TuningRecord &record) {
      return record.machine != machine || !state.seconds.count(record.schedule);
    });
    if (!records.empty()) {
      state.row.schedule = records.front().schedule;
      state.row.seconds = records.front().seconds;
    }
    for (const TuningRecord &record : records)
      if (record.schedule == state.heuristic)
        state.row.heuristicSeconds = record.seconds;
    if (!state.row.part) {
      bool usesParts = !state.parts.empty() && state.row.schedule == state.apart;
      result.modelSeconds += double(launches(state)) * (usesParts ? secondsOf(state) : state.row.seconds);
      result.heuristicSeconds +=
          double(launches(state)) *
          (state.row.heuristicSeconds > 0 ? state.row.heuristicSeconds : state.row.seconds);
    }
    result.rows.push_back(state.row);
  }
  result.seconds = now() - start;
  result.stopped = stopped();
  return std::move(result);
}

bool TuneRun::over(double kept) const {
  return stopped() || (options.budgetSeconds > 0 && left() <= kept) ||
         (options.budgetTrials > 0 && int64_t(result.trials) >= options.budgetTrials);
}

std::string TuneRun::bestOf(const State &state) {
  // Schedules that were measured again and not proven count as much as the heuristic's.
  auto key = [&](const auto &entry) { return std::pair(entry.second, entry.first != state.heuristic); };
  return std::min_element(state.seconds.begin(), state.seconds.end(),
                          [&](const auto &a, const auto &b) { return key(a) < key(b); })
      ->first;
}

} // namespace tgc::tuning

namespace tgc {

TuneResult tune(TuneHost &host, const DeviceInfo &device, Measurer &measurer, Database &database,
                const TuneOptions &options) {
  return tuning::TuneRun(host, device, measurer, database, options).run();
}

std::vector<VerifyRow> verifyRecords(TuneHost &host, const DeviceInfo &device, Measurer &measurer,
                                     Database &database, const TuneOptions &options) {
  return tuning::TuneRun(host, device, measurer, database, options).verify();
}

std::string deviceKey(const DeviceInfo &device) {
  return fmt::format("{} {} x{}", device.kind, device.architecture, device.units);
}

std::string workloadKey(uint64_t hash) { return fmt::format("{:016x}", hash); }

} // namespace tgc
