// The search for cuts on made-up sums, and tuning that leaves known kernels alone.
#include <catch2/catch.hpp>

#include "search/database/Choose.h"
#include "search/tune/CutSearch.h"
#include "tests/search/Folder.h"
#include <set>

using namespace tgc;

namespace {

/// Turning a saves 2 of 10, b is luck, c costs; d is there only once a is turned and saves 1; e is no cut.
struct MadeUp : CutHost {
  std::vector<std::vector<std::string>> measured;
  std::optional<CutTrial> measure(const std::vector<std::string> &turned, double) override {
    measured.push_back(turned);
    std::set<std::string> names(turned.begin(), turned.end());
    if (names.count("e"))
      return std::nullopt;
    CutTrial trial{10.0 - 2.0 * names.count("a") - 0.01 * names.count("b") + 3.0 * names.count("c") -
                       1.0 * names.count("d"),
                   {{"c", 5}, {"e", 4}, {"a", 3}, {"b", 2}}};
    if (names.count("a"))
      trial.alternatives.push_back({"d", 1});
    return trial;
  }
};

CutSearchOptions optionsFor(double seconds) {
  CutSearchOptions options;
  options.graph = "0123456789abcdef";
  options.device = "device";
  options.compiler = "tgc test";
  options.name = "model";
  options.budgetSeconds = seconds;
  return options;
}

} // namespace

TEST_CASE("a cut search keeps the decisions whose sum is clearly less, and measures no cut twice") {
  Folder folder;
  Database database(folder.file("a.db"));
  MadeUp host;
  CutSearchResult result = searchCuts(host, database, {}, optionsFor(60));
  CHECK(result.turned == std::vector<std::string>{"a", "d"});
  CHECK(result.startSeconds == 10);
  CHECK(result.seconds == 7);
  // The dearest first.
  REQUIRE(host.measured.size() > 3);
  CHECK(host.measured[1] == std::vector<std::string>{"c"});
  CHECK(host.measured[2] == std::vector<std::string>{"e"});

  std::vector<TuningRecord> records = database.records("0123456789abcdef", "device", machineName());
  CHECK(records.size() == result.cuts + 1);
  // What compilations choose.
  records = byPreference(records, machineName());
  CHECK(records.size() < result.cuts); // some could not be made
  CHECK(records.front().schedule == "a d");
  CHECK(parseTurned(records.front().schedule) == result.turned);

  // From where it stood: what the database knows is not measured again.
  MadeUp again;
  CutSearchResult second = searchCuts(again, database, result.turned, optionsFor(60));
  CHECK(second.turned == result.turned);
  CHECK(again.measured.size() == second.cuts + 1);
  for (const TuningRecord &record : records)
    for (size_t i = 1; i < again.measured.size(); ++i)
      CHECK(printTurned(again.measured[i]) != record.schedule);
}

TEST_CASE("a cut that time ran out for is tried by the next search") {
  struct Late : MadeUp {
    std::optional<CutTrial> measure(const std::vector<std::string> &turned, double seconds) override {
      std::optional<CutTrial> trial = MadeUp::measure(turned, seconds);
      if (trial && turned == std::vector<std::string>{"a"})
        trial->seconds = 0;
      return trial;
    }
  };
  Folder folder;
  Database database(folder.file("a.db"));
  Late late;
  CHECK(searchCuts(late, database, {}, optionsFor(60)).turned.empty());
  MadeUp host;
  CHECK(searchCuts(host, database, {}, optionsFor(60)).turned == std::vector<std::string>{"a", "d"});
}

TEST_CASE("a cut search without time keeps the cut it has") {
  Folder folder;
  Database database(folder.file("a.db"));
  MadeUp host;
  CutSearchResult result = searchCuts(host, database, {"b"}, optionsFor(0));
  CHECK(result.turned == std::vector<std::string>{"b"});
  CHECK(result.cuts == 0);
  CHECK(database.records("0123456789abcdef", "device", "").size() == 1);
}
