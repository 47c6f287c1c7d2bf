// Two made-up kernels, a made-up cost of their schedules, and a tuner's host and measurer for them.
#pragma once
#include "search/tune/Tuner.h"
#include <chrono>
#include <cmath>
#include <fstream>
#include <thread>

namespace tgc::test {

inline DeviceInfo testDevice() {
  DeviceInfo device;
  device.kind = "cpu";
  device.name = device.architecture = "test";
  device.units = 2;
  device.vectorBytes = 64;
  device.registers = 32;
  device.plainRate = 1e11;
  device.bandwidth = 1e10;
  return device;
}

inline LinearIndex along(int axis) {
  LinearIndex index{std::vector<int64_t>(3)};
  index.coefficients[size_t(axis)] = 1;
  return index;
}

inline Access access(int buffer, bool store, int a, int b) {
  Access made;
  made.buffer = buffer;
  made.store = store;
  made.indices = {along(a), along(b)};
  for (int axis = 0; axis < 3; ++axis)
    made.uses.push_back(axis == a || axis == b);
  return made;
}

/// y[m,n] = Σ_k x[m,k] · w[k,n]
inline KernelInfo matmul(int64_t m, int64_t n, int64_t k, uint64_t hash) {
  KernelInfo kernel;
  kernel.name = "matmul";
  kernel.hash = hash;
  kernel.shape = KernelShape::Contract;
  kernel.axes = {{"m", m, true}, {"n", n, true}, {"k", k, false, true}};
  kernel.buffers = {{"x", ElementType::F32, {m, k}, {k, 1}},
                    {"w", ElementType::F32, {k, n}, {n, 1}},
                    {"y", ElementType::F32, {m, n}, {n, 1}, 0, false, true}};
  kernel.accesses = {access(0, false, 0, 2), access(1, false, 2, 1), access(2, true, 0, 1)};
  kernel.reductions = {{ReductionKind::Contract, {2}, {true, true, false}, ElementType::F32}};
  ContractInfo contract;
  contract.m = {0};
  contract.n = {1};
  contract.k = {2};
  contract.lhs.type = contract.rhs.type = ElementType::F32;
  contract.lhs.accesses = {0};
  contract.rhs.accesses = {1};
  contract.lhs.plain = contract.rhs.plain = true;
  kernel.contract = contract;
  kernel.flops = 2.0 * double(m * n * k);
  return kernel;
}

/// Least with full lanes, 20 accumulators, and some reduction unrolled.
inline double cost(const KernelInfo &kernel, const Schedule &schedule) {
  PlanResult plan = makePlan(kernel, schedule, testDevice());
  if (!plan)
    return 1;
  const auto &loop = std::get<LoopPlan>(plan.plan->body);
  double seconds =
      1 + 8 * (1 - double(loop.vectorWidth) / 16) + std::abs(double(plan.plan->registers) - 20) / 10;
  for (const LoopSplit &split : schedule.loops)
    if (split.kind == SplitKind::Unroll)
      seconds -= split.factor == 4 ? 0.5 : 0.1;
  return seconds * 1e-3;
}

/// Packages are schedules' texts.
struct TestHost : TuneHost {
  std::vector<Workload> list;
  std::vector<SampledElement> elements{{"y", 0}};
  TestHost() {
    for (auto [hash, n] : {std::pair(uint64_t(1), int64_t(96)), {uint64_t(2), int64_t(240)}}) {
      Workload workload{"k" + std::to_string(hash),
                        {workloadKey(hash), "text", "shape", "node"},
                        matmul(64, n, 64, hash),
                        3};
      list.push_back(workload);
    }
  }
  const std::vector<Workload> &workloads() const override { return list; }
  std::vector<size_t> parts(size_t, const std::string &) override { return {}; }
  std::vector<CompileReply> compile(const std::vector<CompileJob> &jobs) override {
    std::vector<CompileReply> replies;
    for (const CompileJob &job : jobs)
      replies.push_back({std::to_string(job.workload) + job.schedule, "", ""});
    return replies;
  }
  const std::vector<SampledElement> &samples(size_t, uint64_t) override { return elements; }
  std::string disagreement(size_t, const std::vector<double> &values) override {
    return values.size() == 1 && values[0] == 1 ? "" : "y[0] is wrong";
  }
};

struct TestMeasurer : Measurer {
  const TestHost &host;
  std::string log; ///< file that gets a line a measurement
  int microseconds = 0;
  size_t count = 0;
  explicit TestMeasurer(const TestHost &host) : host(host) {}
  MeasureReply measure(const MeasureRequest &request) override {
    ++count;
    if (microseconds)
      std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    if (!log.empty())
      std::ofstream(log, std::ios::app) << request.package << "\n";
    MeasureReply reply;
    if (request.fault == "crash" || request.fault == "hang" || request.fault == "memory") {
      reply.outcome = request.fault == "crash"  ? Outcome::Crashed
                      : request.fault == "hang" ? Outcome::Hung
                                                : Outcome::Memory;
      return reply;
    }
    reply.outcome = Outcome::Ok;
    const KernelInfo &kernel = host.list[size_t(request.package[0] - '0')].info;
    reply.seconds = {cost(kernel, parseSchedule(request.package.substr(1)))};
    reply.values = {request.fault == "wrong" ? 2.0 : 1.0};
    summarise(reply);
    return reply;
  }
  void refresh() override {}
};

inline TuneOptions optionsFor(const char *strategy, int64_t trials) {
  TuneOptions options;
  options.strategy = parseStrategy(strategy);
  options.budgetTrials = trials;
  options.compiler = "tgc test";
  return options;
}

inline std::vector<std::string> bests(const TuneResult &result) {
  std::vector<std::string> schedules;
  for (const TuneRow &row : result.rows)
    schedules.push_back(row.schedule);
  return schedules;
}

} // namespace tgc::test
