#include "search/database/Choose.h"

#include <algorithm>
#include <tuple>

namespace tgc {

std::vector<TuningRecord> byPreference(std::vector<TuningRecord> records, const std::string &machine) {
  // Of many first measurements the least is partly luck.
  constexpr double luck = 1.05;
  std::erase_if(records, [](const TuningRecord &record) { return record.outcome != Outcome::Ok; });
  auto key = [&](const TuningRecord &record) {
    return std::tuple(record.machine != machine, record.seconds * (record.confirmed ? 1 : luck),
                      record.schedule);
  };
  std::sort(records.begin(), records.end(),
            [&](const TuningRecord &a, const TuningRecord &b) { return key(a) < key(b); });
  return records;
}

} // namespace tgc
