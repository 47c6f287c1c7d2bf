// One file in write-ahead mode: readers never wait, writers wait for each other for a moment. The schema's version
// is SQLite's user_version.
#include "search/database/Database.h"

#include "compiler/support/Error.h"
#include "search/database/Statement.h"
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
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

const char *columns =
    "workload, device, machine, schedule, outcome, seconds, spread, samples, confirmed, strategy, "
    "version, message, time";

constexpr std::pair<Outcome, const char *> outcomes[] = {
    {Outcome::Ok, "ok"},           {Outcome::Wrong, "wrong"}, {Outcome::Failed, "failed"},
    {Outcome::Crashed, "crashed"}, {Outcome::Hung, "hung"},   {Outcome::Memory, "memory"},
    {Outcome::Slow, "slow"}};

std::string hostName() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string joined(const std::vector<double> &numbers) {
  std::string text;
  for (double number : numbers)
    text += fmt::format("{}{:.9g}", text.empty() ? "" : " ", number);
  return text;
}

std::vector<double> split(const std::string &text) {
  std::vector<double> numbers;
  for (const char *at = text.c_str(); *at;) {
    char *end = nullptr;
    numbers.push_back(std::strtod(at, &end));
    if (end == at)
      return numbers;
    at = end;
  }
  return numbers;
}

/// SQLite's name of a file, to which options can be added.
std::string uriOf(const std::string &path) {
  std::string uri = "file:";
  for (unsigned char c : path)
    uri += std::isalnum(c) ? std::string(1, char(c)) : fmt::format("%{:02x}", c);
  return uri;
}

} // namespace

const char *nameOf(Outcome outcome) {
  for (const auto &[known, name] : outcomes)
    if (known == outcome)
      return name;
  return "";
}

std::optional<Outcome> outcomeNamed(const std::string &name) {
  for (const auto &[outcome, known] : outcomes)
    if (known == name)
      return outcome;
  return std::nullopt;
}

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

void Database::store(const TuningRecord &r, const Evidence &e) {
  Transaction transaction(*this);
  if (auto workload = added.find(r.workload); workload != added.end())
    addWorkload(workload->second);
  Statement(*this, "insert or replace into record values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(r.workload, r.device, r.machine, r.schedule, nameOf(r.outcome), r.seconds, r.spread, r.samples,
            int(r.confirmed), r.strategy, r.version, r.message, r.time ? r.time : int64_t(now()))
      .step();
  Statement(*this, "insert into evidence values (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(r.workload, r.device, r.machine, r.schedule, joined(e.seconds), e.compiler, e.runtime,
            e.conditions, e.time ? e.time : int64_t(now()))
      .step();
  Statement(*this, "delete from claim where workload = ? and device = ? and schedule = ?")
      .bind(r.workload, r.device, r.schedule)
      .step();
  transaction.commit();
}

template <typename Rows>
static TuningRecord recordOf(const Rows &rows) {
  TuningRecord r;
  r.workload = rows.text(0);
  r.device = rows.text(1);
  r.machine = rows.text(2);
  r.schedule = rows.text(3);
  r.outcome = outcomeNamed(rows.text(4)).value_or(Outcome::Failed);
  r.seconds = rows.real(5);
  r.spread = rows.real(6);
  r.samples = int(rows.integer(7));
  r.confirmed = rows.integer(8) != 0;
  r.strategy = rows.text(9);
  r.version = rows.text(10);
  r.message = rows.text(11);
  r.time = rows.integer(12);
  return r;
}

std::optional<TuningRecord> Database::find(const std::string &workload, const std::string &device,
                                           const std::string &machine, const std::string &schedule) {
  Statement rows(
      *this,
      fmt::format("select {} from record where workload = ? and device = ? and machine = ? and schedule = ?",
                  columns)
          .c_str());
  if (!rows.bind(workload, device, machine, schedule).step())
    return std::nullopt;
  return recordOf(rows);
}

std::vector<TuningRecord> Database::records(const std::string &workload, const std::string &device,
                                            const std::string &machine) {
  std::vector<TuningRecord> found;
  // Every compilation asks for each of its kernels: what is given must be a plain comparison, to be found by key.
  Statement rows(*this,
                 fmt::format("select {} from record where {} and {} order by workload, device, "
                             "outcome <> 'ok', machine <> ?3, machine, confirmed desc, seconds, schedule",
                             columns, workload.empty() ? "?1 = ''" : "workload = ?1",
                             device.empty() ? "?2 = ''" : "device = ?2")
                     .c_str());
  rows.bind(workload, device, machine);
  while (rows.step())
    found.push_back(recordOf(rows));
  return found;
}

std::vector<Evidence> Database::evidence(const TuningRecord &record) {
  std::vector<Evidence> found;
  Statement rows(*this, "select seconds, compiler, runtime, conditions, time from evidence "
                        "where workload = ? and device = ? and machine = ? and schedule = ? order by time");
  rows.bind(record.workload, record.device, record.machine, record.schedule);
  while (rows.step())
    found.push_back({split(rows.text(0)), rows.text(1), rows.text(2), rows.text(3), rows.integer(4)});
  return found;
}

void Database::remove(const TuningRecord &record) {
  for (const char *table : {"record", "evidence"})
    Statement(*this,
              fmt::format("delete from {} where workload = ? and device = ? and machine = ? and schedule = ?",
                          table)
                  .c_str())
        .bind(record.workload, record.device, record.machine, record.schedule)
        .step();
}

bool Database::claim(const std::string &workload, const std::string &device, const std::string &schedule,
                     double seconds) {
  std::string host = hostName();
  Transaction transaction(*this);
  bool free = true;
  Statement held(*this,
                 "select host, process, until from claim where workload = ? and device = ? and schedule = ?");
  if (held.bind(workload, device, schedule).step()) {
    auto process = pid_t(held.integer(1));
    bool alive = held.text(0) != host || process == getpid() || kill(process, 0) == 0 || errno == EPERM;
    free = process == getpid() || !alive || held.real(2) < now();
  }
  if (free)
    Statement(*this, "insert or replace into claim values (?, ?, ?, ?, ?, ?)")
        .bind(workload, device, schedule, host, int64_t(getpid()), now() + seconds)
        .step();
  transaction.commit();
  return free;
}

void Database::release(const std::string &workload, const std::string &device, const std::string &schedule) {
  Statement(*this, "delete from claim where workload = ? and device = ? and schedule = ? and process = ?")
      .bind(workload, device, schedule, int64_t(getpid()))
      .step();
}

size_t Database::merge(const std::string &other) {
  std::string from = Database(other, /*readOnly=*/true).uri;
  Statement(*this, "attach database ? as other").bind(from).step();
  size_t changed = 0;
  try {
    Transaction transaction(*this);
    execute("insert into workload select * from other.workload where true on conflict do nothing");
    execute("insert into evidence select e.* from other.evidence e where not exists (select 1 from evidence "
            "o where "
            "o.workload = e.workload and o.device = e.device and o.machine = e.machine and o.schedule = "
            "e.schedule and "
            "o.time = e.time and o.seconds = e.seconds)");
    // A first impression, however new, takes nothing from what was confirmed.
    execute("insert or replace into record select r.* from other.record r left join record o on o.workload = "
            "r.workload "
            "and o.device = r.device and o.machine = r.machine and o.schedule = r.schedule "
            "where o.time is null or (o.confirmed, o.time) < (r.confirmed, r.time)");
    changed = size_t(sqlite3_changes(db));
    transaction.commit();
  } catch (...) {
    sqlite3_exec(db, "detach database other", nullptr, nullptr, nullptr);
    throw;
  }
  execute("detach database other");
  return changed;
}

size_t Database::prune(size_t keep, int64_t failureSeconds) {
  std::map<std::string, size_t> kept;
  size_t removed = 0;
  Transaction transaction(*this);
  for (const TuningRecord &record : records("", "", "")) {
    bool usable = record.outcome == Outcome::Ok;
    bool old = double(record.time + failureSeconds) < now();
    if (usable ? kept[record.workload + '\n' + record.device + '\n' + record.machine]++ >= keep : old) {
      remove(record);
      ++removed;
    }
  }
  execute("delete from workload where key not in (select workload from record)");
  execute(fmt::format("delete from claim where until < {}", now()).c_str());
  Statement(*this, "delete from native where used + ? < ?").bind(failureSeconds, int64_t(now())).step();
  transaction.commit();
  execute("vacuum");
  return removed;
}

std::string machineName() {
  std::string processor;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) {
      processor = line.substr(std::min(line.find(':') + 2, line.size()));
      break;
    }
  return hostName() + (processor.empty() ? "" : ", " + processor);
}

} // namespace tgc
