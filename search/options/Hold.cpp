// hold(x): what is loaded from x stays on chip: a row between passes, queries over the loop of keys.
#include "search/options/Option.h"

#include "compiler/support/Error.h"
#include <algorithm>

namespace tgc::option {
namespace {

struct Hold : Option {
  const char *name() const override { return "hold"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 1);
    const std::string &buffer = wordArgument(*this, arguments, 0);
    auto at = std::lower_bound(schedule.hold.begin(), schedule.hold.end(), buffer);
    if (at != schedule.hold.end() && *at == buffer)
      usageError("schedule: hold({}) is there twice", buffer);
    schedule.hold.insert(at, buffer);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    std::vector<std::vector<std::string>> uses;
    for (const std::string &buffer : schedule.hold)
      uses.push_back({buffer});
    return uses;
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    for (const std::string &buffer : schedule.hold) {
      if (std::string reason = unknownBuffer(context.kernel, buffer); !reason.empty())
        return "hold: " + reason;
      if (context.kernel.buffers[*context.kernel.bufferNamed(buffer)].stored)
        return fmt::format("hold({}): the kernel stores it", buffer);
      if (context.kernel.reductions.empty())
        return fmt::format("hold({}): nothing is used twice without a reduction", buffer);
    }
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    for (const BufferInfo &buffer : context.kernel.buffers) {
      Schedule tried = schedule;
      if (std::count(schedule.hold.begin(), schedule.hold.end(), buffer.name))
        continue;
      parse({buffer.name}, tried);
      if (illegal(context, tried).empty())
        next.push_back(std::move(tried));
    }
    return next;
  }
};

} // namespace

const Option &hold() {
  static const Hold option;
  return option;
}

} // namespace tgc::option
