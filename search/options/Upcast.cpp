// upcast(a,n): n registers along a stored axis or a row, lanes of vectors where they are contiguous.
#include "search/options/Option.h"

namespace tgc::option {
namespace {

struct Upcast : LoopOption {
  Upcast() : LoopOption("upcast", SplitKind::Upcast) {}
  std::string refuses(const OptionContext &, const AxisInfo &axis) const override {
    return axis.stored ? "" : "the axis is only reduced";
  }
  std::vector<int64_t> factors(const OptionContext &context) const override {
    if (context.device.maxThreads == 1)
      return {2, 3, 4, 6, 8, 16, 32, 64};
    return {2, 3, 4, 5, 7, 8};
  }
};

} // namespace

const Option &upcast() {
  static const Upcast option;
  return option;
}

} // namespace tgc::option
