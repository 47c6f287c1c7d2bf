// padto(a,n): the extent rounded up to a multiple of n; points beyond it are masked.
#include "search/options/Option.h"

#include <fmt/format.h>

namespace tgc::option {
namespace {

struct PadTo : AxisFactorOption {
  PadTo() : AxisFactorOption("padto", &Schedule::padTo) {}
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    for (const auto &[name, n] : schedule.padTo) {
      std::optional<int> axis = context.kernel.axisNamed(name);
      if (!axis)
        return fmt::format("padto: there is no axis {}", name);
      if (context.kernel.axes[*axis].extent % n == 0)
        return fmt::format("padto({},{}): {} is a multiple already", name, n,
                           context.kernel.axes[*axis].extent);
    }
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    for (const AxisInfo &axis : context.kernel.axes)
      for (int64_t n : {4, 8, 16, 32, 64}) {
        int64_t padded = (axis.extent + n - 1) / n * n;
        // At most a third of the padded axis may be waste.
        if (!schedule.padTo.count(axis.name) &&
            factorTaken(schedule, axis.name, schedule.loops.size()) == 1 && axis.extent % n != 0 &&
            axis.extent * 3 >= padded * 2)
          next.push_back(with(schedule, axis.name, n));
      }
    return next;
  }
};

} // namespace

const Option &padTo() {
  static const PadTo option;
  return option;
}

} // namespace tgc::option
