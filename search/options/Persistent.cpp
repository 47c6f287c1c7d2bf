// persistent: one block for each multiprocessor walks the tiles.
#include "search/options/Option.h"

namespace tgc::option {
namespace {

struct Persistent : FlagOption {
  Persistent() : FlagOption("persistent", &Schedule::persistent) {}
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    if (!schedule.persistent)
      return "";
    if (!schedule.atom)
      return "persistent: needs tc";
    return context.device.maxThreads == 1 ? "persistent: on this device the runtime hands out the blocks"
                                          : "";
  }
};

} // namespace

const Option &persistent() {
  static const Persistent option;
  return option;
}

} // namespace tgc::option
