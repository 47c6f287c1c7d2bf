#include "search/database/Choose.h"

#include <algorithm>
#include <tuple>

namespace tgc {

std::vector<TuningRecord> byPreference(std::vector<TuningRecord> records, const std::string &machine) {
  std::erase_if(records, [](const TuningRecord &record) { return record.outcome != Outcome::Ok; });
  auto key = [&](const TuningRecord &record) {
    // Of many first measurements the least is partly luck, however much better it seems.
    return std::tuple(record.machine != machine, !record.confirmed, record.seconds, record.schedule);
  };
  std::sort(records.begin(), records.end(),
            [&](const TuningRecord &a, const TuningRecord &b) { return key(a) < key(b); });
  return records;
}

} // namespace tgc
