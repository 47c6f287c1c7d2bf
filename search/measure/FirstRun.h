// What a program's first run says about how long it takes.
#pragma once
#include "search/measure/Measure.h"

namespace tgc {

struct FirstRun {
  bool isLong;  ///< one measurement is enough
  bool counts;  ///< it is a measurement itself
  bool tooSlow; ///< no other run is needed to give up
};

/// Seconds that bringing in pages of a run's own memory may take: each is given out and zeroed when it is touched first,
/// which takes a second a GB at worst.
double pageSeconds(uint64_t runBytes);

/// The first run also brings in threads and pages: it counts where that is little of it.
FirstRun judgeFirstRun(double seconds, uint64_t runBytes, const MeasureRequest &request);

} // namespace tgc
