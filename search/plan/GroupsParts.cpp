#include "search/plan/GroupsParts.h"

namespace tgc {

void GroupsParts::refuseForGroups() const {
  refuseForFragments();
  refuse(!schedule.cluster.empty(), "cluster", "threads copy into their own block's memory");
  refuse(schedule.producers != 0, "warps", "every group copies for itself");
  refuse(schedule.pingpong, "pingpong", "groups wait for their own products");
  refuse(schedule.overlap, "overlap", "groups wait for their own products");
  refuse(schedule.persistent, "persistent",
         "a block has one tile, and several blocks share a multiprocessor");
  refuse(schedule.slots.value_or(0) > 1, "slots", "a group stores at once what it has staged, from one");
}

int64_t GroupsParts::rowBytesOf(int64_t bytes) {
  int64_t whole = roundUp(bytes, 32);
  return whole % 128 == 0 ? 128 : whole % 64 == 0 ? 64 : 32;
}

std::string GroupsParts::planAsync(const PipePlan &plan, const OperandInfo &operand, bool depthInRows,
                                   const Side &side, const Side &depth, int64_t rowBytes,
                                   OperandPlan &made) const {
  made = OperandPlan();
  if (std::string reason = planOperandInBoxes(kernel, operand, depthInRows, side, depth, made, 0, rowBytes);
      !reason.empty())
    return reason;
  for (const BoxPlan &box : made.boxes)
    if (std::string reason = planPieces(kernel, plan, box); !reason.empty())
      return reason;
  made.copy = "async";
  made.stages = plan.roles->stages;
  return "";
}

} // namespace tgc
