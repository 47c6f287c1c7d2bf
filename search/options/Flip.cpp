// flip: the atom's M and N sides exchanged, so that it computes the transposed tile.
#include "search/options/Option.h"

namespace tgc::option {
namespace {

struct Flip : FlagOption {
  Flip() : FlagOption("flip", &Schedule::flip) {}
  std::string illegal(const OptionContext &, const Schedule &schedule) const override {
    return schedule.flip && !schedule.atom ? "flip: needs tc" : "";
  }
  /// Either way round; panels are of the side that comes to the atom's columns.
  std::vector<Schedule> candidates(const OptionContext &, const Schedule &schedule) const override {
    if (!schedule.atom)
      return {};
    Schedule next = schedule;
    next.flip = !schedule.flip;
    next.packs.clear();
    Schedule turned = next;
    for (auto [buffer, order] : schedule.packs) {
      for (char &side : order)
        side = side == 'm' ? 'n' : side == 'n' ? 'm' : side;
      turned.packs[buffer] = order;
    }
    return {next, turned};
  }
};

} // namespace

const Option &flip() {
  static const Flip option;
  return option;
}

} // namespace tgc::option
