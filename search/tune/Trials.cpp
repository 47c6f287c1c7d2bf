// 1. What a candidate is measured with: limits from what is known of its kernel, cold caches as the model has them.
// 2. It is measured in another process, compared with the reference, and stored.
#include "search/tune/Run.h"

#include "compiler/support/Error.h"
#include <algorithm>

namespace tgc::tuning {

std::optional<TuningRecord> TuneRun::known(const State &state, const std::string &schedule) {
  std::optional<TuningRecord> record = database.find(key(state), deviceKey(device), machine, schedule);
  if (!record || record->version != options.compiler)
    return std::nullopt;
  bool retry = schedule == state.heuristic && !state.triedHeuristic && record->outcome != Outcome::Ok;
  return retry ? std::nullopt : record;
}

MeasureRequest TuneRun::requestFor(const State &state, const std::string &package) {
  const KernelInfo &info = workload(state).info;
  MeasureRequest request;
  request.package = package;
  request.device = options.device;
  request.seed = options.seed;
  {
    Stopwatch watch(result.times.reference);
    request.samples = host.samples(state.workload, options.seed);
  }
  double bytes = 0, inputs = 0;
  bool weights = false;
  for (const BufferInfo &buffer : info.buffers) {
    bytes += double(buffer.bytes());
    inputs += buffer.stored || buffer.free ? 0 : double(buffer.bytes());
    weights |= buffer.free;
  }
  auto last = uint64_t(std::max(device.l2Bytes, device.l3Bytes));
  request.warmInputs = last / 2;
  if (options.modelBytes > last && bytes < double(last)) {
    request.coldBytes = last;
    // Where nothing but outputs comes from memory, which are written where others were before, a core's own cache is all
    // that must be cleared: a small part of the time for kernels of less than a millisecond.
    if (!weights && inputs <= double(request.warmInputs))
      request.coldBytes = std::min(last, 4 * uint64_t(device.l2Bytes));
  }
  // Of long kernels a little slower is enough to know; short ones are noisier.
  constexpr double notShort = 0.005; // seconds
  request.giveUpAbove = state.best * state.pace *
                        (state.best > longTrial  ? 1.25
                         : state.best > notShort ? 1.3
                                                 : 2);
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

void TuneRun::takePace(State &state) {
  constexpr double steady = 0.05; // of the best's time; measurements differ by as much
  constexpr size_t calm = 3, calmWaves = 4;
  state.pace = 1;
  if (!options.takePace || state.best <= 0 || (state.steady >= calm && ++state.unpaced < calmWaves))
    return;
  state.unpaced = 0;
  CompileReply compiled = compileInTurn({{state.workload, bestOf(state)}}).front();
  if (compiled.package.empty())
    return;
  MeasureRequest request = requestFor(state, compiled.package);
  request.samples.clear();
  request.giveUpAbove = 0;
  Stopwatch watch(result.times.measuring);
  Stopwatch own(state.spent);
  MeasureReply reply = measurer.measure(request);
  double pace = reply.outcome == Outcome::Ok ? reply.median / state.best : 1;
  bool same = std::abs(pace - 1) < steady;
  state.steady = same ? state.steady + 1 : 0;
  if (!same)
    state.pace = pace;
}

TuningRecord TuneRun::measure(State &state, const std::string &schedule, const CompileReply &compiled) {
  state.triedHeuristic |= schedule == state.heuristic;
  MeasureReply reply;
  TuningRecord record = attempt(state, schedule, compiled, /*again=*/false, reply);
  TuningRecord stored = record;
  std::optional<TuningRecord> before = database.find(key(state), deviceKey(device), machine, schedule);
  stored.confirmed |= before && before->confirmed && record.outcome == Outcome::Ok;
  database.store(stored, {reply.seconds, options.compiler, "", "", 0});
  return record;
}

TuningRecord TuneRun::remeasure(State &state, const TuningRecord &before) {
  CompileReply compiled = compileInTurn({{state.workload, before.schedule}}).front();
  MeasureReply reply;
  TuningRecord record = attempt(state, before.schedule, compiled, /*again=*/true, reply);
  record.confirmed = before.confirmed;
  record.strategy = before.strategy;
  database.store(record, {reply.seconds, options.compiler, "", "verify", 0});
  return record;
}

TuningRecord TuneRun::attempt(State &state, const std::string &schedule, const CompileReply &compiled,
                              bool again, MeasureReply &reply) {
  TuningRecord record{key(state),
                      deviceKey(device),
                      machine,
                      schedule,
                      Outcome::Failed,
                      0,
                      0,
                      0,
                      /*confirmed=*/again || schedule == state.heuristic,
                      options.strategy.name,
                      options.compiler,
                      compiled.message,
                      0};
  // Code that spills loses against code that does not; only the heuristic's schedule is measured whatever it does.
  bool hopeless = !compiled.remarks.empty() && schedule != state.heuristic && state.best > 0 && !again;
  if (hopeless)
    record.message = "not measured: " + compiled.remarks;
  if (!compiled.package.empty() && !hopeless) {
    if (again)
      state.pace = 1;
    MeasureRequest request = requestFor(state, compiled.package);
    if (again)
      request.giveUpAbove = 0;
    if (auto fault = options.faults.find(result.trials); fault != options.faults.end())
      request.fault = fault->second;
    {
      Stopwatch watch(result.times.measuring);
      Stopwatch own(state.spent);
      reply = measurer.measure(request);
    }
    record.outcome = reply.outcome;
    record.message = reply.message;
    record.seconds = reply.median / state.pace;
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

} // namespace tgc::tuning
