// Judges winograd(n).
// 1. The one reduction is a sum of products in f32 of data, loaded as it is, and of weights alone.
// 2. The data has two windows of three taps over places of the results in whole tiles. Where there are more, those
//    over the most places are taken.
// 3. No other reduced axis moves the data along with an axis of the results: the transformed data would hold it
//    once for each.
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

constexpr int64_t taps = 3;

class WinogradPlanner {
public:
  WinogradPlanner(const KernelInfo &kernel, int64_t tile) : kernel(kernel), tile(tile) {}

  PartsResult run() {
    if (kernel.reductions.size() != 1 || !kernel.contract)
      return refuse("the kernel is not one sum of products");
    const ContractInfo &contract = *kernel.contract;
    if (kernel.reductions[0].accumulator != ElementType::F32 || contract.lhs.type != ElementType::F32 ||
        contract.rhs.type != ElementType::F32)
      return refuse("products other than f32 lose too much");
    if (std::any_of(kernel.axes.begin(), kernel.axes.end(),
                    [](const AxisInfo &axis) { return axis.remapped; }))
      return refuse("a value is used at another place along an axis");
    std::string reason;
    for (bool flip : {false, true}) {
      std::string why = plan(flip);
      if (why.empty())
        return {made, ""};
      // The side with the weights on the right is the usual one: its reason is the one to read.
      if (reason.empty())
        reason = why;
    }
    return refuse(reason);
  }

private:
  static PartsResult refuse(const std::string &reason) { return {std::nullopt, "winograd: " + reason}; }

  std::string plan(bool flip) {
    const ContractInfo &contract = *kernel.contract;
    const OperandInfo &data = flip ? contract.rhs : contract.lhs,
                      &weights = flip ? contract.lhs : contract.rhs;
    const std::vector<int> &results = flip ? contract.n : contract.m;
    for (int position : weights.accesses)
      if (!kernel.buffers[kernel.accesses[position].buffer].free)
        return "the taps are no weights";
    if (!data.plain)
      return "the data is computed";
    const Access &load = kernel.accesses[data.accesses.front()];
    if (load.guarded && !load.zeroOutside)
      return "the data is padded with other than zeros, or has conditions";
    std::vector<WindowInfo> windows;
    for (const WindowInfo &window : load.windows)
      if (kernel.axes[window.tap].extent == taps && placesOf(window) % tile == 0 &&
          tile % innerOf(window) == 0)
        windows.push_back(window);
    if (windows.size() < 2)
      return fmt::format("there are no two axes of {} taps of stride 1 with results in whole tiles of {}",
                         taps, tile);
    std::stable_sort(windows.begin(), windows.end(),
                     [&](const WindowInfo &a, const WindowInfo &b) { return placesOf(a) > placesOf(b); });
    if (windows[1].tap < windows[0].tap)
      std::swap(windows[0], windows[1]);
    if (windows[0].tap == windows[1].tap)
      return "an axis has several windows";
    for (int other : contract.k)
      if (other != windows[0].tap && other != windows[1].tap && movesWithResult(load, other, results))
        return "another reduced axis moves along with the results";
    made = {tile, flip, windows[0], windows[1]};
    return "";
  }

  int64_t placesOf(const WindowInfo &window) const {
    int64_t places = 1;
    for (int axis : window.axes)
      places *= kernel.axes[axis].extent;
    return places;
  }
  int64_t innerOf(const WindowInfo &window) const {
    return window.axes.size() > 1 ? kernel.axes[window.axes.back()].extent : 1;
  }

  static bool movesWithResult(const Access &load, int reduced, const std::vector<int> &results) {
    return std::any_of(load.indices.begin(), load.indices.end(), [&](const LinearIndex &index) {
      return index.coefficients[reduced] != 0 && std::any_of(results.begin(), results.end(), [&](int axis) {
               return index.coefficients[axis] != 0;
             });
    });
  }

  const KernelInfo &kernel;
  int64_t tile;
  WinogradPlan made;
};

} // namespace

PartsResult planWinograd(const KernelInfo &kernel, const Schedule &schedule) {
  Schedule alone;
  alone.winograd = schedule.winograd;
  if (!(schedule == alone))
    return {std::nullopt, "winograd: it stands alone; the parts have schedules of their own"};
  return WinogradPlanner(kernel, *schedule.winograd).run();
}

} // namespace tgc
