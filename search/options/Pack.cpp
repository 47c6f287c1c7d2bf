// pack(w,order): the order of a free weight in memory, made once in `prepare`.
#include "search/options/Option.h"

#include "compiler/support/Error.h"

namespace tgc::option {
namespace {

struct Pack : Option {
  const char *name() const override { return "pack"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 2);
    if (!schedule.packs.emplace(wordArgument(*this, arguments, 0), wordArgument(*this, arguments, 1)).second)
      usageError("schedule: pack of {} is there twice", arguments[0]);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    std::vector<std::vector<std::string>> uses;
    for (const auto &[buffer, order] : schedule.packs)
      uses.push_back({buffer, order});
    return uses;
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    for (const auto &[buffer, order] : schedule.packs) {
      if (std::string reason = unknownBuffer(context.kernel, buffer); !reason.empty())
        return "pack: " + reason;
      if (!context.kernel.buffers[*context.kernel.bufferNamed(buffer)].free)
        return fmt::format("pack({},{}): the buffer's order is not free", buffer, order);
      if (!schedule.atom)
        return fmt::format("pack({},{}): needs tc", buffer, order);
    }
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.atom)
      return next;
    for (const BufferInfo &buffer : context.kernel.buffers)
      for (const char *order : {"kn", "nk"})
        if (buffer.free && !schedule.packs.count(buffer.name)) {
          next.push_back(schedule);
          next.back().packs[buffer.name] = order;
        }
    return next;
  }
};

} // namespace

const Option &pack() {
  static const Pack option;
  return option;
}

} // namespace tgc::option
