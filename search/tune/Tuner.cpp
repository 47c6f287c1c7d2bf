// 1. Every workload's heuristic schedule is measured, those with the longest expected share of the model first.
// 2. Then again and again the workload with the most to gain gets a batch of trials: launches × (best - roofline),
//    less the longer nothing better was found.
// 3. A batch: what the database knows is learned from it; what another process has claimed is waited for at the end;
//    the rest is compiled side by side, then measured one after the other, checked and stored.
// 4. Finalists: the best few and the heuristic's schedule are measured again in a fresh process and random order; the
//    best of these is the answer, so that a lucky measurement does not win.
#include "search/tune/Tuner.h"

#include "compiler/support/Error.h"
#include "search/database/Choose.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

namespace tgc {
namespace {

constexpr size_t batchSize = 8, finalists = 3;

struct State {
  size_t workload = 0;
  std::unique_ptr<Space> space;
  std::unique_ptr<Strategy> strategy;
  std::string heuristic;                 ///< its text
  std::map<std::string, double> seconds; ///< usable, by schedule
  double best = 0, confirmedAt = 0;      ///< seconds; best when finalists were last measured
  size_t flat = 0;                       ///< trials since something better was found
  bool done = false;
  TuneRow row;
};

class Tuner {
public:
  Tuner(TuneHost &host, const DeviceInfo &device, Measurer &measurer, Database &database, const TuneOptions &options)
      : host(host), device(device), measurer(measurer), database(database), options(options), random(options.seed),
        start(now()) {}

  TuneResult run() {
    for (size_t i = 0; i < host.workloads().size(); ++i)
      addState(i);
    std::sort(states.begin(), states.end(), [&](const State &a, const State &b) {
      double first = a.space->roofline() * double(launches(a)), second = b.space->roofline() * double(launches(b));
      return first != second ? first > second : a.workload < b.workload;
    });
    for (State &state : states)
      if (!over(0))
        advance(state, 1);
    while (!over(reserve())) {
      State *next = nullptr;
      for (State &state : states)
        if (!state.done && (!next || gain(state) > gain(*next)))
          next = &state;
      if (!next)
        break;
      advance(*next, batchSize);
    }
    for (State &state : states)
      if (!stopped())
        confirm(state);
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
      std::vector<CompileReply> compiled = host.compile(i, {row.before.schedule});
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
    state.strategy = makeStrategy(options.strategy, *state.space, options.seed ^ workload.info.hash, warm);
    state.row.workload = index;
    states.push_back(std::move(state));
  }

  /// What trials of this workload may still bring, in seconds of the model.
  double gain(const State &state) const {
    double best = state.best > 0 ? state.best : state.space->roofline() * 10;
    double headroom = std::max(best - state.space->roofline(), best * 0.02);
    return double(launches(state)) * headroom / (1 + double(state.flat) / 16);
  }

  /// Seconds that measuring the finalists will take.
  double reserve() const {
    double seconds = 0;
    for (const State &state : states)
      if (state.best > 0 && state.best != state.confirmedAt)
        seconds += (std::min<double>(finalists, double(state.seconds.size())) + 1) * (0.1 + 6 * state.best);
    return std::min(seconds, options.budgetSeconds * 0.3);
  }

  void advance(State &state, size_t most) {
    std::vector<Candidate> batch = state.strategy->propose(most);
    if (batch.empty()) {
      state.done = true;
      return;
    }
    std::vector<std::optional<TuningRecord>> answers(batch.size());
    std::vector<size_t> mine, others;
    for (size_t i = 0; i < batch.size(); ++i) {
      answers[i] = known(state, batch[i].text);
      if (answers[i]) {
        ++state.row.known;
      } else if (state.best > 0 && batch[i].bound > state.best * 1.2 && batch[i].text != state.heuristic) {
        continue; // hopeless
      } else if (database.claim(key(state), deviceKey(device), batch[i].text, 300)) {
        mine.push_back(i);
      } else {
        others.push_back(i);
      }
    }
    tryAll(state, batch, mine, answers);
    // Others' trials: their records come, or their claims end and the trials are ours.
    for (size_t i : others)
      while (!over(0) && !(answers[i] = known(state, batch[i].text))) {
        if (database.claim(key(state), deviceKey(device), batch[i].text, 300))
          tryAll(state, batch, {i}, answers);
        else
          std::this_thread::sleep_for(std::chrono::milliseconds(100));
        if (answers[i])
          break;
      }
    for (size_t i = 0; i < batch.size(); ++i) {
      bool usable = answers[i] && answers[i]->outcome == Outcome::Ok;
      if (usable && !state.seconds.count(batch[i].text))
        note(state, batch[i].text, answers[i]->seconds);
      state.flat += !usable;
      state.strategy->learn(batch[i], usable ? std::optional(answers[i]->seconds) : std::nullopt);
    }
    report(state);
  }

  std::optional<TuningRecord> known(const State &state, const std::string &schedule) {
    std::optional<TuningRecord> record = database.find(key(state), deviceKey(device), machine, schedule);
    return record && record->version == options.compiler ? record : std::nullopt;
  }

  void note(State &state, const std::string &schedule, double seconds) {
    state.seconds[schedule] = seconds;
    if (state.best == 0 || seconds < state.best) {
      state.flat = state.best == 0 || seconds < state.best * 0.99 ? 0 : state.flat + 1;
      state.best = seconds;
    } else {
      ++state.flat;
    }
  }

  void tryAll(State &state, const std::vector<Candidate> &batch, const std::vector<size_t> &which,
              std::vector<std::optional<TuningRecord>> &answers) {
    std::vector<std::string> texts;
    for (size_t i : which)
      texts.push_back(batch[i].text);
    std::vector<CompileReply> compiled = texts.empty() ? std::vector<CompileReply>() : host.compile(state.workload, texts);
    for (size_t n = 0; n < which.size(); ++n) {
      size_t i = which[n];
      // A batch that the budget ends in the middle of leaves its rest to the next run.
      if (n > 0 && over(0)) {
        database.release(key(state), deviceKey(device), batch[i].text);
        continue;
      }
      answers[i] = measure(state, batch[i].text, compiled[n], /*again=*/false);
      if (answers[i]->outcome == Outcome::Ok)
        note(state, batch[i].text, answers[i]->seconds);
      report(state);
    }
  }

  MeasureRequest requestFor(const State &state, const std::string &package) {
    const KernelInfo &info = workload(state).info;
    MeasureRequest request;
    request.package = package;
    request.device = options.device;
    request.seed = options.seed;
    request.samples = host.samples(state.workload, options.seed);
    double bytes = 0;
    for (const BufferInfo &buffer : info.buffers)
      bytes += double(buffer.bytes());
    auto last = uint64_t(std::max(device.l2Bytes, device.l3Bytes));
    if (options.modelBytes > last && bytes < double(last))
      request.coldBytes = last;
    request.warmInputs = last / 2;
    request.giveUpAbove = state.best * 2;
    double expected = state.best > 0 ? 40 * state.best : 3 + 300 * state.space->roofline();
    // A hang must not cost more than a few runs of a kernel that takes long.
    double most = std::max(60.0, 8 * state.best + 50 * state.space->roofline());
    request.limitSeconds = std::min(most, 5 + bytes * 2e-9 + expected);
    // Weights exist as they are and packed, preparing holds both.
    request.memoryBytes = options.memoryBytes ? options.memoryBytes
                                              : uint64_t(4 * bytes) + 2 * request.coldBytes + (uint64_t(1) << 30);
    return request;
  }

  TuningRecord measure(State &state, const std::string &schedule, const CompileReply &compiled, bool again) {
    TuningRecord record{key(state), deviceKey(device), machine, schedule, Outcome::Failed, 0, 0, 0, again,
                        options.strategy.name, options.compiler, compiled.message, 0};
    MeasureReply reply;
    if (!compiled.package.empty()) {
      MeasureRequest request = requestFor(state, compiled.package);
      if (again)
        request.giveUpAbove = 0;
      if (auto fault = options.faults.find(result.trials); fault != options.faults.end())
        request.fault = fault->second;
      reply = measurer.measure(request);
      record.outcome = reply.outcome;
      record.message = reply.message;
      record.seconds = reply.median;
      record.spread = reply.spread;
      record.samples = int(reply.seconds.size());
      if (reply.outcome == Outcome::Ok)
        if (std::string wrong = host.disagreement(state.workload, reply.values); !wrong.empty()) {
          record.outcome = Outcome::Wrong;
          record.message = fmt::format("kernel {} ({}): {}", workload(state).name, workload(state).record.nodes, wrong);
        }
      if (record.outcome != Outcome::Ok)
        record.seconds = 0;
    }
    ++result.trials;
    ++state.row.trials;
    result.failures += record.outcome != Outcome::Ok;
    database.store(record, {reply.seconds, options.compiler, "", again ? "finalist" : "", 0});
    return record;
  }

  void confirm(State &state) {
    if (state.seconds.empty())
      return;
    std::vector<std::pair<double, std::string>> order;
    for (const auto &[schedule, seconds] : state.seconds)
      order.push_back({seconds, schedule});
    std::sort(order.begin(), order.end());
    std::vector<std::string> chosen;
    for (const auto &[seconds, schedule] : order)
      if (chosen.size() < finalists && seconds < order.front().first * 1.15)
        chosen.push_back(schedule);
    if (state.seconds.count(state.heuristic) && std::find(chosen.begin(), chosen.end(), state.heuristic) == chosen.end())
      chosen.push_back(state.heuristic);
    std::erase_if(chosen, [&](const std::string &schedule) {
      std::optional<TuningRecord> record = known(state, schedule);
      return record && record->confirmed;
    });
    if (chosen.empty() || (chosen.size() == 1 && state.seconds.size() == 1))
      return;
    std::shuffle(chosen.begin(), chosen.end(), random);
    measurer.refresh();
    std::vector<CompileReply> compiled = host.compile(state.workload, chosen);
    for (size_t i = 0; i < chosen.size(); ++i) {
      if (stopped())
        return;
      TuningRecord record = measure(state, chosen[i], compiled[i], /*again=*/true);
      if (record.outcome == Outcome::Ok)
        state.seconds[chosen[i]] = record.seconds;
      else
        state.seconds.erase(chosen[i]);
    }
    state.confirmedAt = state.best;
    report(state);
  }

  double projected() const {
    double seconds = 0;
    for (const State &state : states)
      seconds += double(launches(state)) * (state.best > 0 ? state.best : state.space->roofline());
    return seconds;
  }

  void report(const State &state) {
    if (options.progress)
      options.progress({workload(state).name, result.trials, result.failures, state.best, projected(), left()});
  }

  TuneResult finish() {
    for (State &state : states) {
      std::vector<TuningRecord> records =
          byPreference(database.records(key(state), deviceKey(device), machine), machine);
      std::erase_if(records, [&](const TuningRecord &record) { return !state.seconds.count(record.schedule); });
      if (!records.empty()) {
        state.row.schedule = records.front().schedule;
        state.row.seconds = records.front().seconds;
      }
      for (const TuningRecord &record : records)
        if (record.schedule == state.heuristic)
          state.row.heuristicSeconds = record.seconds;
      result.modelSeconds += double(launches(state)) * state.row.seconds;
      result.heuristicSeconds +=
          double(launches(state)) * (state.row.heuristicSeconds > 0 ? state.row.heuristicSeconds : state.row.seconds);
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

std::vector<VerifyRow> verifyRecords(TuneHost &host, const DeviceInfo &device, Measurer &measurer, Database &database,
                                     const TuneOptions &options) {
  return Tuner(host, device, measurer, database, options).verify();
}

std::string deviceKey(const DeviceInfo &device) {
  return fmt::format("{} {} x{}", device.kind, device.architecture, device.units);
}

std::string workloadKey(uint64_t hash) { return fmt::format("{:016x}", hash); }

} // namespace tgc
