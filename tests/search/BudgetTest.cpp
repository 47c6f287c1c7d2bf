// Whose turn it is in a search of limited time, and what a measurement's first run says.
#include <catch2/catch.hpp>

#include "search/measure/FirstRun.h"
#include "search/tune/Tuner.h"
#include "tests/search/Folder.h"
#include "tests/search/TestHost.h"
#include <set>

using namespace tgc;
using namespace tgc::test;

namespace {

/// One kernel that takes long and many that do not; compiling takes time, once a candidate.
struct UnequalHost : TestHost {
  std::set<std::string> compiled;
  int compileMilliseconds = 0;
  explicit UnequalHost(size_t shortOnes) {
    list.resize(1);
    for (size_t i = 1; i <= shortOnes; ++i)
      list.push_back({"k" + std::to_string(i),
                      {workloadKey(100 + i), "text", "shape", "node"},
                      matmul(16, int64_t(16 * i), 16, 100 + i),
                      1});
    list[0].launches = 100;
  }
  std::vector<CompileReply> compile(const std::vector<CompileJob> &jobs) override {
    for (const CompileJob &job : jobs)
      if (compiled.insert(std::to_string(job.workload) + job.schedule).second)
        std::this_thread::sleep_for(std::chrono::milliseconds(compileMilliseconds));
    return TestHost::compile(jobs);
  }
};

/// Takes as long as it says: kernel 0 fifty times as long as the others.
struct SleepingMeasurer : TestMeasurer {
  std::vector<std::string> order;
  std::optional<size_t> refreshed; ///< measurements before the first finalist
  using TestMeasurer::TestMeasurer;
  MeasureReply measure(const MeasureRequest &request) override {
    order.push_back(request.package);
    MeasureReply reply = TestMeasurer::measure(request);
    if (request.package[0] == '0')
      reply.seconds[0] *= 50;
    summarise(reply);
    std::this_thread::sleep_for(std::chrono::duration<double>(reply.median / 10));
    return reply;
  }
  void refresh() override { refreshed = refreshed.value_or(order.size()); }
};

} // namespace

TEST_CASE("a short search turns first to what takes most of the time, and to the others too") {
  Folder folder;
  UnequalHost host(9);
  SleepingMeasurer measurer(host);
  Database database(folder.file("a.db"));
  TuneOptions options = optionsFor("beam", 0);
  options.budgetSeconds = 1;
  tune(host, testDevice(), measurer, database, options);
  // After each kernel's heuristic.
  REQUIRE(measurer.order.size() > 40);
  CHECK(measurer.order[10][0] == '0');
  std::map<char, size_t> trials;
  for (const std::string &package : measurer.order)
    ++trials[package[0]];
  for (char kernel = '1'; kernel <= '9'; ++kernel) {
    INFO(kernel);
    CHECK(trials[kernel] > 3);
  }
}

TEST_CASE("time that confirming did not need is searched on") {
  Folder folder;
  UnequalHost host(1);
  host.compileMilliseconds = 10; // of which finalists need none: what is kept for them is too much
  SleepingMeasurer measurer(host);
  Database database(folder.file("a.db"));
  TuneOptions options = optionsFor("mcts", 0);
  options.budgetSeconds = 1.5;
  TuneResult result = tune(host, testDevice(), measurer, database, options);
  REQUIRE(measurer.refreshed);
  std::set<std::string> before(measurer.order.begin(), measurer.order.begin() + long(*measurer.refreshed)),
      all(measurer.order.begin(), measurer.order.end());
  CHECK(all.size() > before.size());
  CHECK(result.seconds > 0.8 * options.budgetSeconds);
}

TEST_CASE("a first run that may mostly have brought in pages is not a measurement") {
  MeasureRequest request;
  request.giveUpAbove = 0.4;
  constexpr uint64_t much = 500'000'000, nothing = 0;
  FirstRun plain = judgeFirstRun(0.5, nothing, request);
  CHECK((plain.isLong && plain.counts && plain.tooSlow));
  FirstRun withPages = judgeFirstRun(0.5, much, request);
  CHECK((withPages.isLong && !withPages.counts && !withPages.tooSlow));
  CHECK(judgeFirstRun(2, much, request).tooSlow);
  CHECK(judgeFirstRun(0.3, nothing, request).counts);
  CHECK_FALSE(judgeFirstRun(0.001, nothing, request).counts);
  request.giveUpAbove = 0;
  CHECK_FALSE(judgeFirstRun(100, nothing, request).tooSlow);
}

namespace {

/// The heuristic's schedule of the first kernel takes it apart into one that hardly takes time.
struct PartsHost : TestHost {
  std::vector<size_t> parts(size_t workload, const std::string &schedule) override {
    if (workload != 0 || schedule != printSchedule(heuristicSchedule(list[0].info, testDevice())))
      return {};
    if (list.size() == 2)
      list.push_back({"part", {workloadKey(50), "text", "shape", "node"}, matmul(16, 16, 16, 50), 1});
    return {2};
  }
};

/// The part takes a microsecond.
struct PartsMeasurer : SleepingMeasurer {
  using SleepingMeasurer::SleepingMeasurer;
  MeasureReply measure(const MeasureRequest &request) override {
    MeasureReply reply = SleepingMeasurer::measure(request);
    if (request.package[0] == '2')
      reply.seconds[0] = 1e-6;
    summarise(reply);
    return reply;
  }
};

} // namespace

TEST_CASE("what proven schedules make of kernels is measured once before others have more trials") {
  Folder folder;
  PartsHost host;
  PartsMeasurer measurer(host);
  Database database(folder.file("a.db"));
  tune(host, testDevice(), measurer, database, optionsFor("beam", 12));
  REQUIRE(measurer.order.size() > 3);
  CHECK(measurer.order[2] == "2" + printSchedule(heuristicSchedule(host.list[2].info, testDevice())));
}

TEST_CASE("no trial is proposed while it is under way") {
  Folder folder;
  PartsHost host;
  PartsMeasurer measurer(host);
  Database database(folder.file("a.db"));
  TuneOptions options = optionsFor("beam", 60);
  options.besideMeasuring = true;
  tune(host, testDevice(), measurer, database, options);
  size_t trials = 0;
  for (const TuningRecord &record : database.records("", "", "")) {
    INFO(record.workload << " " << record.schedule);
    std::vector<Evidence> evidence = database.evidence(record);
    CHECK(std::count_if(evidence.begin(), evidence.end(),
                        [](const Evidence &one) { return one.conditions.empty(); }) == 1);
    ++trials;
  }
  CHECK(trials > 20);
}

TEST_CASE("what is proven with the last of a budget has records of what it makes of its kernel") {
  struct Late : PartsHost {
    std::vector<size_t> parts(size_t workload, const std::string &schedule) override {
      std::string heuristic = printSchedule(heuristicSchedule(list[0].info, testDevice()));
      return schedule == heuristic ? std::vector<size_t>() : PartsHost::parts(workload, heuristic);
    }
  };
  Folder folder;
  Late host;
  PartsMeasurer measurer(host);
  Database database(folder.file("a.db"));
  TuneResult result = tune(host, testDevice(), measurer, database, optionsFor("beam", 6));
  REQUIRE(result.rows.size() == 3);
  for (const TuneRow &row : result.rows) {
    CHECK(row.seconds > 0);
    CHECK((row.workload != 0 || row.seconds < row.heuristicSeconds));
  }
}
