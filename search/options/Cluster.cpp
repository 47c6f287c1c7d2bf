// cluster(a,n): n blocks along a grid axis share what does not depend on it.
#include "search/options/Option.h"

#include <fmt/format.h>

namespace tgc::option {
namespace {

struct Cluster : AxisFactorOption {
  Cluster() : AxisFactorOption("cluster", &Schedule::cluster) {}
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    for (const auto &[name, n] : schedule.cluster) {
      std::optional<int> axis = context.kernel.axisNamed(name);
      if (!axis)
        return fmt::format("cluster: there is no axis {}", name);
      if (!context.kernel.axes[*axis].stored)
        return fmt::format("cluster({},{}): the axis is only reduced", name, n);
      if (n > context.device.maxCluster)
        return fmt::format("cluster({},{}): the device has clusters of {}", name, n,
                           context.device.maxCluster);
    }
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.atom || !schedule.cluster.empty() || context.device.maxCluster < 2)
      return next;
    for (const AxisInfo &axis : context.kernel.axes)
      if (axis.stored && axis.extent > 1)
        next.push_back(with(schedule, axis.name, 2));
    return next;
  }
};

} // namespace

const Option &cluster() {
  static const Cluster option;
  return option;
}

} // namespace tgc::option
