// join(kind): how the parts that `split` made are combined: by a second launch, in a cluster, or by the last
// block to take a ticket.
#include "search/options/Option.h"

#include "compiler/support/Error.h"

namespace tgc::option {
namespace {

struct Join : Option {
  const char *name() const override { return "join"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 1);
    if (schedule.join)
      usageError("schedule: join is there twice");
    schedule.join = wordArgument(*this, arguments, 0);
    if (*schedule.join != "launch" && *schedule.join != "cluster" && *schedule.join != "ticket")
      usageError("schedule: join takes launch, cluster or ticket, not '{}'", *schedule.join);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    if (!schedule.join)
      return {};
    return {{*schedule.join}};
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    if (!schedule.join)
      return schedule.split.empty() ? "" : "join: split needs it";
    if (schedule.split.empty())
      return "join: there is no split";
    if (*schedule.join == "cluster" && context.device.maxCluster < 2)
      return "join(cluster): the device has no clusters";
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.split.empty() && !schedule.join) {
      next.push_back(schedule);
      next.back().join = "launch";
    }
    return next;
  }
};

} // namespace

const Option &join() {
  static const Join option;
  return option;
}

} // namespace tgc::option
