// What goes from one database to another, and what goes.
#include "search/database/Statement.h"

#include <fmt/format.h>
#include <map>

namespace tgc {

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
    bool old = double(record.time + failureSeconds) < secondsNow();
    if (usable ? kept[record.workload + '\n' + record.device + '\n' + record.machine]++ >= keep : old) {
      remove(record);
      ++removed;
    }
  }
  execute("delete from workload where key not in (select workload from record)");
  execute(fmt::format("delete from claim where until < {}", secondsNow()).c_str());
  Statement(*this, "delete from native where used + ? < ?")
      .bind(failureSeconds, int64_t(secondsNow()))
      .step();
  transaction.commit();
  execute("vacuum");
  return removed;
}

} // namespace tgc
