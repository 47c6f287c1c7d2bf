// 1. Every workload's heuristic schedule is measured, those with the longest expected share of the model first.
// 2. Then again and again the workload with the most to gain for the time of a trial gets a batch of them:
//    launches × (best - roofline), less the longer nothing better was found.
// 3. A wave: batches of one or more workloads, as many trials as the compile pool has places. What the database
//    knows is learned from it; what another process has claimed is waited for at the end; the rest is compiled
//    side by side, then measured one after the other, checked and stored. Where the device is not made of the
//    compiling cores, the next wave, of other workloads, compiles meanwhile.
// 4. Finalists: where something beats the heuristic's schedule, the best few and it are measured again in a
//    fresh process, in rounds of random order, so that neither a lucky measurement nor a slow minute decides.
#include "search/tune/Tuner.h"

#include "compiler/support/Error.h"
#include "search/database/Choose.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <numeric>
#include <thread>

namespace tgc {
namespace {

constexpr size_t batchSize = 8, finalists = 3;
/// Seconds of a kernel: batches of such are smaller, and fewer finalists run.
constexpr double longTrial = 0.3;
constexpr double perTrial = 0.15; ///< seconds, roughly: loading, data, compiling

/// Adds the time that it lives to a sum.
class Stopwatch {
public:
  explicit Stopwatch(double &sum) : sum(sum), start(std::chrono::steady_clock::now()) {}
  ~Stopwatch() { sum += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

private:
  double &sum;
  std::chrono::steady_clock::time_point start;
};

struct State {
  size_t workload = 0;
  std::unique_ptr<Space> space;
  std::vector<Schedule> warm;
  std::unique_ptr<Strategy> strategy;    ///< made when it is first asked
  std::string heuristic;                 ///< its text
  std::map<std::string, double> seconds; ///< usable, by schedule
  double best = 0;                       ///< seconds
  size_t flat = 0;                       ///< trials since something better was found
  bool begun = false, done = false;
  std::string apart;         ///< the schedule whose parts these are
  std::vector<size_t> parts; ///< states of the kernels that its best schedule puts in its place
  TuneRow row;
};

struct Trial {
  size_t state = 0;
  Candidate candidate;
  std::optional<TuningRecord> answer;
  enum { Known, Hopeless, Mine, Others } kind = Known;
  CompileReply compiled;
};

struct Wave {
  std::vector<Trial> trials;
  std::vector<size_t> mine;
  std::future<std::vector<CompileReply>> compiling;
};

class Tuner {
public:
  Tuner(TuneHost &host, const DeviceInfo &device, Measurer &measurer, Database &database,
        const TuneOptions &options)
      : host(host), device(device), measurer(measurer), database(database), options(options),
        random(options.seed), start(now()) {}

  TuneResult run() {
    for (size_t i = 0; i < host.workloads().size(); ++i)
      addState(i);
    std::sort(states.begin(), states.end(), [&](const State &a, const State &b) {
      double first = a.space->roofline() * double(launches(a)),
             second = b.space->roofline() * double(launches(b));
      return first != second ? first > second : a.workload < b.workload;
    });
    Wave next = gather({});
    while (!next.trials.empty()) {
      Wave wave = std::move(next);
      next = {};
      awaitCompiled(wave);
      if (options.besideMeasuring && !over(reserve()))
        next = gather(wave.trials);
      measureWave(wave);
      if (next.trials.empty())
        next = gather({});
    }
    confirmAll();
    return finish();
  }

  std::vector<VerifyRow> verify() {
    std::vector<VerifyRow> rows;
    for (size_t i = 0; i < host.workloads().size() && !stopped(); ++i) {
      addState(i);
      State &state = states.back();
      std::vector<TuningRecord> records =
          byPreference(database.records(key(state), deviceKey(device), machine), machine);
      if (records.empty())
        continue;
      VerifyRow row{i, records.front(), {}};
      std::vector<CompileReply> compiled = host.compile({{i, row.before.schedule}});
      row.after = measure(state, row.before.schedule, compiled.front(), /*again=*/true);
      rows.push_back(std::move(row));
    }
    return rows;
  }

private:
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  const Workload &workload(const State &state) const { return host.workloads()[state.workload]; }
  size_t launches(const State &state) const { return workload(state).launches; }
  const std::string &key(const State &state) const { return workload(state).record.key; }
  bool stopped() const { return options.stop && options.stop(); }
  double left() const { return options.budgetSeconds > 0 ? start + options.budgetSeconds - now() : -1; }
  bool over(double kept) const {
    return stopped() || (options.budgetSeconds > 0 && left() <= kept) ||
           (options.budgetTrials > 0 && int64_t(result.trials) >= options.budgetTrials);
  }

  void addState(size_t index) {
    State state;
    state.workload = index;
    const Workload &workload = host.workloads()[index];
    database.addWorkload(workload.record);
    state.space = std::make_unique<Space>(workload.info, device);
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

  /// What trials of this workload may still bring, in seconds of the model for a second of searching.
  double gain(const State &state) const {
    double headroom = std::max(state.best - state.space->roofline(), state.best * 0.02);
    double cost = perTrial + std::max(state.best, std::min(8 * state.best, 0.1));
    return double(launches(state)) * headroom / (1 + double(state.flat) / 16) / cost;
  }

  /// Seconds that measuring the finalists will take.
  double reserve() const {
    double seconds = 0;
    for (const State &state : states)
      if (!state.seconds.empty() && bestOf(state) != state.heuristic)
        seconds += double(rounds(state) * (finalistsOf(state) + 1)) * (perTrial + std::max(state.best, 0.05));
    return std::min(seconds, options.budgetSeconds * 0.3);
  }
  static size_t rounds(const State &state) { return state.best > longTrial ? 2 : 3; }
  static size_t finalistsOf(const State &state) {
    return std::min(state.best > longTrial ? finalists - 1 : finalists, state.seconds.size());
  }
  static std::string bestOf(const State &state) {
    return std::min_element(state.seconds.begin(), state.seconds.end(),
                            [](const auto &a, const auto &b) { return a.second < b.second; })
        ->first;
  }

  /// The next trials, which begin to compile: heuristics' schedules first, then those of the workloads with
  /// most to gain. Workloads under way are left alone: their strategies wait for answers.
  Wave gather(const std::vector<Trial> &underWay) {
    Wave wave;
    size_t most = options.besideMeasuring ? std::max(batchSize, options.jobs) : batchSize;
    std::vector<char> taken(states.size());
    for (const Trial &trial : underWay)
      taken[trial.state] = 1;
    Stopwatch watch(result.times.proposing);
    for (size_t i = 0; i < states.size() && wave.trials.size() < most; ++i)
      if (!states[i].begun && !taken[i] && !over(0)) {
        states[i].begun = true;
        propose(i, 1, wave);
      }
    while (wave.trials.empty() || (options.besideMeasuring && wave.trials.size() < most)) {
      std::optional<size_t> best;
      for (size_t i = 0; i < states.size(); ++i)
        if (!taken[i] && states[i].begun && !states[i].done &&
            (!best || gain(states[i]) > gain(states[*best])))
          best = i;
      if (!best || over(reserve()))
        break;
      taken[*best] = 1;
      propose(*best, states[*best].best > longTrial ? batchSize / 2 : batchSize, wave);
    }
    compile(wave);
    return wave;
  }

  void propose(size_t index, size_t most, Wave &wave) {
    State &state = states[index];
    std::vector<Candidate> batch;
    if (most == 1 && searches(options.strategy)) {
      // The first of all trials; the strategy will propose it again and find it known.
      if (std::optional<Candidate> first = state.space->candidate(parseSchedule(state.heuristic)))
        batch.push_back(std::move(*first));
    } else {
      if (!state.strategy)
        state.strategy = makeStrategy(options.strategy, *state.space,
                                      options.seed ^ workload(state).info.hash, state.warm);
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
      } else if (database.claim(key(state), deviceKey(device), trial.candidate.text, 300)) {
        trial.kind = Trial::Mine;
        wave.mine.push_back(wave.trials.size());
      } else {
        trial.kind = Trial::Others;
      }
      wave.trials.push_back(std::move(trial));
    }
  }

  void compile(Wave &wave) {
    std::vector<CompileJob> jobs;
    for (size_t i : wave.mine)
      jobs.push_back({states[wave.trials[i].state].workload, wave.trials[i].candidate.text});
    if (!jobs.empty())
      wave.compiling = std::async(std::launch::async, [this, jobs] { return host.compile(jobs); });
  }

  void awaitCompiled(Wave &wave) {
    if (!wave.compiling.valid())
      return;
    for (size_t i : wave.mine) {
      Stopwatch watch(result.times.reference);
      host.samples(states[wave.trials[i].state].workload, options.seed);
    }
    Stopwatch watch(result.times.compiling);
    std::vector<CompileReply> replies = wave.compiling.get();
    for (size_t i = 0; i < wave.mine.size(); ++i)
      wave.trials[wave.mine[i]].compiled = std::move(replies[i]);
  }

  void measureWave(Wave &wave) {
    for (Trial &trial : wave.trials) {
      State &state = states[trial.state];
      // What the budget ends in the midst of is left to the next run; the heuristic's schedules come before
      // it.
      if (trial.kind == Trial::Mine && (state.best > 0 ? over(reserve()) : over(0))) {
        database.release(key(state), deviceKey(device), trial.candidate.text);
        state.done = true;
        continue;
      }
      if (trial.kind == Trial::Mine)
        trial.answer = measure(state, trial.candidate.text, trial.compiled, /*again=*/false);
      if (trial.kind == Trial::Others)
        awaitOthers(state, trial);
      learn(trial);
    }
  }

  /// Another process' trial: its record comes, or its claim ends and the trial is ours.
  void awaitOthers(State &state, Trial &trial) {
    while (!over(0) && !(trial.answer = known(state, trial.candidate.text))) {
      if (database.claim(key(state), deviceKey(device), trial.candidate.text, 300)) {
        CompileReply compiled = host.compile({{state.workload, trial.candidate.text}}).front();
        trial.answer = measure(state, trial.candidate.text, compiled, /*again=*/false);
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  void learn(const Trial &trial) {
    State &state = states[trial.state];
    bool usable = trial.answer && trial.answer->outcome == Outcome::Ok;
    double seconds = usable ? trial.answer->seconds : 0;
    bool better = usable && (state.best == 0 || seconds < state.best * 0.99);
    state.flat = better ? 0 : state.flat + 1;
    if (usable) {
      state.seconds[trial.candidate.text] = seconds;
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

  /// Where the best schedule takes its kernel apart, the parts are tuned by themselves. Invalidates
  /// references to states.
  void takeUpParts(size_t index) {
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
      }
      states[index].parts.push_back(at);
      states[index].apart = best;
    }
  }

  /// Seconds of one launch: the best schedule's, or its parts' by themselves.
  double secondsOf(const State &state) const {
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

  std::optional<TuningRecord> known(const State &state, const std::string &schedule) {
    std::optional<TuningRecord> record = database.find(key(state), deviceKey(device), machine, schedule);
    return record && record->version == options.compiler ? record : std::nullopt;
  }

  MeasureRequest requestFor(const State &state, const std::string &package) {
    const KernelInfo &info = workload(state).info;
    MeasureRequest request;
    request.package = package;
    request.device = options.device;
    request.seed = options.seed;
    {
      Stopwatch watch(result.times.reference);
      request.samples = host.samples(state.workload, options.seed);
    }
    double bytes = 0;
    for (const BufferInfo &buffer : info.buffers)
      bytes += double(buffer.bytes());
    auto last = uint64_t(std::max(device.l2Bytes, device.l3Bytes));
    if (options.modelBytes > last && bytes < double(last))
      request.coldBytes = last;
    request.warmInputs = last / 2;
    // Of long kernels a little slower is enough to know; short ones are noisier.
    request.giveUpAbove = state.best * (state.best > longTrial ? 1.25 : 2);
    double expected = state.best > 0 ? 40 * state.best : 3 + 300 * state.space->roofline();
    // A hang must not cost more than a few runs of a kernel that takes long.
    double most = std::max(60.0, 8 * state.best + 50 * state.space->roofline());
    request.limitSeconds = std::min(most, 5 + bytes * 2e-9 + expected);
    // Weights exist as they are and packed, preparing holds both.
    request.memoryBytes = options.memoryBytes
                              ? options.memoryBytes
                              : uint64_t(4 * bytes) + 2 * request.coldBytes + (uint64_t(1) << 30);
    return request;
  }

  TuningRecord measure(State &state, const std::string &schedule, const CompileReply &compiled, bool again) {
    MeasureReply reply;
    TuningRecord record = attempt(state, schedule, compiled, again, reply);
    database.store(record, {reply.seconds, options.compiler, "", again ? "finalist" : "", 0});
    return record;
  }

  /// Measures and judges without storing.
  TuningRecord attempt(State &state, const std::string &schedule, const CompileReply &compiled, bool again,
                       MeasureReply &reply) {
    TuningRecord record{key(state),
                        deviceKey(device),
                        machine,
                        schedule,
                        Outcome::Failed,
                        0,
                        0,
                        0,
                        again,
                        options.strategy.name,
                        options.compiler,
                        compiled.message,
                        0};
    // Code that spills loses against code that does not; only the heuristic's schedule is measured whatever it does.
    bool hopeless = !compiled.remarks.empty() && schedule != state.heuristic && state.best > 0 && !again;
    if (hopeless)
      record.message = "not measured: " + compiled.remarks;
    if (!compiled.package.empty() && !hopeless) {
      MeasureRequest request = requestFor(state, compiled.package);
      if (again)
        request.giveUpAbove = 0;
      if (auto fault = options.faults.find(result.trials); fault != options.faults.end())
        request.fault = fault->second;
      {
        Stopwatch watch(result.times.measuring);
        reply = measurer.measure(request);
      }
      record.outcome = reply.outcome;
      record.message = reply.message;
      record.seconds = reply.median;
      record.spread = reply.spread;
      record.samples = int(reply.seconds.size());
      if (reply.outcome == Outcome::Ok)
        if (std::string wrong = host.disagreement(state.workload, reply.values); !wrong.empty()) {
          record.outcome = Outcome::Wrong;
          record.message =
              fmt::format("kernel {} ({}): {}", workload(state).name, workload(state).record.nodes, wrong);
        }
      if (record.outcome != Outcome::Ok && record.outcome != Outcome::Slow)
        record.seconds = 0;
    }
    ++result.trials;
    ++state.row.trials;
    result.failures += record.outcome != Outcome::Ok && record.outcome != Outcome::Slow;
    return record;
  }

  void confirmAll() {
    std::vector<State *> order;
    for (State &state : states)
      if (!state.seconds.empty() && bestOf(state) != state.heuristic)
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

  /// Unconfirmed schedules must beat it by more than luck.
  void trustHeuristic(State &state) {
    std::optional<TuningRecord> record = known(state, state.heuristic);
    if (!record || record->outcome != Outcome::Ok || record->confirmed)
      return;
    std::vector<Evidence> evidence = database.evidence(*record);
    record->confirmed = true;
    database.store(*record, {evidence.empty() ? std::vector<double>() : evidence.back().seconds,
                             options.compiler, "", "", 0});
  }

  void confirm(State &state) {
    // The first of a new order may be one that has not been measured again.
    for (int attempt = 0; attempt < 3 && !stopped(); ++attempt) {
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

  /// Measures schedules again, in rounds.
  void again(State &state, std::vector<std::string> chosen) {
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
      for (size_t i : order) {
        if (records[i] && records[i]->outcome != Outcome::Ok)
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

  double projected() const {
    double seconds = 0;
    for (const State &state : states)
      if (!state.row.part)
        seconds += double(launches(state)) * (state.best > 0 ? secondsOf(state) : state.space->roofline());
    return seconds;
  }

  void report(const State &state) {
    double model = projected();
    bool all = std::all_of(states.begin(), states.end(),
                           [](const State &any) { return any.row.part || any.best > 0; });
    if (all && (result.history.empty() || model < result.history.back().modelSeconds * 0.999))
      result.history.push_back({now() - start, result.trials, model});
    if (options.progress)
      options.progress({workload(state).name, result.trials, result.failures, state.best, model, left()});
  }

  TuneResult finish() {
    for (State &state : states) {
      std::vector<TuningRecord> records =
          byPreference(database.records(key(state), deviceKey(device), machine), machine);
      std::erase_if(records,
                    [&](const TuningRecord &record) { return !state.seconds.count(record.schedule); });
      if (!records.empty()) {
        state.row.schedule = records.front().schedule;
        state.row.seconds = records.front().seconds;
      }
      for (const TuningRecord &record : records)
        if (record.schedule == state.heuristic)
          state.row.heuristicSeconds = record.seconds;
      if (!state.row.part) {
        result.modelSeconds +=
            double(launches(state)) * (state.parts.empty() ? state.row.seconds : secondsOf(state));
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

  TuneHost &host;
  const DeviceInfo &device;
  Measurer &measurer;
  Database &database;
  const TuneOptions &options;
  std::mt19937_64 random;
  double start;
  std::string machine = machineName();
  std::vector<State> states;
  TuneResult result;
};

} // namespace

TuneResult tune(TuneHost &host, const DeviceInfo &device, Measurer &measurer, Database &database,
                const TuneOptions &options) {
  return Tuner(host, device, measurer, database, options).run();
}

std::vector<VerifyRow> verifyRecords(TuneHost &host, const DeviceInfo &device, Measurer &measurer,
                                     Database &database, const TuneOptions &options) {
  return Tuner(host, device, measurer, database, options).verify();
}

std::string deviceKey(const DeviceInfo &device) {
  return fmt::format("{} {} x{}", device.kind, device.architecture, device.units);
}

std::string workloadKey(uint64_t hash) { return fmt::format("{:016x}", hash); }

} // namespace tgc
