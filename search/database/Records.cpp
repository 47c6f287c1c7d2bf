// Records, and the samples that they come from as text.
#include "search/database/Statement.h"

#include <fmt/format.h>

namespace tgc {
namespace {

const char *columns =
    "workload, device, machine, schedule, outcome, seconds, spread, samples, confirmed, strategy, "
    "version, message, time";

constexpr std::pair<Outcome, const char *> outcomes[] = {
    {Outcome::Ok, "ok"},           {Outcome::Wrong, "wrong"}, {Outcome::Failed, "failed"},
    {Outcome::Crashed, "crashed"}, {Outcome::Hung, "hung"},   {Outcome::Memory, "memory"},
    {Outcome::Slow, "slow"}};

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

void Database::store(const TuningRecord &r, const Evidence &e) {
  Transaction transaction(*this);
  if (auto workload = added.find(r.workload); workload != added.end())
    addWorkload(workload->second);
  Statement(*this, "insert or replace into record values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(r.workload, r.device, r.machine, r.schedule, nameOf(r.outcome), r.seconds, r.spread, r.samples,
            int(r.confirmed), r.strategy, r.version, r.message, r.time ? r.time : int64_t(secondsNow()))
      .step();
  Statement(*this, "insert into evidence values (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(r.workload, r.device, r.machine, r.schedule, joined(e.seconds), e.compiler, e.runtime,
            e.conditions, e.time ? e.time : int64_t(secondsNow()))
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

} // namespace tgc
