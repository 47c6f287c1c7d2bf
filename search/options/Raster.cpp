// raster(a,n): n tiles along a before the next column.
#include "search/options/Option.h"

#include "compiler/support/Error.h"

namespace tgc::option {
namespace {

struct Raster : Option {
  const char *name() const override { return "raster"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 2);
    if (schedule.raster)
      usageError("schedule: raster is there twice");
    schedule.raster = {wordArgument(*this, arguments, 0), integerArgument(*this, arguments, 1)};
    if (schedule.raster->second < 1)
      usageError("schedule: raster of no tiles");
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    if (!schedule.raster)
      return {};
    return {{schedule.raster->first, std::to_string(schedule.raster->second)}};
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    if (!schedule.raster)
      return "";
    if (std::string reason = unknownAxis(context.kernel, schedule.raster->first); !reason.empty())
      return "raster: " + reason;
    return schedule.atom ? "" : "raster: needs tc";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.atom || schedule.raster)
      return next;
    for (const AxisInfo &axis : context.kernel.axes)
      for (int64_t n : {4, 8, 16})
        if (axis.stored && axis.extent > n) {
          next.push_back(schedule);
          next.back().raster = {axis.name, n};
        }
    return next;
  }
};

} // namespace

const Option &raster() {
  static const Raster option;
  return option;
}

} // namespace tgc::option
