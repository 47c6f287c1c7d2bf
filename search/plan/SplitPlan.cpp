// Judges split(a,n) join(launch) of a kernel without a matrix atom.
// 1. One axis, which no remap moves along, in equal parts.
// 2. The reductions over it are of kinds that parts can be combined of, run over the same axes, leave the same axes,
//    and need no other reduction.
// 3. Of the other axes they run over, those stay in the partial results that are closer together in memory than the
//    split axis: so lanes of a short innermost axis are not reduced until the join. A sum of products is reduced over
//    all of them.
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

bool joins(ReductionKind kind) {
  return kind != ReductionKind::ArgMax && kind != ReductionKind::ArgMin && kind != ReductionKind::Softmax;
}

/// The least distance in memory that a load moves along the axis.
int64_t nearest(const KernelInfo &kernel, int axis) {
  int64_t least = INT64_MAX;
  for (const Access &access : kernel.accesses)
    if (std::optional<int64_t> stride = access.strideOf(axis, kernel.buffers[access.buffer]);
        !access.store && stride && *stride != 0)
      least = std::min(least, std::abs(*stride));
  return least;
}

} // namespace

PartsResult planSplit(const KernelInfo &kernel, const Schedule &schedule) {
  auto refuse = [](std::string reason) { return PartsResult{std::nullopt, std::move(reason)}; };
  Schedule alone;
  alone.split = schedule.split;
  alone.join = schedule.join;
  if (schedule.split.size() != 1 || schedule.join != "launch" || !(schedule == alone))
    return refuse(
        "split: without tc it is split(a,n) join(launch) alone; the parts have schedules of their own");
  SplitPlan plan;
  std::optional<int> axis = kernel.axisNamed(schedule.split.begin()->first);
  plan.parts = schedule.split.begin()->second;
  if (!axis || kernel.axes[*axis].extent % plan.parts != 0)
    return refuse("split: does not divide");
  plan.axis = *axis;
  if (kernel.axes[*axis].remapped)
    return refuse("split: a value is used at another place along the axis");
  const ReductionInfo *first = nullptr;
  for (size_t i = 0; i < kernel.reductions.size(); ++i) {
    const ReductionInfo &reduction = kernel.reductions[i];
    if (std::find(reduction.over.begin(), reduction.over.end(), *axis) == reduction.over.end())
      continue;
    if (!joins(reduction.kind))
      return refuse(fmt::format("split: parts of {} are not joined", nameOf(reduction.kind)));
    if (bytesOf(reduction.accumulator) < 4 && reduction.accumulator != ElementType::I1)
      return refuse("split: partial results would be rounded");
    if (reduction.level != 1)
      return refuse("split: a reduction over the axis needs another reduction");
    first = first ? first : &reduction;
    if (reduction.over != first->over || reduction.result != first->result)
      return refuse("split: reductions over the axis run over different axes");
    plan.reductions.push_back(int(i));
    if (reduction.kind == ReductionKind::Contract)
      continue;
    for (int other : reduction.over)
      if (other != *axis && nearest(kernel, other) < nearest(kernel, *axis) &&
          std::find(plan.kept.begin(), plan.kept.end(), other) == plan.kept.end())
        plan.kept.push_back(other);
  }
  if (!first)
    return refuse("split: nothing is reduced over the axis");
  for (int other : plan.kept)
    if (kernel.axes[other].remapped)
      return refuse("split: a value is used at another place along an axis that the join reduces");
  bool products = std::any_of(plan.reductions.begin(), plan.reductions.end(), [&](int reduction) {
    return kernel.reductions[reduction].kind == ReductionKind::Contract;
  });
  if (products)
    plan.kept.clear();
  return {std::move(plan), ""};
}

} // namespace tgc
