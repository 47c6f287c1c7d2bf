#include "search/measure/FirstRun.h"

namespace tgc {

double pageSeconds(uint64_t runBytes) { return double(runBytes) * 1e-9; }

FirstRun judgeFirstRun(double seconds, uint64_t runBytes, const MeasureRequest &request) {
  constexpr double notShort = 0.01, little = 0.02;
  double pages = pageSeconds(runBytes);
  bool isLong = seconds > request.longRun, counts = seconds > notShort && pages < little * seconds;
  double allowed = !counts ? 3 : isLong ? 1 : 1.1;
  return {isLong, counts, request.giveUpAbove > 0 && seconds - pages > allowed * request.giveUpAbove};
}

} // namespace tgc
