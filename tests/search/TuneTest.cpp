// Search without a compiler: strategies on a made-up cost, the tuner with faults, kills and company.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include "compiler/support/Error.h"
#include "search/database/Choose.h"
#include "search/tune/Tuner.h"
#include "tests/search/Folder.h"
#include "tests/search/TestHost.h"
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sqlite3.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace tgc;
using namespace tgc::test;

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
      right += record.outcome == Outcome::Ok && !record.confirmed &&
               std::abs(record.seconds / cost(host.list[0].info, parseSchedule(record.schedule)) - 1) < 0.1;
    return right;
  };
  size_t paced = judgedRight(true), unaware = judgedRight(false);
  INFO(paced << " and " << unaware);
  CHECK(paced > 2 * unaware);
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
