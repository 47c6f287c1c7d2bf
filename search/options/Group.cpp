// group(a,n): n threads share a reduced axis or a row and combine by shuffles, then shared memory.
#include "search/options/Option.h"

namespace tgc::option {
namespace {

struct Group : LoopOption {
  Group() : LoopOption("group", SplitKind::Group) {}
  std::string refuses(const OptionContext &context, const AxisInfo &axis) const override {
    if (context.device.maxThreads == 1)
      return "the device has one thread a block";
    return axis.reduced ? "" : "the axis is not reduced";
  }
  std::vector<int64_t> factors(const OptionContext &) const override { return {4, 8, 16, 32, 64, 256}; }
};

} // namespace

const Option &group() {
  static const Group option;
  return option;
}

} // namespace tgc::option
