// 1. Every workload's heuristic schedule is measured, those with the longest expected share of the model first.
// 2. Then again and again the workload with the most to gain gets a batch of trials (Budget.cpp, Waves.cpp).
// 3. Where something beats the heuristic's schedule it is measured again (Finalists.cpp), and what time that leaves is
//    searched on.
#include "search/tune/Run.h"

#include "compiler/support/Error.h"
#include "search/database/Choose.h"
#include <algorithm>

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
