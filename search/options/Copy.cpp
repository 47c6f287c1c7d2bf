// copy(x,kind): how an operand comes on chip.
#include "search/options/Option.h"

#include "compiler/support/Error.h"
#include <algorithm>

namespace tgc::option {
namespace {

struct Copy : Option {
  const char *name() const override { return "copy"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 2);
    if (!schedule.copies.emplace(wordArgument(*this, arguments, 0), wordArgument(*this, arguments, 1)).second)
      usageError("schedule: copy of {} is there twice", arguments[0]);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    std::vector<std::vector<std::string>> uses;
    for (const auto &[buffer, kind] : schedule.copies)
      uses.push_back({buffer, kind});
    return uses;
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    for (const auto &[buffer, kind] : schedule.copies) {
      if (std::string reason = unknownBuffer(context.kernel, buffer); !reason.empty())
        return "copy: " + reason;
      if (!schedule.atom)
        return fmt::format("copy({},{}): needs tc", buffer, kind);
      const auto &kinds = context.device.copyKinds;
      if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
        return fmt::format("copy({},{}): the device has no such copy", buffer, kind);
    }
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.atom)
      return next;
    for (const BufferInfo &buffer : context.kernel.buffers)
      for (const std::string &kind : context.device.copyKinds)
        if (!buffer.stored && !schedule.copies.count(buffer.name)) {
          next.push_back(schedule);
          next.back().copies[buffer.name] = kind;
        }
    return next;
  }
};

} // namespace

const Option &copy() {
  static const Copy option;
  return option;
}

} // namespace tgc::option
