// tile(a,n): the block's extent along a.
#include "search/options/Option.h"

#include <fmt/format.h>
#include <set>

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
      std::set<int64_t> sizes;
      for (int64_t n = 2; n <= 4096; n *= 2)
        sizes.insert({n, n * 3 / 2, n * 5 / 4});
      // Equal parts.
      for (int64_t parts = 2; parts <= 32; ++parts)
        sizes.insert((axis.extent + parts - 1) / parts);
      for (int64_t n : sizes)
        if (n > 1 && n < axis.extent)
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
