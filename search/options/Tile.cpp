// tile(a,n): the block's extent along a.
#include "search/options/Option.h"

#include <fmt/format.h>

namespace tgc::option {
namespace {

struct Tile : AxisFactorOption {
  Tile() : AxisFactorOption("tile", &Schedule::tile) {}
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    for (const auto &[name, n] : schedule.tile) {
      std::optional<int> axis = context.kernel.axisNamed(name);
      if (!axis)
        return fmt::format("tile: there is no axis {}", name);
      if (!schedule.atom && !context.kernel.axes[*axis].stored)
        return fmt::format("tile({},{}): without tc a reduced axis is walked whole", name, n);
    }
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    for (const AxisInfo &axis : context.kernel.axes) {
      if (schedule.tile.count(axis.name) || (!schedule.atom && !axis.stored))
        continue;
      for (int64_t n : {2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096})
        if (n < axis.extent)
          next.push_back(with(schedule, axis.name, n));
      next.push_back(with(schedule, axis.name, axis.extent));
    }
    return next;
  }
};

} // namespace

const Option &tile() {
  static const Tile option;
  return option;
}

} // namespace tgc::option
