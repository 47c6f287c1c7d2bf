// The one list of schedule options.
#include "search/options/Option.h"

namespace tgc {

namespace option {
// One a file of this folder.
const Option &local(), &upcast(), &unroll(), &group(), &padTo(), &order(), &noLocals(), &hold();
const Option &tc(), &flip(), &tile(), &warps(), &pingPong(), &overlap(), &copy(), &stage(), &cluster();
const Option &persistent(), &raster(), &split(), &join(), &slots(), &prefetch(), &pack(), &winograd(),
    &unfold();
} // namespace option

const std::vector<const Option *> &options() {
  using namespace option;
  static const std::vector<const Option *> list = {
      &local(), &upcast(),   &unroll(),  &group(),      &padTo(),  &order(),    &noLocals(),
      &hold(),  &tc(),       &flip(),    &tile(),       &warps(),  &pingPong(), &overlap(),
      &copy(),  &stage(),    &cluster(), &persistent(), &raster(), &split(),    &join(),
      &slots(), &prefetch(), &pack(),    &winograd(),   &unfold(),
  };
  return list;
}

const Option *findOption(std::string_view name) {
  for (const Option *option : options())
    if (name == option->name())
      return option;
  return nullptr;
}

std::string illegalOption(const OptionContext &context, const Schedule &schedule) {
  for (const Option *option : options())
    if (std::string reason = option->illegal(context, schedule); !reason.empty())
      return reason;
  return "";
}

} // namespace tgc
