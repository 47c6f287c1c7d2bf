// One file in write-ahead mode: readers never wait, writers wait for each other for a moment. The schema's version
// is SQLite's user_version.
#include "search/database/Database.h"

#include "compiler/support/Error.h"
#include "search/database/Statement.h"
#include <filesystem>
#include <thread>
#include <unistd.h>
#include <utility>

namespace tgc {

namespace {

constexpr int schemaVersion = 2;

const char *schema = R"(
create table if not exists workload (key text primary key, text text not null, shape text not null, nodes text not null)
  without rowid;
create table if not exists record (
  workload text not null, device text not null, machine text not null, schedule text not null, outcome text not null,
  seconds real not null, spread real not null, samples integer not null, confirmed integer not null,
  strategy text not null, version text not null, message text not null, time integer not null,
  primary key (workload, device, machine, schedule)) without rowid;
create table if not exists evidence (
  workload text not null, device text not null, machine text not null, schedule text not null,
  seconds text not null, compiler text not null, runtime text not null, conditions text not null, time integer not null);
create index if not exists evidence_of on evidence (workload, device, machine, schedule);
create table if not exists claim (
  workload text not null, device text not null, schedule text not null, host text not null, process integer not null,
  until real not null, primary key (workload, device, schedule)) without rowid;
create table if not exists native (
  device text not null, driver text not null, options text not null, hash text not null, used integer not null,
  code blob not null);
create unique index if not exists native_of on native (device, driver, options, hash);
)";

/// SQLite's name of a file, to which options can be added.
std::string uriOf(const std::string &path) {
  std::string uri = "file:";
  for (unsigned char c : path)
    uri += std::isalnum(c) ? std::string(1, char(c)) : fmt::format("%{:02x}", c);
  return uri;
}

} // namespace

void databaseError(sqlite3 *db, const std::string &path) {
  int code = sqlite3_errcode(db) & 0xff;
  ErrorKind kind =
      code == SQLITE_NOTADB || code == SQLITE_CORRUPT || code == SQLITE_ERROR || code == SQLITE_CANTOPEN
          ? ErrorKind::BadInput
          : ErrorKind::Device;
  throw Error(kind, fmt::format("{}: {}", path, sqlite3_errmsg(db)));
}

Database::Database(const std::string &path, bool readOnly) : path(path), uri(uriOf(path)) {
  int flags = readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  try {
    open(flags);
    if (readOnly && !shares()) {
      sqlite3_close(std::exchange(db, nullptr));
      uri += "?immutable=1";
      open(flags);
    }
    int64_t version = userVersion();
    if (version > schemaVersion)
      badInput("{}: made by a newer tgc (format {}, this one knows {})", path, version, schemaVersion);
    if (readOnly) {
      if (version == 0)
        badInput("{}: is no tuning database", path);
      return;
    }
    useLog();
    // A finished trial survives the process's death; a loss of power may cost the last few.
    execute("pragma synchronous = normal");
    if (version < schemaVersion) {
      Transaction transaction(*this);
      if (userVersion() < schemaVersion) { // else another process was here first
        execute(schema);
        execute(fmt::format("pragma user_version = {}", schemaVersion).c_str());
      }
      transaction.commit();
    }
  } catch (...) {
    sqlite3_close(db);
    throw;
  }
}

void Database::open(int flags) {
  if (sqlite3_open_v2(uri.c_str(), &db, flags | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_URI, nullptr) !=
      SQLITE_OK)
    databaseError(db, path);
  sqlite3_busy_timeout(db, 20000);
}

bool Database::shares() {
  int status = sqlite3_exec(db, "pragma user_version", nullptr, nullptr, nullptr) & 0xff;
  return (status != SQLITE_READONLY && status != SQLITE_CANTOPEN) || std::filesystem::exists(path + "-wal");
}

int64_t Database::userVersion() {
  Statement statement(*this, "pragma user_version");
  statement.step();
  return statement.integer(0);
}

void Database::useLog() {
  // SQLite does not wait when another process changes a new file's mode at the same time.
  for (int attempt = 0;; ++attempt) {
    int status = sqlite3_exec(db, "pragma journal_mode = wal", nullptr, nullptr, nullptr);
    if (status == SQLITE_OK)
      return;
    if ((status & 0xff) != SQLITE_BUSY || attempt == 400)
      databaseError(db, path);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

Database::~Database() { sqlite3_close(db); }

void Database::execute(const char *sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    databaseError(db, path);
}

void Database::addWorkload(const WorkloadRecord &workload) {
  Statement(*this, "insert into workload values (?, ?, ?, ?) on conflict do nothing")
      .bind(workload.key, workload.text, workload.shape, workload.nodes)
      .step();
  added[workload.key] = workload;
}

std::vector<WorkloadRecord> Database::workloads() {
  std::vector<WorkloadRecord> found;
  Statement rows(*this, "select key, text, shape, nodes from workload order by key");
  while (rows.step())
    found.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3)});
  return found;
}

std::optional<WorkloadRecord> Database::workload(const std::string &key) {
  Statement rows(*this, "select key, text, shape, nodes from workload where key = ?");
  if (!rows.bind(key).step())
    return std::nullopt;
  return WorkloadRecord{rows.text(0), rows.text(1), rows.text(2), rows.text(3)};
}

} // namespace tgc
