// nolocals: one thread a block, said so that search stops trying others.
#include "search/options/Option.h"

namespace tgc::option {
namespace {

struct NoLocals : FlagOption {
  NoLocals() : FlagOption("nolocals", &Schedule::noLocals) {}
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    if (!schedule.noLocals)
      return "";
    for (const LoopSplit &split : schedule.loops)
      if (split.kind == SplitKind::Local || split.kind == SplitKind::Group)
        return "nolocals: the schedule has threads";
    return context.device.maxThreads == 1 ? "nolocals: the device has one thread a block anyway" : "";
  }
};

} // namespace

const Option &noLocals() {
  static const NoLocals option;
  return option;
}

} // namespace tgc::option
