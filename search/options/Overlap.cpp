// overlap: the next block's scores are computed beside this block's softmax.
#include "search/options/Option.h"

#include <algorithm>

namespace tgc::option {
namespace {

struct Overlap : FlagOption {
  Overlap() : FlagOption("overlap", &Schedule::overlap) {}
  std::string illegal(const OptionContext &context, const Schedule &schedule) const override {
    if (!schedule.overlap)
      return "";
    if (!context.kernel.attend || !schedule.atom)
      return "overlap: only attention by a matrix instruction has two contractions";
    bool asynchronous = std::any_of(context.device.atoms.begin(), context.device.atoms.end(),
                                    [](const Atom &atom) { return atom.asynchronous; });
    return asynchronous ? "" : "overlap: the device's atoms are synchronous";
  }
};

} // namespace

const Option &overlap() {
  static const Overlap option;
  return option;
}

} // namespace tgc::option
