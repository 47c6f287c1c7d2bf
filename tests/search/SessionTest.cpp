// The compiler's side of a search: kernels that schedules make of others, the processes that compile, their files.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include "compiler/pipeline/Compilation.h"
#include "compiler/support/Error.h"
#include "compiler/support/ScratchFolder.h"
#include "compiler/tune/Session.h"
#include <fstream>
#include <set>

using namespace tgc;
namespace fs = std::filesystem;

namespace {

struct Cut {
  Compilation compilation;
  Cut() : compilation(options()) { compilation.run(); }
  static CompileOptions options() {
    CompileOptions options;
    options.model = TGC_TEST_MODEL;
    options.until = "kernel";
    return options;
  }
};

} // namespace

TEST_CASE("launches of parts are counted once for a schedule") {
  Cut cut;
  TuneSession session(cut.compilation, "cpu", "/no/such/program", 2);
  std::vector<size_t> parts;
  size_t whole = 0;
  while (parts.empty() && whole < session.workloads().size())
    parts = session.parts(whole++, "winograd(4)");
  REQUIRE(parts.size() > 1);
  size_t launches = session.workloads()[parts[0]].launches;
  CHECK(session.parts(whole - 1, "winograd(4)") == parts);
  CHECK(session.workloads()[parts[0]].launches == launches);
}

TEST_CASE("a compiler that does not start is an error, on whichever thread") {
  Cut cut;
  TuneSession session(cut.compilation, "cpu", "/no/such/program", 2);
  CHECK_THROWS_AS(session.compile({{0, ""}, {0, "upcast(n0,8)"}}), Error);
}

TEST_CASE("every candidate has a package of its own, also one that is asked for twice") {
  Cut cut;
  TuneSession session(cut.compilation, "cpu", TGC_COMMAND, 2);
  std::set<std::string> packages;
  for (const CompileReply &reply : session.compile({{0, ""}, {1, ""}, {1, ""}})) {
    INFO(reply.message);
    CHECK(fs::exists(reply.package));
    packages.insert(reply.package);
  }
  for (const CompileReply &reply : session.compile({{2, ""}, {3, ""}}))
    CHECK(packages.insert(reply.package).second);
}

TEST_CASE("scratch folders go with their owners, and those of killed processes with the next") {
  auto make = [](const std::string &name) {
    fs::path folder = fs::temp_directory_path() / name;
    fs::create_directory(folder);
    std::ofstream(folder / "file") << "text";
    return folder;
  };
  auto age = [](const fs::path &folder) {
    fs::last_write_time(folder, fs::file_time_type::clock::now() - std::chrono::hours(1));
  };
  fs::path left = make("tgc-test-scratch-left"), young = make("tgc-test-scratch-young"),
           other = make("tgc-other-scratch");
  age(left);
  age(other);
  fs::path mine;
  {
    ScratchFolder first("tgc-test-scratch");
    mine = first.path();
    std::ofstream(mine / "file") << "text";
    age(mine);
    ScratchFolder second("tgc-test-scratch");
    CHECK(second.path() != mine);
    CHECK(fs::exists(mine / "file"));
  }
  CHECK(!fs::exists(mine));
  CHECK(!fs::exists(left));
  CHECK(fs::exists(young));
  CHECK(fs::exists(other));
  fs::remove_all(young);
  fs::remove_all(other);
}
