// The pipe's plan of a contraction by atoms that their threads wait for (a warp's), on a device whose threads
// copy to block memory without waiting.
// 1. Sides as for asynchronous atoms; groups divide rows and columns of the tile between them.
// 2. Operands are loads in boxes, contiguous along the depth or along their side; a free weight may be
// transposed ahead. Rows of block memory are as wide as
//    the depth of a step, up to 128 bytes.
// 3. Sums of a group, two steps of its operands and what the epilogue needs fit a thread's registers.
// 4. Stores: staged in pieces of 16 rows; else from registers.
#include "search/plan/GroupsParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

/// Registers of a thread beside sums and operands, and for every store but the first: the assembler computes
/// ahead what several of them have in common.
constexpr int64_t spareRegisters = 40, storeRegisters = 80;

class GroupsPlanner : GroupsParts {
public:
  /// `kernel` becomes the kernel after packing.
  GroupsPlanner(KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device)
      : GroupsParts(kernel, schedule, device), packed(kernel) {}

  Plan run() {
    const ContractInfo &contract = *kernel.contract;
    refuseForGroups();
    atom = &planProduct(plan, depthSide(contract.k, left()));
    planGroups(contract);
    result.packs = packRight(packed, plan);
    plan.a = planOperand(left(), plan.m, plan.roles->fragmentRows);
    plan.b = planOperand(right(), plan.n, plan.roles->fragmentColumns);
    finish(plan, plan.n);
    plan.roles->slots = planStores(kernel, plan, plan.n);
    for (const StorePlan &store : plan.stores)
      if (store.columns % atom->nStep != 0)
        throw Refusal{fmt::format("tile: {} columns are stored, the atom has multiples of {}", store.columns,
                                  atom->nStep)};
    return planLaunch();
  }

private:
  void planGroups(const ContractInfo &contract) {
    RolesPlan roles;
    roles.producers = 0;
    roles.consumers = schedule.warpsM * schedule.warpsN;
    roles.columnGroups = schedule.warpsN;
    roles.groupThreads = atom->threads;
    int64_t rows = plan.m.extent(), columns = plan.n.extent(), depth = plan.k.extent();
    if (rows % (atom->m * schedule.warpsM) != 0)
      throw Refusal{
          fmt::format("tile: {} rows, {} groups take multiples of {}", rows, schedule.warpsM, atom->m)};
    if (columns % (atom->nStep * schedule.warpsN) != 0)
      throw Refusal{fmt::format("tile: {} columns, {} groups take multiples of {}", columns, schedule.warpsN,
                                atom->nStep)};
    if (schedule.warpsN > 1 && !contract.complete.empty())
      throw Refusal{"warps: the result is remapped along columns that one group must have"};
    if (depth % atom->k != 0)
      throw Refusal{fmt::format("tile: the depth is {}, the atom has {}", depth, atom->k)};
    roles.fragmentRows = rows / schedule.warpsM;
    roles.fragmentColumns = columns / schedule.warpsN;
    int64_t step =
        (roles.fragmentRows + roles.fragmentColumns) * atom->k * bytesOf(atom->a) / 4 / atom->threads;
    int64_t fragments = roles.fragmentRows * roles.fragmentColumns / atom->threads + 2 * step;
    int64_t stores = std::count_if(kernel.accesses.begin(), kernel.accesses.end(),
                                   [](const Access &access) { return access.store; });
    int64_t spare = spareRegisters + storeRegisters * (stores - 1);
    int64_t most = registersOfGroups(roles);
    if (fragments + spare > most)
      throw Refusal{fmt::format("tile: {} registers for fragments, there are {}", fragments, most)};
    roles.stages = schedule.stages.value_or(3);
    if (roles.stages < 2)
      throw Refusal{"stage: copies that run beside the product need two fills"};
    roles.slots = schedule.slots.value_or(0);
    plan.atomM = atom->m;
    plan.atomN = columns;
    result.registers = fragments + spare;
    plan.roles = roles;
  }

  OperandPlan planOperand(const OperandInfo &operand, const Side &side, int64_t points) {
    const std::string &name = requireFetched(operand, "async");
    int64_t bytes = bytesOf(operand.type);
    OperandPlan made;
    std::string reason =
        planAsync(plan, operand, false, side, plan.k, rowBytesOf(plan.k.extent() * bytes), made);
    if (reason.empty())
      return made;
    int64_t rowBytes = rowBytesOf(side.extent() * bytes), inRow = rowBytes / bytes;
    std::string other = bytes == 2 ? planAsync(plan, operand, true, side, plan.k, rowBytes, made)
                                   : "the atom takes it only along the depth";
    if (other.empty() && points % inRow != 0 && inRow % points != 0)
      other = fmt::format("a group's {} points begin inside of a row of {}", points, inRow);
    if (!other.empty())
      throw Refusal{
          fmt::format("copy({},async): along the depth: {}; along its side: {}", name, reason, other)};
    return made;
  }

  Plan planLaunch() {
    result.launches = {
        launchRoles(plan, plan.m.tiles() * plan.n.tiles(),
                    plan.roles->stages * (inBlock(plan.a.tileBytes) + inBlock(plan.b.tileBytes)), 0)};
    result.body = std::move(plan);
    return std::move(result);
  }

  KernelInfo &packed;
  PipePlan plan;
  Plan result;
  const Atom *atom = nullptr;
};

} // namespace

Plan planGroupsContract(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  KernelInfo packed = kernel;
  return GroupsPlanner(packed, schedule, device).run();
}

} // namespace tgc
