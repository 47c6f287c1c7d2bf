// tc(atom): the contraction by a matrix instruction of that name.
#include "search/options/Option.h"

#include "compiler/support/Error.h"

namespace tgc::option {
namespace {

struct Tc : Option {
  const char *name() const override { return "tc"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 1);
    if (schedule.atom)
      usageError("schedule: tc is there twice");
    schedule.atom = wordArgument(*this, arguments, 0);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    if (!schedule.atom)
      return {};
    return {{*schedule.atom}};
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    if (!schedule.atom)
      return "";
    if (!context.hasAtom(*schedule.atom))
      return fmt::format("tc({}): the device has no such atom", *schedule.atom);
    bool contracts = context.kernel.contract || (context.kernel.attend && context.kernel.attend->scores);
    return contracts ? "" : fmt::format("tc({}): the kernel has no contraction", *schedule.atom);
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &schedule) const override {
    std::vector<Schedule> next;
    if (schedule.atom || !schedule.loops.empty())
      return next;
    for (const Atom &atom : context.device.atoms) {
      Schedule tried = schedule;
      tried.atom = atom.name;
      if ((next.empty() || next.back() != tried) && illegal(context, tried).empty())
        next.push_back(std::move(tried));
    }
    return next;
  }
};

} // namespace

const Option &tc() {
  static const Tc option;
  return option;
}

} // namespace tgc::option
