#include "search/plan/GroupsParts.h"

#include <fmt/format.h>

namespace tgc {

void GroupsParts::refuseForGroups() const {
  auto refuse = [](bool there, const char *option, const char *reason) {
    if (there)
      throw Refusal{fmt::format("{}: {}", option, reason)};
  };
  refuse(schedule.producers != 0, "warps", "every group copies for itself");
  refuse(schedule.pingpong, "pingpong", "groups wait for their own products");
  refuse(schedule.overlap, "overlap", "groups wait for their own products");
  refuse(!schedule.cluster.empty(), "cluster", "operands are fetched by each block");
  refuse(!schedule.split.empty(), "split", "the pipe walks a sum in one block");
  refuse(!schedule.padTo.empty(), "padto", "tiles need not divide the extent");
  refuse(schedule.prefetch.has_value(), "prefetch", "the ring fetches ahead");
  refuse(schedule.persistent, "persistent", "a block has one tile, and several blocks share a multiprocessor");
}

const Atom &GroupsParts::exactAtom(ElementType accumulator, ElementType operand) const {
  for (const Atom &candidate : device.atoms)
    if (candidate.name == *schedule.atom && candidate.accumulator == accumulator && candidate.a == operand &&
        candidate.b == operand)
      return candidate;
  throw Refusal{fmt::format("tc({}): no such atom multiplies {} into {}", *schedule.atom, nameOf(operand),
                            nameOf(accumulator))};
}

int64_t GroupsParts::rowBytesOf(int64_t bytes) {
  int64_t whole = roundUp(bytes, 32);
  return whole % 128 == 0 ? 128 : whole % 64 == 0 ? 64 : 32;
}

std::string GroupsParts::planAsync(const PipePlan &plan, const OperandInfo &operand, bool depthInRows, const Side &side,
                                   const Side &depth, int64_t rowBytes, OperandPlan &made) const {
  made = OperandPlan();
  if (std::string reason = planOperandInBoxes(kernel, operand, depthInRows, side, depth, made, 0, rowBytes); !reason.empty())
    return reason;
  for (const BoxPlan &box : made.boxes)
    if (std::string reason = planPieces(kernel, plan, box); !reason.empty())
      return reason;
  made.copy = "async";
  made.stages = plan.roles->stages;
  return "";
}

} // namespace tgc
