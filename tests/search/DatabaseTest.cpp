// The tuning database: records, claims, native code, other files and formats.
#include <catch2/catch.hpp>

#include "compiler/support/Error.h"
#include "search/database/Choose.h"
#include "search/database/Database.h"
#include "tests/search/Folder.h"
#include <csignal>
#include <fstream>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tgc;

TEST_CASE("records survive, claims end with their owner, files merge") {
  Folder folder;
  TuningRecord record{"w", "d", "m", "upcast(n,4)", Outcome::Ok, 0.25, 0.1, 3, true, "beam", "v", "", 5};
  {
    Database database(folder.file("a.db"));
    database.addWorkload({"w", "text", "shape", "nodes"});
    database.store(record, {{0.25, 0.5}, "v", "", "", 5});
    CHECK(database.claim("w", "d", "s", 100));
    CHECK(database.claim("w", "d", "s", 100));
  }
  Database database(folder.file("a.db"));
  auto found = database.find("w", "d", "m", "upcast(n,4)");
  REQUIRE(found);
  CHECK((found->seconds == 0.25 && found->confirmed && found->strategy == "beam" &&
         found->outcome == Outcome::Ok));
  REQUIRE(database.evidence(record).size() == 1);
  CHECK(database.evidence(record)[0].seconds == std::vector<double>{0.25, 0.5});
  auto claimInChild = [&](bool wait) {
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
      Database other(folder.file("a.db"));
      char got = other.claim("w", "d", "t", 100) ? 'y' : 'n';
      (void)!write(ready[1], &got, 1);
      if (wait)
        pause();
      _exit(0);
    }
    char got = 0;
    REQUIRE(read(ready[0], &got, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return std::pair(child, got == 'y');
  };
  auto [child, claimed] = claimInChild(true);
  CHECK(claimed);
  CHECK(!database.claim("w", "d", "t", 100));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(database.claim("w", "d", "t", 100));
  auto [second, denied] = claimInChild(false);
  waitpid(second, nullptr, 0);
  CHECK(!denied);

  {
    Database other(folder.file("b.db"));
    TuningRecord newer = record;
    newer.seconds = 0.125;
    newer.time = 6;
    other.store(newer, {{0.125}, "v", "", "", 6});
    newer.machine = "elsewhere";
    other.store(newer, {{0.125}, "v", "", "", 6});
  }
  CHECK(database.merge(folder.file("b.db")) == 2);
  CHECK(database.merge(folder.file("b.db")) == 0);
  CHECK(database.find("w", "d", "m", "upcast(n,4)")->seconds == 0.125);
  CHECK(database.records("w", "d", "m").size() == 2);
  CHECK(database.records("w", "d", "m").front().machine == "m");
  CHECK(database.records("w", "d", "elsewhere").front().machine == "elsewhere");
  CHECK(database.prune(0, 0) == 2);
  CHECK(database.workloads().empty());
}

TEST_CASE("merging keeps what was confirmed against newer first impressions") {
  Folder folder;
  Database here(folder.file("here.db")), there(folder.file("there.db"));
  auto store = [](Database &database, const char *schedule, bool confirmed, int64_t time) {
    TuningRecord record{"w", "d", "m", schedule, Outcome::Ok, double(time)};
    record.confirmed = confirmed;
    record.time = time;
    database.store(record, {});
  };
  store(here, "confirmed here", true, 5);
  store(there, "confirmed here", false, 6);
  store(here, "confirmed there", false, 6);
  store(there, "confirmed there", true, 5);
  store(here, "confirmed twice", true, 5);
  store(there, "confirmed twice", true, 6);
  store(here, "confirmed nowhere", false, 5);
  store(there, "confirmed nowhere", false, 6);
  CHECK(here.merge(folder.file("there.db")) == 3);
  for (const auto &[schedule, confirmed, seconds] :
       {std::tuple("confirmed here", true, 5), std::tuple("confirmed there", true, 5),
        std::tuple("confirmed twice", true, 6), std::tuple("confirmed nowhere", false, 6)}) {
    INFO(schedule);
    auto found = here.find("w", "d", "m", schedule);
    REQUIRE(found);
    CHECK((found->confirmed == confirmed && found->seconds == seconds));
  }
}

TEST_CASE("pruning counts by preference and spares what a search works on") {
  Folder folder;
  Database database(folder.file("a.db"));
  database.addWorkload({"w", "text", "", ""});
  for (const char *schedule : {"lucky", "sure", "luckier"}) {
    TuningRecord record{"w", "d", "m", schedule, Outcome::Ok, schedule == std::string("sure") ? 2.0 : 1.0};
    record.confirmed = schedule == std::string("sure");
    database.store(record, {{1}, "", "", "", 0});
  }
  Database search(folder.file("a.db"));
  search.addWorkload({"untried", "text", "", ""});

  // One that fails in its midst has done nothing.
  sqlite3 *raw = nullptr;
  REQUIRE(sqlite3_open(folder.file("a.db").c_str(), &raw) == SQLITE_OK);
  REQUIRE(sqlite3_exec(raw,
                       "create trigger guard before delete on evidence when old.schedule = 'luckier' begin "
                       "select raise(abort, 'guarded'); end",
                       nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK_THROWS_WITH(database.prune(0, 0), Catch::Contains("guarded"));
  CHECK(database.records("w", "d", "m").size() == 3);
  REQUIRE(sqlite3_exec(raw, "drop trigger guard", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(raw);

  CHECK(database.prune(1, 0) == 2);
  REQUIRE(database.records("w", "d", "m").size() == 1);
  CHECK(database.records("w", "d", "m").front().schedule == "sure");
  CHECK(!database.workload("untried"));
  search.store({"untried", "d", "m", "first"}, {});
  CHECK(database.workload("untried"));
}

/// What connections that are opened while it lives do.
struct Watch {
  static inline int commits = 0, scanned = 0; ///< transactions; rows that were found without a key
  static int attach(sqlite3 *db, char **, const sqlite3_api_routines *) {
    sqlite3_commit_hook(
        db, [](void *) { return ++commits, 0; }, nullptr);
    auto ended = [](unsigned, void *, void *statement, void *) {
      scanned +=
          sqlite3_stmt_status(static_cast<sqlite3_stmt *>(statement), SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
      return 0;
    };
    return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, ended, nullptr);
  }
  Watch() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(attach)); }
  ~Watch() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(attach)); }
};

TEST_CASE("native code is stored in one transaction") {
  Watch watch;
  Folder folder;
  Database database(folder.file("a.db"));
  Watch::commits = 0;
  database.storeNativeCode({"gpu", "1.0", "", "hash"}, std::vector<uint8_t>{5});
  CHECK(Watch::commits == 1);
}

TEST_CASE("records of a workload are found by key") {
  Watch watch;
  Folder folder;
  Database database(folder.file("a.db"));
  for (const char *workload : {"v", "w", "x"})
    for (const char *device : {"c", "d"})
      database.store({workload, device, "m", "s"}, {});
  Watch::scanned = 0;
  CHECK(database.records("w", "d", "m").size() == 1);
  CHECK(database.records("w", "", "m").size() == 2);
  CHECK(Watch::scanned == 0);
  CHECK(database.records("", "d", "m").size() == 3);
  CHECK(database.records("", "", "m").size() == 6);
  CHECK(Watch::scanned > 0);
}

TEST_CASE("native code is kept by device, driver, options and hash") {
  Folder folder;
  const std::vector<uint8_t> code = {1, 2, 0, 3}, other(1000, 7);
  {
    Database database(folder.file("a.db"));
    database.storeNativeCode({"gpu", "1.0", "-O", "hash"}, other);
    database.storeNativeCode({"gpu", "1.0", "-O", "hash"}, code);
    database.storeNativeCode({"gpu", "1.1", "-O", "hash"}, other);
  }
  Database database(folder.file("a.db"));
  CHECK(database.nativeCode({"gpu", "1.0", "-O", "hash"}) == code);
  CHECK(database.nativeCode({"gpu", "1.1", "-O", "hash"}) == other);
  for (const NativeKey &key : {NativeKey{"cpu", "1.0", "-O", "hash"}, NativeKey{"gpu", "2.0", "-O", "hash"},
                               NativeKey{"gpu", "1.0", "", "hash"}, NativeKey{"gpu", "1.0", "-O", "hush"}})
    CHECK(!database.nativeCode(key));
  database.prune(1, 3600);
  CHECK(database.nativeCode({"gpu", "1.0", "-O", "hash"}));
  database.prune(1, -3600);
  CHECK(!database.nativeCode({"gpu", "1.0", "-O", "hash"}));
}

TEST_CASE("a database of the format before keeps its records and takes native code") {
  Folder folder;
  {
    Database database(folder.file("a.db"));
    database.addWorkload({"w", "text", "", ""});
  }
  sqlite3 *raw = nullptr;
  REQUIRE(sqlite3_open(folder.file("a.db").c_str(), &raw) == SQLITE_OK);
  REQUIRE(sqlite3_exec(raw, "drop table native; pragma user_version = 1", nullptr, nullptr, nullptr) ==
          SQLITE_OK);
  sqlite3_close(raw);
  CHECK(Database(folder.file("a.db"), true).workloads().size() == 1);
  Database database(folder.file("a.db"));
  CHECK(database.workloads().size() == 1);
  database.storeNativeCode({"gpu", "1.0", "", "hash"}, std::vector<uint8_t>{5});
  CHECK(database.nativeCode({"gpu", "1.0", "", "hash"}));
}

TEST_CASE("a file that is no database, or a newer one, is refused as it is") {
  Folder folder;
  std::ofstream(folder.file("text.db")) << std::string(5000, 'x');
  CHECK_THROWS_AS(Database(folder.file("text.db")), Error);
  CHECK_THROWS_AS(Database(folder.file("none.db"), true), Error);
  {
    Database database(folder.file("new.db"));
  }
  sqlite3 *raw = nullptr;
  REQUIRE(sqlite3_open(folder.file("new.db").c_str(), &raw) == SQLITE_OK);
  sqlite3_exec(raw, "pragma user_version = 99", nullptr, nullptr, nullptr);
  sqlite3_close(raw);
  CHECK_THROWS_WITH(Database(folder.file("new.db")), Catch::Contains("newer"));
}

TEST_CASE("a database in a folder that may only be read is read") {
  constexpr int works = 0, impossible = 10;
  Folder folder;
  std::string path = folder.file("50% ?a#b.db");
  Database(path).store({"w", "d", "m", "s"}, {});
  std::filesystem::permissions(folder.path, std::filesystem::perms(0555));
  pid_t child = fork();
  if (child == 0) {
    // A folder's mode means nothing to root.
    constexpr uid_t nobody = 65534;
    if (geteuid() == 0 && (setgid(nobody) != 0 || setuid(nobody) != 0))
      _exit(impossible);
    if (access(folder.path.c_str(), X_OK) != 0 || access(folder.path.c_str(), W_OK) == 0)
      _exit(impossible);
    int code = 1;
    try {
      Folder own;
      Database mine(own.file("a.db"));
      if (Database(path, /*readOnly=*/true).records("w", "d", "m").size() == 1 && mine.merge(path) == 1)
        code = works;
    } catch (const std::exception &error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::filesystem::permissions(folder.path, std::filesystem::perms(0755));
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == impossible)
    WARN("not tested: this user may write everywhere, or no other one can be");
  else
    CHECK(WEXITSTATUS(status) == works);
}

TEST_CASE("what this machine confirmed comes first") {
  TuningRecord fast{"w", "d", "other", "a", Outcome::Ok, 1}, lucky{"w", "d", "here", "b", Outcome::Ok, 1.2},
      sure{"w", "d", "here", "c", Outcome::Ok, 2}, wrong{"w", "d", "here", "e", Outcome::Wrong, 0};
  sure.confirmed = true;
  auto order = byPreference({fast, wrong, lucky, sure}, "here");
  REQUIRE(order.size() == 3);
  CHECK(order[0].schedule == "c");
  CHECK(order[1].schedule == "b");
  CHECK(order[2].schedule == "a");
}
