// prefetch(n): how many fills ahead the cache is asked.
#include "search/options/Option.h"

#include "compiler/support/Error.h"

namespace tgc::option {
namespace {

struct Prefetch : Option {
  const char *name() const override { return "prefetch"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 1);
    if (schedule.prefetch)
      usageError("schedule: prefetch is there twice");
    schedule.prefetch = integerArgument(*this, arguments, 0);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    if (!schedule.prefetch)
      return {};
    return {{std::to_string(*schedule.prefetch)}};
  }
  std::string illegal(const OptionContext &, const Schedule &schedule) const override {
    return schedule.prefetch && !schedule.atom ? "prefetch: needs tc" : "";
  }
  std::vector<Schedule> candidates(const OptionContext &, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.atom || schedule.prefetch)
      return next;
    for (int64_t n : {1, 2, 3, 4}) {
      next.push_back(schedule);
      next.back().prefetch = n;
    }
    return next;
  }
};

} // namespace

const Option &prefetch() {
  static const Prefetch option;
  return option;
}

} // namespace tgc::option
