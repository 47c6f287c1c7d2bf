// What runs before left, on this machine or another, and what they hold while they run.
#include <catch2/catch.hpp>

#include "search/database/Choose.h"
#include "tests/search/Folder.h"
#include "tests/search/TestHost.h"
#include <atomic>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace tgc;
using namespace tgc::test;

namespace {

std::string heuristicOf(const TestHost &host, size_t workload) {
  return printSchedule(heuristicSchedule(host.list[workload].info, testDevice()));
}

TuningRecord recordOf(Database &database, const TestHost &host, size_t workload,
                      const std::string &schedule) {
  std::optional<TuningRecord> record =
      database.find(host.list[workload].record.key, deviceKey(testDevice()), machineName(), schedule);
  REQUIRE(record);
  return *record;
}

/// Ten kernels, which take a while to compile; lists of candidates that overlap are counted.
struct SlowHost : TestHost {
  std::chrono::milliseconds time{300};
  std::atomic<int> compiling = 0, overlaps = 0;
  SlowHost() {
    for (size_t i = list.size(); i < 10; ++i) {
      Workload more = list[0];
      more.info.hash = i + 1;
      more.name = "k" + std::to_string(i + 1);
      more.record.key = workloadKey(i + 1);
      list.push_back(more);
    }
  }
  std::vector<CompileReply> compile(const std::vector<CompileJob> &jobs) override {
    overlaps += compiling++ > 0;
    std::this_thread::sleep_for(time);
    --compiling;
    return TestHost::compile(jobs);
  }
};

struct Search {
  Folder folder;
  TestHost host;
  TestMeasurer measurer{host};
  Database database{folder.file("a.db")};
};

} // namespace

TEST_CASE("trials taken over from a process that died do not compile beside the next ones") {
  Folder folder;
  SlowHost host;
  TuneOptions options = optionsFor("beam", 30);
  options.besideMeasuring = true;
  pid_t child = fork();
  if (child == 0) {
    SlowHost hangs;
    hangs.time = std::chrono::seconds(100);
    TestMeasurer measurer(hangs);
    Database database(folder.file("a.db"));
    tune(hangs, testDevice(), measurer, database, options);
    _exit(0);
  }
  std::this_thread::sleep_for(
      std::chrono::milliseconds(300)); // by then it has claimed the first kernels' schedules
  std::thread end([child] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  });
  TestMeasurer measurer(host);
  Database database(folder.file("a.db"));
  TuneResult result = tune(host, testDevice(), measurer, database, options);
  end.join();
  CHECK(host.overlaps == 0);
  for (const TuneRow &row : result.rows)
    CHECK(row.seconds > 0);
}

TEST_CASE_METHOD(Search, "a heuristic's schedule that failed has one more try in the next run") {
  TuneOptions options = optionsFor("beam", 4);
  options.faults = {{0, "crash"}, {1, "memory"}};
  tune(host, testDevice(), measurer, database, options);
  for (size_t i = 0; i < host.list.size(); ++i)
    CHECK(recordOf(database, host, i, heuristicOf(host, i)).outcome != Outcome::Ok);
  // Still broken: once each, no more.
  tune(host, testDevice(), measurer, database, options);
  for (size_t i = 0; i < host.list.size(); ++i)
    CHECK(database.evidence(recordOf(database, host, i, heuristicOf(host, i))).size() == 2);
  options.faults.clear();
  for (const TuneRow &row : tune(host, testDevice(), measurer, database, options).rows)
    CHECK(row.heuristicSeconds > 0);
}

TEST_CASE_METHOD(Search, "what an older version proved is used until this one's finalists decide") {
  TuneOptions options = optionsFor("beam", 200);
  options.compiler = "tgc old";
  std::vector<std::string> proven = bests(tune(host, testDevice(), measurer, database, options));
  options.compiler = "tgc test";
  size_t before = measurer.count;
  options.stop = [&] { return measurer.count >= before + 12; };
  tune(host, testDevice(), measurer, database, options);
  size_t renewed = 0;
  for (size_t i = 0; i < host.list.size(); ++i) {
    std::string key = host.list[i].record.key;
    TuningRecord best = byPreference(database.records(key, "", ""), machineName()).front();
    CHECK(std::find(proven.begin(), proven.end(), best.schedule) != proven.end());
    CHECK(best.confirmed);
    CHECK(best.schedule != heuristicOf(host, i));
    renewed += best.version == "tgc test";
  }
  CHECK(renewed > 0);
}

TEST_CASE_METHOD(Search, "verifying changes times, not what is proven") {
  TuningRecord record{host.list[0].record.key, deviceKey(testDevice()), machineName(), heuristicOf(host, 0)};
  record.seconds = 5;
  record.strategy = "mcts";
  database.store(record, {});
  std::vector<VerifyRow> rows = verifyRecords(host, testDevice(), measurer, database, optionsFor("beam", 0));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].before.seconds == 5);
  CHECK(rows[0].after.seconds < 1);
  TuningRecord after = recordOf(database, host, 0, record.schedule);
  CHECK(!after.confirmed);
  CHECK(after.strategy == "mcts");
  CHECK(after.seconds == rows[0].after.seconds);
}

TEST_CASE_METHOD(Search, "another machine's time of the heuristic's schedule is not this one's") {
  for (size_t i = 0; i < host.list.size(); ++i) {
    TuningRecord record{host.list[i].record.key, deviceKey(testDevice()), "elsewhere", heuristicOf(host, i)};
    record.seconds = 100;
    record.confirmed = true;
    database.store(record, {});
  }
  for (const TuneRow &row : tune(host, testDevice(), measurer, database, optionsFor("beam", 10)).rows)
    CHECK(row.heuristicSeconds < 1);
}
