// split(a,n): a reduced axis in n parts, each a block of its own; `join` says how they are combined.
#include "search/options/Option.h"

#include <fmt/format.h>

namespace tgc::option {
namespace {

struct Split : AxisFactorOption {
  Split() : AxisFactorOption("split", &Schedule::split) {}
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    for (const auto &[name, n] : schedule.split) {
      std::optional<int> axis = context.kernel.axisNamed(name);
      if (!axis)
        return fmt::format("split: there is no axis {}", name);
      if (!context.kernel.axes[*axis].reduced)
        return fmt::format("split({},{}): the axis is not reduced", name, n);
      if (n < 2 || context.kernel.axes[*axis].extent % n != 0)
        return fmt::format("split({},{}): does not divide {}", name, n, context.kernel.axes[*axis].extent);
    }
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    for (const AxisInfo &axis : context.kernel.axes)
      for (int64_t n : {2, 4, 8, 16, 32, 64})
        if (axis.reduced && !schedule.split.count(axis.name) && axis.extent % n == 0 &&
            axis.extent >= 16 * n) {
          next.push_back(with(schedule, axis.name, n));
          if (!next.back().join)
            next.back().join = "launch";
        }
    return next;
  }
};

} // namespace

const Option &split() {
  static const Split option;
  return option;
}

} // namespace tgc::option
