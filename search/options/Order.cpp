// order(a,b,…): the grid's axes, fastest first; axes not named come behind in their usual order.
#include "search/options/Option.h"

#include "compiler/support/Error.h"
#include <algorithm>

namespace tgc::option {
namespace {

struct Order : Option {
  const char *name() const override { return "order"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    if (arguments.empty() || !schedule.order.empty())
      usageError("schedule: order is there once and names axes");
    for (size_t i = 0; i < arguments.size(); ++i)
      schedule.order.push_back(wordArgument(*this, arguments, i));
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    if (schedule.order.empty())
      return {};
    return {schedule.order};
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    for (const std::string &name : schedule.order) {
      std::optional<int> axis = context.kernel.axisNamed(name);
      if (!axis)
        return fmt::format("order: there is no axis {}", name);
      if (!context.kernel.axes[*axis].stored)
        return fmt::format("order: axis {} is only reduced, it has no place in the grid", name);
      if (std::count(schedule.order.begin(), schedule.order.end(), name) > 1)
        return fmt::format("order: axis {} is there twice", name);
    }
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.order.empty())
      return next;
    for (const AxisInfo &axis : context.kernel.axes)
      if (axis.stored && axis.extent > 1) {
        next.push_back(schedule);
        next.back().order = {axis.name};
      }
    return next;
  }
};

} // namespace

const Option &order() {
  static const Order option;
  return option;
}

} // namespace tgc::option
