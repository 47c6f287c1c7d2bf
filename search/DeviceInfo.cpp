#include "search/DeviceInfo.h"

namespace tgc {

double DeviceInfo::matrixRate(ElementType operand) const {
  for (const auto &[type, rate] : matrixRates)
    if (type == operand)
      return rate;
  return 0;
}

} // namespace tgc
