// slots(n): staging buffers of the store.
#include "search/options/Option.h"

#include "compiler/support/Error.h"

namespace tgc::option {
namespace {

struct Slots : Option {
  const char *name() const override { return "slots"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 1);
    if (schedule.slots)
      usageError("schedule: slots is there twice");
    schedule.slots = integerArgument(*this, arguments, 0);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    if (!schedule.slots)
      return {};
    return {{std::to_string(*schedule.slots)}};
  }
  std::string illegal(const OptionContext &, const Schedule &schedule) const override {
    return schedule.slots && !schedule.atom ? "slots: needs tc" : "";
  }
  std::vector<Schedule> candidates(const OptionContext &, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.atom || schedule.slots)
      return next;
    for (int64_t n : {1, 2, 3}) {
      next.push_back(schedule);
      next.back().slots = n;
    }
    return next;
  }
};

} // namespace

const Option &slots() {
  static const Slots option;
  return option;
}

} // namespace tgc::option
