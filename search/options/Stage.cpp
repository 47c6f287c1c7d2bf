// stage(n): depth of the ring of fills; 0 is straight to registers.
#include "search/options/Option.h"

#include "compiler/support/Error.h"

namespace tgc::option {
namespace {

struct Stage : Option {
  const char *name() const override { return "stage"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 1);
    if (schedule.stages)
      usageError("schedule: stage is there twice");
    schedule.stages = integerArgument(*this, arguments, 0);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    if (!schedule.stages)
      return {};
    return {{std::to_string(*schedule.stages)}};
  }
  std::string illegal(const OptionContext &, const Schedule &schedule) const override {
    return schedule.stages && !schedule.atom ? "stage: needs tc" : "";
  }
  std::vector<Schedule> candidates(const OptionContext &, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.atom || schedule.stages)
      return next;
    for (int64_t n : {0, 1, 2, 3, 4, 5}) {
      next.push_back(schedule);
      next.back().stages = n;
    }
    return next;
  }
};

} // namespace

const Option &stage() {
  static const Stage option;
  return option;
}

} // namespace tgc::option
