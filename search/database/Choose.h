// Which of a workload's records a compilation uses.
#pragma once
#include "search/database/Database.h"

namespace tgc {

/// The records of one workload and device in the order in which they should be tried: usable ones only; what this
/// machine found before what others found; what was confirmed before first impressions; then by time.
std::vector<TuningRecord> byPreference(std::vector<TuningRecord> records, const std::string &machine);

} // namespace tgc
