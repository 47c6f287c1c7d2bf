// flip: the atom's M and N sides exchanged, so that it computes the transposed tile.
#include "search/options/Option.h"

namespace tgc::option {
namespace {

struct Flip : FlagOption {
  Flip() : FlagOption("flip", &Schedule::flip) {}
  std::string illegal(const OptionContext &, const Schedule &schedule) const override {
    return schedule.flip && !schedule.atom ? "flip: needs tc" : "";
  }
};

} // namespace

const Option &flip() {
  static const Flip option;
  return option;
}

} // namespace tgc::option
