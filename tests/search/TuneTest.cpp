// Search without a compiler: strategies on a made-up cost, the tuner with faults, kills and company.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include "compiler/support/Error.h"
#include "search/database/Choose.h"
#include "search/tune/Tuner.h"
#include "tests/search/Folder.h"
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sqlite3.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace tgc;

namespace {

DeviceInfo testDevice() {
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

LinearIndex along(int axis) {
  LinearIndex index{std::vector<int64_t>(3)};
  index.coefficients[size_t(axis)] = 1;
  return index;
}

Access access(int buffer, bool store, int a, int b) {
  Access made;
  made.buffer = buffer;
  made.store = store;
  made.indices = {along(a), along(b)};
  for (int axis = 0; axis < 3; ++axis)
    made.uses.push_back(axis == a || axis == b);
  return made;
}

/// y[m,n] = Σ_k x[m,k] · w[k,n]
KernelInfo matmul(int64_t m, int64_t n, int64_t k, uint64_t hash) {
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
  contract.lhs = {ElementType::F32, {0}, true};
  contract.rhs = {ElementType::F32, {1}, true};
  kernel.contract = contract;
  kernel.flops = 2.0 * double(m * n * k);
  return kernel;
}

/// Least with full lanes, 20 accumulators, and some reduction unrolled.
double cost(const KernelInfo &kernel, const Schedule &schedule) {
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

TuneOptions optionsFor(const char *strategy, int64_t trials) {
  TuneOptions options;
  options.strategy = parseStrategy(strategy);
  options.budgetTrials = trials;
  options.compiler = "tgc test";
  return options;
}

std::vector<std::string> bests(const TuneResult &result) {
  std::vector<std::string> schedules;
  for (const TuneRow &row : result.rows)
    schedules.push_back(row.schedule);
  return schedules;
}

} // namespace

TEST_CASE("neighbours are legal, differ from each other, and lead back") {
  KernelInfo kernel = matmul(64, 96, 64, 1);
  DeviceInfo device = testDevice();
  Space space(kernel, device);
  Schedule schedule = parseSchedule("upcast(n,16) upcast(m,4)");
  std::set<uint64_t> plans;
  bool added = false, removed = false, changed = false;
  for (const Candidate &next : space.neighbours(schedule)) {
    CHECK(makePlan(kernel, next.schedule, device));
    CHECK(plans.insert(next.plan).second);
    added |= next.text == "upcast(n,16) upcast(m,4) unroll(k,4)";
    removed |= next.text == "upcast(n,16)";
    changed |= next.text == "upcast(n,16) upcast(m,8)";
  }
  CHECK(added);
  CHECK(removed);
  CHECK(changed);
  CHECK(plans.count(space.candidate(schedule)->plan) == 0);
}

TEST_CASE("searches find what the heuristic does not, propose nothing twice, and repeat themselves") {
  KernelInfo kernel = matmul(64, 96, 64, 1);
  DeviceInfo device = testDevice();
  Space space(kernel, device);
  for (const char *name : {"beam", "beam=1", "mcts"}) {
    INFO(name);
    std::vector<std::string> first;
    double best = 1;
    for (int run = 0; run < 2; ++run) {
      auto strategy = makeStrategy(parseStrategy(name), space, 7);
      std::set<uint64_t> plans;
      std::vector<std::string> order;
      while (order.size() < 300) {
        std::vector<Candidate> batch = strategy->propose(8);
        if (batch.empty())
          break;
        for (const Candidate &candidate : batch) {
          CHECK(plans.insert(candidate.plan).second);
          order.push_back(candidate.text);
          double seconds = cost(kernel, candidate.schedule);
          best = std::min(best, seconds);
          // Some fail.
          strategy->learn(candidate, order.size() % 7 == 3 ? std::nullopt : std::optional(seconds));
        }
      }
      if (run == 0)
        first = order;
      CHECK(order == first);
    }
    CHECK(best < cost(kernel, heuristicSchedule(kernel, device)) * 0.9);
    CHECK(best < 0.85e-3);
  }
}

TEST_CASE("what --search does not know is refused") {
  CHECK(parseStrategy("beam=8").number == 8);
  for (const char *text : {"bean", "raw=3", "beam=0", "beam=x", "mcts=", ""})
    CHECK_THROWS_AS(parseStrategy(text), Error);
}

TEST_CASE("a search beats the heuristic, keeps every trial and measures none twice") {
  Folder folder;
  TestHost host;
  TestMeasurer measurer(host);
  Database database(folder.file("a.db"));
  TuneResult result = tune(host, testDevice(), measurer, database, optionsFor("beam", 200));
  REQUIRE(result.rows.size() == 2);
  CHECK(result.modelSeconds < 0.9 * result.heuristicSeconds);
  CHECK(database.workloads().size() == 2);
  size_t before = measurer.count;
  TuneResult again = tune(host, testDevice(), measurer, database, optionsFor("beam", 200));
  CHECK(again.modelSeconds <= result.modelSeconds);
  // The same search once more: what was measured is known, so it goes on behind it.
  std::set<std::string> seen;
  for (const TuningRecord &record : database.records("", "", ""))
    CHECK(seen.insert(record.workload + record.schedule).second);
  CHECK(measurer.count > before);
  // Finalists and the heuristic's schedule once more in each of five rounds.
  CHECK(seen.size() + 2 * 2 * 5 * 5 >= measurer.count);
}

TEST_CASE("with newOnly, kernels with a record are taken as they are") {
  Folder folder;
  TestHost host;
  TestMeasurer measurer(host);
  Database database(folder.file("a.db"));
  TestHost first;
  first.list.pop_back();
  TuneResult one = tune(first, testDevice(), measurer, database, optionsFor("beam", 100));
  size_t before = measurer.count;
  TuneOptions options = optionsFor("beam", 50);
  options.newOnly = true;
  TuneResult both = tune(host, testDevice(), measurer, database, options);
  REQUIRE(both.rows.size() == 2);
  for (const TuneRow &row : both.rows)
    if (row.workload == 0) {
      CHECK(row.trials == 0);
      CHECK(row.schedule == one.rows[0].schedule);
      CHECK(row.seconds == one.rows[0].seconds);
      CHECK(row.heuristicSeconds == one.rows[0].heuristicSeconds);
    } else {
      CHECK(row.trials == measurer.count - before);
      CHECK(row.trials > 0);
    }
  // All are known now: nothing is measured, and the sum is the same.
  before = measurer.count;
  CHECK(tune(host, testDevice(), measurer, database, options).modelSeconds == Approx(both.modelSeconds));
  CHECK(measurer.count == before);
}

namespace {

/// First measurements say nothing: others' seem to take a third of the heuristic's 1 ms. Measured again they take 1.05 ms,
/// one of `better` 0.5 ms, all within 0.4%.
struct LuckyMeasurer : Measurer {
  const TestHost &host;
  std::set<std::string> heuristics; ///< packages
  size_t better = 0;                ///< one of so many; 0: none
  std::map<std::string, size_t> times;
  size_t count = 0;
  std::mt19937 random{7};
  explicit LuckyMeasurer(const TestHost &host) : host(host) {
    for (size_t i = 0; i < host.list.size(); ++i)
      heuristics.insert(std::to_string(i) +
                        printSchedule(heuristicSchedule(host.list[i].info, testDevice())));
  }
  double truth(const std::string &package) const {
    if (heuristics.count(package))
      return 1e-3;
    size_t sum = 0;
    for (char c : package)
      sum = sum * 31 + size_t(c);
    return better && sum % better == 0 ? 0.5e-3 : 1.05e-3;
  }
  MeasureReply measure(const MeasureRequest &request) override {
    ++count;
    bool first = times[request.package]++ == 0 && !heuristics.count(request.package);
    MeasureReply reply;
    reply.outcome = Outcome::Ok;
    reply.seconds = {truth(request.package) * (first ? 0.3 : 1) * (1 + double(random() % 400) * 1e-5)};
    reply.values = {1};
    summarise(reply);
    return reply;
  }
  void refresh() override {}
  /// Of the package that a compilation takes for the workload.
  double used(Database &database, size_t workload) const {
    std::vector<TuningRecord> records =
        byPreference(database.records(host.list[workload].record.key, "", ""), machineName());
    REQUIRE(!records.empty());
    return truth(std::to_string(workload) + records[0].schedule);
  }
};

} // namespace

TEST_CASE("what only one lucky measurement made better does not take the heuristic's place") {
  TestHost host;
  for (const char *strategy : {"beam", "mcts"})
    for (int64_t trials : {2, 3, 10, 60}) {
      INFO(strategy << " " << trials);
      Folder folder;
      LuckyMeasurer measurer(host);
      Database database(folder.file("a.db"));
      TuneResult result = tune(host, testDevice(), measurer, database, optionsFor(strategy, trials));
      for (const TuneRow &row : result.rows) {
        CHECK(measurer.used(database, row.workload) == 1e-3);
        CHECK(measurer.heuristics.count(std::to_string(row.workload) + row.schedule));
        CHECK(row.seconds == row.heuristicSeconds);
      }
      CHECK(result.modelSeconds == Approx(result.heuristicSeconds));
    }
}

namespace {

/// Takes three times as long from the twentieth measurement on.
struct SharedMeasurer : TestMeasurer {
  using TestMeasurer::TestMeasurer;
  MeasureReply measure(const MeasureRequest &request) override {
    MeasureReply reply = TestMeasurer::measure(request);
    for (double &seconds : reply.seconds)
      seconds *= count >= 20 ? 3 : 1;
    summarise(reply);
    if (request.giveUpAbove > 0 && reply.median > request.giveUpAbove)
      reply.outcome = Outcome::Slow;
    return reply;
  }
};

} // namespace

TEST_CASE("when others take half of the machine, trials are still compared with the best") {
  TestHost host;
  host.list.pop_back(); // of several, the clock says which has a turn
  auto judgedRight = [&](bool takePace) {
    Folder folder;
    Database database(folder.file("a.db"));
    TuneOptions options = optionsFor("beam", 120);
    options.takePace = takePace;
    SharedMeasurer measurer(host);
    tune(host, testDevice(), measurer, database, options);
    size_t right = 0;
    for (const TuningRecord &record : database.records("", "", ""))
      for (const Workload &workload : host.list)
        if (record.workload == workload.record.key && !record.confirmed)
          right += record.outcome == Outcome::Ok &&
                   std::abs(record.seconds / cost(workload.info, parseSchedule(record.schedule)) - 1) < 0.1;
    return right;
  };
  size_t paced = judgedRight(true), unaware = judgedRight(false);
  INFO(paced << " and " << unaware);
  CHECK(paced > 2 * unaware);
}

TEST_CASE("a search that ends before its finalists leaves the heuristic's schedules") {
  TestHost host;
  Folder folder;
  LuckyMeasurer measurer(host);
  measurer.better = 3;
  Database database(folder.file("a.db"));
  TuneOptions options = optionsFor("beam", 1000);
  options.stop = [&] { return measurer.count >= 40; };
  tune(host, testDevice(), measurer, database, options);
  CHECK(database.records("", "", "").size() >= 40);
  for (size_t i = 0; i < host.list.size(); ++i)
    CHECK(measurer.used(database, i) == 1e-3);
  // The same search once more goes on to its end: what is better is proven, and found.
  options.stop = nullptr;
  options.budgetTrials = 60;
  TuneResult result = tune(host, testDevice(), measurer, database, options);
  for (const TuneRow &row : result.rows) {
    CHECK(measurer.used(database, row.workload) == 0.5e-3);
    CHECK(row.seconds == Approx(0.5e-3).epsilon(0.01));
    CHECK(row.heuristicSeconds == Approx(1e-3).epsilon(0.01));
  }
}

TEST_CASE("broken candidates are stored as what they are, and are not the answer") {
  Folder folder;
  TestHost host;
  TestMeasurer measurer(host);
  Database database(folder.file("a.db"));
  TuneOptions options = optionsFor("mcts", 60);
  options.faults = {{3, "crash"}, {4, "hang"}, {5, "memory"}, {6, "wrong"}};
  TuneResult result = tune(host, testDevice(), measurer, database, options);
  CHECK(result.failures == 4);
  std::map<Outcome, int> outcomes;
  for (const TuningRecord &record : database.records("", "", "")) {
    ++outcomes[record.outcome];
    if (record.outcome == Outcome::Wrong)
      CHECK(record.message.find("node") != std::string::npos);
    for (const TuneRow &row : result.rows)
      if (record.outcome != Outcome::Ok && record.workload == host.list[row.workload].record.key)
        CHECK(record.schedule != row.schedule);
  }
  for (Outcome outcome : {Outcome::Crashed, Outcome::Hung, Outcome::Memory, Outcome::Wrong})
    CHECK(outcomes[outcome] == 1);
}

TEST_CASE("a search that is killed again and again comes to the undisturbed one's end") {
  Folder folder;
  TestHost host;
  TestMeasurer measurer(host);
  // Both end by themselves.
  TuneOptions options = optionsFor("mcts=60", 0);
  std::vector<std::string> expected;
  {
    Database database(folder.file("calm.db"));
    expected = bests(tune(host, testDevice(), measurer, database, options));
  }
  std::mt19937 random(1);
  size_t kills = 0, before = 0;
  for (int attempt = 0; attempt < 100; ++attempt) {
    pid_t child = fork();
    if (child == 0) {
      TestMeasurer slow(host);
      slow.microseconds = 500;
      Database database(folder.file("killed.db"));
      tune(host, testDevice(), slow, database, options);
      _exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + random() % 60));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    kills += WIFSIGNALED(status);
    Database database(folder.file("killed.db"));
    size_t now = database.records("", "", "").size();
    CHECK(now >= before);
    before = now;
  }
  CHECK(kills > 0);
  Database database(folder.file("killed.db"));
  CHECK(bests(tune(host, testDevice(), measurer, database, options)) == expected);
}

TEST_CASE("two searches on one database share the trials") {
  Folder folder;
  TestHost host;
  TuneOptions options = optionsFor("mcts=60", 0);
  auto run = [&] {
    TestMeasurer measurer(host);
    measurer.microseconds = 2000;
    measurer.log = folder.file("log");
    Database database(folder.file("a.db"));
    return bests(tune(host, testDevice(), measurer, database, options));
  };
  pid_t child = fork();
  if (child == 0) {
    run();
    _exit(0);
  }
  std::vector<std::string> found = run();
  int status = 0;
  waitpid(child, &status, 0);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  // Every trial has evidence of its own, apart from the finalists': those of two processes differ, and each measures
  // its own again.
  Database shared(folder.file("a.db"));
  size_t trials = 0, finalists = 0;
  for (const TuningRecord &record : shared.records("", "", "")) {
    size_t first = 0;
    for (const Evidence &evidence : shared.evidence(record))
      (evidence.conditions == "finalist" ? finalists : first) += 1;
    INFO(record.workload << " " << record.schedule);
    CHECK(first == 1);
    trials += first;
  }
  CHECK(trials > 100);
  CHECK(finalists > 0);
  size_t measured = 0;
  std::ifstream log(folder.file("log"));
  for (std::string line; std::getline(log, line);)
    ++measured;
  CHECK(measured >= trials + finalists);
  Folder alone;
  TestMeasurer measurer(host);
  Database database(alone.file("a.db"));
  CHECK(found == bests(tune(host, testDevice(), measurer, database, options)));
}
