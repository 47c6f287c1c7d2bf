// The pipe's plan of attention by atoms that their threads wait for: all groups fetch queries, keys and values;
// each owns rows of the queries' tile, with scores, weights and result in registers.
// 1. Sides as for asynchronous atoms: the keys may end inside of a tile along their outermost axis, that block
//    first.
// 2. Queries and keys lie with the depth in rows, padded with 0 to the atom's; values keys × columns. A fill of the
//    ring is a block of keys with its values.
// 3. Registers of a thread: result, scores (the weights take their place) and operands of two steps.
#include "search/plan/GroupsParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

/// Registers of a thread beside its fragments.
constexpr int64_t spareRegisters = 40;

class GroupsAttendPlanner : GroupsParts {
public:
  using GroupsParts::GroupsParts;

  Plan run() {
    const AttendInfo &attend = *kernel.attend;
    if (!attend.scores)
      throw Refusal{"tc: the weights are no contraction of queries and keys"};
    refuseForGroups();
    refuse(schedule.warpsN != 1, "warps", "groups divide the queries");
    const ContractInfo &scores = *attend.scores;
    atom = &planAttention(plan);
    planGroups();
    planOperand(scores.lhs, plan.m, false, plan.a);
    planOperand(scores.rhs, plan.n, false, plan.b);
    planOperand(attend.values, plan.n, true, plan.v);
    finish(plan, plan.e);
    plan.roles->slots = planStores(kernel, plan, plan.e);
    result.launches = {
        launchRoles(plan, plan.m.tiles(),
                    inBlock(plan.a.tileBytes) +
                        plan.roles->stages * (inBlock(plan.b.tileBytes) + inBlock(plan.v.tileBytes)),
                    0)};
    result.body = std::move(plan);
    return std::move(result);
  }

private:
  void planGroups() {
    RolesPlan roles;
    roles.producers = 0;
    roles.consumers = schedule.warpsM;
    roles.groupThreads = atom->threads;
    roles.stages = schedule.stages.value_or(2);
    roles.slots = schedule.slots.value_or(0);
    int64_t queries = plan.m.extent(), keys = plan.n.extent(), columns = plan.e.extent();
    if (queries % (atom->m * roles.consumers) != 0)
      throw Refusal{
          fmt::format("tile: {} queries, {} groups take multiples of {}", queries, roles.consumers, atom->m)};
    if (roles.stages < 2)
      throw Refusal{"stage: copies that run beside the product need two fills"};
    if (keys % atom->k != 0)
      throw Refusal{fmt::format("tile: {} keys, the atom takes multiples of {}", keys, atom->k)};
    if (columns % atom->nStep != 0)
      throw Refusal{
          fmt::format("tile: {} value columns, the atom has multiples of {}", columns, atom->nStep)};
    roles.fragmentRows = queries / roles.consumers;
    roles.fragmentColumns = columns;
    int64_t depth = roundUp(plan.k.extent(), atom->k);
    roles.holdLeft = holdsQueries();
    // Of operands a thread has two bytes an element, two steps of the depth at a time.
    int64_t rows = roles.fragmentRows, left = rows * (roles.holdLeft ? depth : 2 * atom->k) / 2,
            keyStep = keys * atom->k;
    int64_t valueStep = columns * atom->k, weights = rows * keys / 2;
    int64_t fragments = (rows * columns + std::max(rows * keys + left + keyStep,
                                                   weights + valueStep + (roles.holdLeft ? left : 0))) /
                        atom->threads;
    int64_t most = registersOfGroups(roles);
    if (fragments + spareRegisters > most)
      throw Refusal{fmt::format("tile: {} registers for fragments, there are {}", fragments, most)};
    plan.atomM = atom->m;
    plan.atomN = keys;
    result.registers = fragments + spareRegisters;
    plan.roles = roles;
  }

  void planOperand(const OperandInfo &operand, const Side &side, bool values, OperandPlan &made) {
    const std::string &name = requireFetched(operand, "async");
    const Side &inRow = values ? plan.e : plan.k;
    int64_t rowBytes = rowBytesOf(inRow.extent() * bytesOf(operand.type));
    std::string reason = values ? planAsync(plan, operand, true, plan.e, side, rowBytes, made)
                                : planAsync(plan, operand, false, side, plan.k, rowBytes, made);
    if (!reason.empty())
      throw Refusal{fmt::format("copy({},async): {}", name, reason)};
    // A row that is padded would be padded with what follows the piece's.
    if (!made.choices.empty() && inRow.extent() % atom->k != 0)
      throw Refusal{fmt::format("copy({},async): rows of pieces are not padded", name)};
  }

  PipePlan plan;
  Plan result;
  const Atom *atom = nullptr;
};

} // namespace

Plan planGroupsAttend(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  return GroupsAttendPlanner(kernel, schedule, device).run();
}

} // namespace tgc
