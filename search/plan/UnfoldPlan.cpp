// Judges unfold(x).
// 1. The one reduction is a sum of products; x is read for one of its operands, which no other reduction is part of.
// 2. The operand is not yet what unfolding makes of it: loaded as it is, along the depth.
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

bool isUnfolded(const KernelInfo &kernel, const OperandInfo &operand) {
  const std::vector<int> &depth = kernel.contract->k;
  if (!operand.plain || depth.size() != 1)
    return false;
  const Access &access = kernel.accesses[operand.accesses.front()];
  return !access.guarded && access.strideOf(depth.front(), kernel.buffers[access.buffer]) == 1;
}

} // namespace

PartsResult planUnfold(const KernelInfo &kernel, const Schedule &schedule) {
  auto refuse = [](std::string reason) { return PartsResult{std::nullopt, "unfold: " + reason}; };
  Schedule alone;
  alone.unfold = schedule.unfold;
  if (!(schedule == alone))
    return refuse("it stands alone; the parts have schedules of their own");
  if (kernel.reductions.size() != 1 || !kernel.contract)
    return refuse("the kernel is not one sum of products");
  UnfoldPlan plan;
  for (const std::string &name : schedule.unfold) {
    bool found = false;
    for (auto [operand, chosen] :
         {std::pair(&kernel.contract->lhs, &plan.lhs), std::pair(&kernel.contract->rhs, &plan.rhs)}) {
      if (std::none_of(operand->accesses.begin(), operand->accesses.end(), [&](int access) {
            return kernel.buffers[kernel.accesses[access].buffer].name == name;
          }))
        continue;
      if (isUnfolded(kernel, *operand))
        return refuse(fmt::format("{} lies along the depth", name));
      found = *chosen = true;
    }
    if (!found)
      return refuse(fmt::format("{} is in no operand of the product", name));
  }
  return {plan, ""};
}

} // namespace tgc
