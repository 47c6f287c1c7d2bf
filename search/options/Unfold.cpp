// unfold(x): the operand that x is read for is computed ahead, as rows of the depth: what blocks of memory can bring. It
// takes the kernel apart; the parts have schedules of their own.
#include "search/options/Option.h"
#include "search/Plan.h"

#include "compiler/support/Error.h"
#include <algorithm>

namespace tgc::option {
namespace {

struct Unfold : Option {
  const char *name() const override { return "unfold"; }
  void parse(const std::vector<std::string> &arguments, Schedule &schedule) const override {
    expectArguments(*this, arguments, 1);
    const std::string &buffer = wordArgument(*this, arguments, 0);
    auto at = std::lower_bound(schedule.unfold.begin(), schedule.unfold.end(), buffer);
    if (at != schedule.unfold.end() && *at == buffer)
      usageError("schedule: unfold({}) is there twice", buffer);
    schedule.unfold.insert(at, buffer);
  }
  std::vector<std::vector<std::string>> print(const Schedule &schedule) const override {
    std::vector<std::vector<std::string>> uses;
    for (const std::string &buffer : schedule.unfold)
      uses.push_back({buffer});
    return uses;
  }
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    for (const std::string &buffer : schedule.unfold)
      if (std::string reason = unknownBuffer(context.kernel, buffer); !reason.empty())
        return "unfold: " + reason;
    return schedule.unfold.empty() ? "" : planParts(context.kernel, schedule).reason;
  }
  std::vector<Schedule> candidates(const OptionContext &context, const Schedule &) const override {
    std::vector<Schedule> next;
    const std::vector<std::string> &copies = context.device.copyKinds;
    if (std::find(copies.begin(), copies.end(), "block2d") == copies.end() || !context.kernel.contract)
      return next;
    const ContractInfo &contract = *context.kernel.contract;
    for (bool left : {true, false})
      for (bool right : {true, false}) {
        Schedule alone;
        for (auto [wanted, operand] : {std::pair(left, &contract.lhs), std::pair(right, &contract.rhs)})
          if (wanted && !operand->accesses.empty()) {
            const Access &access = context.kernel.accesses[operand->accesses.front()];
            parse({context.kernel.buffers[access.buffer].name}, alone);
          }
        if (!alone.unfold.empty() && planParts(context.kernel, alone))
          next.push_back(alone);
      }
    return next;
  }
};

} // namespace

const Option &unfold() {
  static const Unfold option;
  return option;
}

} // namespace tgc::option
