// winograd(n): a convolution of 3×3 taps by minimal filtering, in tiles of n × n results. It takes the kernel apart;
// the parts have schedules of their own.
#include "search/options/Option.h"
#include "search/Plan.h"

#include "compiler/support/Error.h"
#include <fmt/format.h>

namespace tgc::option {
namespace {

struct Winograd : Option {
  const char *name() const override { return "winograd"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 1);
    if (schedule.winograd)
      usageError("schedule: winograd is there twice");
    schedule.winograd = integerArgument(*this, arguments, 0);
    if (*schedule.winograd != 2 && *schedule.winograd != 4)
      usageError("schedule: winograd takes 2 or 4, not {}", *schedule.winograd);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    if (!schedule.winograd)
      return {};
    return {{fmt::format("{}", *schedule.winograd)}};
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    return schedule.winograd ? planParts(context.kernel, schedule).reason : "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &) const override {
    std::vector<Schedule> next;
    for (int64_t tile : {4, 2}) {
      Schedule alone;
      alone.winograd = tile;
      if (planParts(context.kernel, alone))
        next.push_back(alone);
    }
    return next;
  }
};

} // namespace

const Option &winograd() {
  static const Winograd option;
  return option;
}

} // namespace tgc::option
