// pack(w,order): the order of a free weight in memory, made once in `prepare`.
#include "search/options/Option.h"

#include "compiler/support/Error.h"
#include <algorithm>

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
      if (buffer.free && !schedule.packs.count(buffer.name))
        for (const std::string &order : orders(context, buffer)) {
          next.push_back(schedule);
          next.back().packs[buffer.name] = order;
        }
    return next;
  }

private:
  /// Panels of one to four vectors of either side, in the atom's type or the weight's own; without vectors plain orders.
  static std::vector<std::string> orders(const OptionContext &context, const BufferInfo &buffer) {
    if (context.device.maxThreads > 1)
      return {"kn", "nk"};
    std::vector<std::string> found;
    int64_t lanes = context.device.vectorBytes / std::max<int64_t>(4, bytesOf(buffer.type));
    for (char side : {'n', 'm'})
      for (int64_t vectors : {1, 2, 3, 4}) {
        found.push_back(fmt::format("{}{}k", side, vectors * lanes));
        if (bytesOf(buffer.type) < 4)
          found.push_back(found.back() + nameOf(buffer.type));
      }
    return found;
  }
};

} // namespace

const Option &pack() {
  static const Pack option;
  return option;
}

} // namespace tgc::option
