// local(a,n): n threads of the block along a stored axis.
#include "search/options/Option.h"

namespace tgc::option {
namespace {

struct Local : LoopOption {
  Local() : LoopOption("local", SplitKind::Local) {}
  std::string refuses(const OptionContext &context, const AxisInfo &axis) const override {
    if (context.device.maxThreads == 1)
      return "the device has one thread a block";
    return axis.stored ? "" : "the axis is only reduced";
  }
  std::vector<int64_t> factors(const OptionContext &) const override { return {2, 3, 4, 8, 13, 16, 29, 32}; }
};

} // namespace

const Option &local() {
  static const Local option;
  return option;
}

} // namespace tgc::option
