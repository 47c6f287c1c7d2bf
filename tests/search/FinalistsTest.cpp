// What may take the heuristic's schedule's place: measurers that first flatter, then tell the truth or disagree.
#include <catch2/catch.hpp>

#include "search/database/Choose.h"
#include "tests/search/Folder.h"
#include "tests/search/TestHost.h"
#include <set>

using namespace tgc;
using namespace tgc::test;

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

namespace {

/// The heuristic's schedule takes 50 ms. Others seem to take 30, and measured again what the rounds say.
struct RoundsMeasurer : Measurer {
  std::set<std::string> heuristics;
  std::vector<double> rounds; ///< parts of the heuristic's time; the last for all further ones
  std::map<std::string, size_t> times;
  RoundsMeasurer(const TestHost &host, std::vector<double> rounds)
      : heuristics(LuckyMeasurer(host).heuristics), rounds(std::move(rounds)) {}
  MeasureReply measure(const MeasureRequest &request) override {
    size_t time = times[request.package]++;
    double part = heuristics.count(request.package) ? 1
                  : time == 0                       ? 0.6
                                                    : rounds[std::min(time, rounds.size()) - 1];
    MeasureReply reply;
    reply.outcome = Outcome::Ok;
    reply.seconds = {0.05 * part};
    reply.values = {1};
    summarise(reply);
    return reply;
  }
  void refresh() override {}
};

} // namespace

TEST_CASE("rounds that disagree are more rounds, and the heuristic's schedule stays in doubt") {
  TestHost host;
  host.list.pop_back();
  struct Case {
    std::vector<double> rounds;
    bool confirmed;
    size_t again; ///< measurements of a finalist
  };
  for (const Case &test : {Case{{0.9, 0.95, 0.96}, true, 3}, Case{{0.9, 0.98, 0.99}, false, 3},
                           Case{{0.92, 0.96, 1.2, 1.01}, false, 4}, Case{{0.92, 0.96, 1.2, 0.95}, true, 4},
                           Case{{0.7, 1.2, 0.9, 1.01, 0.9, 1.2}, false, 6}}) {
    INFO(test.rounds[1] << " " << test.rounds[2]);
    Folder folder;
    Database database(folder.file("a.db"));
    RoundsMeasurer measurer(host, test.rounds);
    tune(host, testDevice(), measurer, database, optionsFor("beam", 2));
    size_t others = 0;
    for (const TuningRecord &record : database.records("", "", ""))
      if (!measurer.heuristics.count("0" + record.schedule)) {
        ++others;
        CHECK(record.confirmed == test.confirmed);
        CHECK(measurer.times["0" + record.schedule] == 1 + test.again);
      }
    CHECK(others == 1);
  }
}
