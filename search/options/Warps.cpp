// warps(MxN+P): consumer groups along the sides of the tile, and producer groups.
#include "search/options/Option.h"

#include "compiler/support/Error.h"
#include <charconv>

namespace tgc::option {
namespace {

struct Warps : Option {
  const char *name() const override { return "warps"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 1);
    const std::string &text = arguments[0];
    size_t plus = std::min(text.find('+'), text.size()), times = std::min(text.find('x'), plus);
    schedule.warpsM = number(text, 0, times);
    schedule.warpsN = times < plus ? number(text, times + 1, plus) : 1;
    schedule.producers = plus < text.size() ? number(text, plus + 1, text.size()) : 0;
    if (schedule.warpsM < 1 || schedule.warpsN < 1)
      usageError("schedule: warps({}) has no consumer", text);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    if (schedule.warpsM == 1 && schedule.warpsN == 1 && schedule.producers == 0)
      return {};
    std::string text = std::to_string(schedule.warpsM);
    if (schedule.warpsN != 1)
      text += fmt::format("x{}", schedule.warpsN);
    if (schedule.producers != 0)
      text += fmt::format("+{}", schedule.producers);
    return {{text}};
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    int64_t groups = schedule.warpsM * schedule.warpsN + schedule.producers;
    if (groups == 1)
      return "";
    if (!schedule.atom)
      return "warps: needs tc";
    for (const Atom &atom : context.device.atoms)
      if (atom.name == *schedule.atom && groups * atom.threads > context.device.maxThreads)
        return fmt::format("warps: {} groups of {} threads are more than {}", groups, atom.threads,
                           context.device.maxThreads);
    return "";
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (!schedule.atom || !print(schedule).empty())
      return next;
    for (const char *text : {"2+1", "3+1", "4", "8", "2x2", "4x2", "8x4"}) {
      Schedule tried = schedule;
      parse({text}, tried);
      if (illegal(context, tried).empty())
        next.push_back(std::move(tried));
    }
    return next;
  }

private:
  int64_t number(const std::string &text, size_t begin, size_t end) const {
    int64_t value = 0;
    auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, value);
    if (error != std::errc() || stop != text.data() + end || value < 0)
      usageError("schedule: warps takes MxN+P, not '{}'", text);
    return value;
  }
};

} // namespace

const Option &warps() {
  static const Warps option;
  return option;
}

} // namespace tgc::option
