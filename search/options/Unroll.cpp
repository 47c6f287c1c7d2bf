// unroll(a,n): n steps of a reduced axis side by side, lanes of vectors where they are contiguous.
#include "search/options/Option.h"

namespace tgc::option {
namespace {

struct Unroll : LoopOption {
  Unroll() : LoopOption("unroll", SplitKind::Unroll) {}
  std::string refuses(const OptionContext &, const AxisInfo &axis) const override {
    return axis.reduced ? "" : "the axis is not reduced";
  }
  std::vector<int64_t> factors(const OptionContext &context) const override {
    if (context.device.maxThreads == 1)
      return {2, 4, 8, 16, 32, 64};
    return {2, 4, 5, 7, 8};
  }
};

} // namespace

const Option &unroll() {
  static const Unroll option;
  return option;
}

} // namespace tgc::option
