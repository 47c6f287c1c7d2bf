// pingpong: consumer groups own whole tiles in turn.
#include "search/options/Option.h"

namespace tgc::option {
namespace {

struct PingPong : FlagOption {
  PingPong() : FlagOption("pingpong", &Schedule::pingpong) {}
  std::string illegal(const OptionContext &, const Schedule &schedule) const override {
    return schedule.pingpong && schedule.warpsM * schedule.warpsN < 2 ? "pingpong: needs two consumers" : "";
  }
};

} // namespace

const Option &pingPong() {
  static const PingPong option;
  return option;
}

} // namespace tgc::option
