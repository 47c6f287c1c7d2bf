// The pipe's plan of a contraction on a device whose groups read operands straight into registers: no block memory, no
// rings, and a distance of prefetches in the place of stages.
// 1. Sides as for other fragments; groups divide rows and columns of the tile between them.
// 2. Each operand comes as blocks of memory, along the depth or (right) along its side, or element by element.
// 3. Sums of a group, a step of its operands and what is beside them fit a thread's registers, or the large ones.
// 4. Stores: blocks of the atom's size; else every thread what it holds.
#include "search/plan/DirectParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

class DirectPlanner : DirectParts {
public:
  /// `kernel` becomes the kernel after packing.
  DirectPlanner(KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device)
      : DirectParts(kernel, schedule, device), packed(kernel) {}

  Plan run() {
    const ContractInfo &contract = *kernel.contract;
    refuseForDirect();
    const Atom &atom = planProduct(plan, depthSide(contract.k, left()));
    plan.neighbours = atom.neighbours;
    planGroups(atom, contract);
    result.packs = packRight(packed, plan);
    const RolesPlan &roles = *plan.roles;
    plan.a = planOperand(plan, atom, left(), /*left=*/true, plan.m, roles.fragmentRows, plan.k);
    plan.b = planOperand(plan, atom, right(), /*left=*/false, plan.n, roles.fragmentColumns, plan.k);
    finish(plan, plan.n);
    planBlockStores(plan, atom, plan.n);
    for (const StorePlan &store : plan.stores)
      if (store.columns % atom.n != 0)
        throw Refusal{fmt::format("tile: {} columns are stored, the atom has {}", store.columns, atom.n)};
    result.launches = {launchDirect(plan, plan.m.tiles() * plan.n.tiles())};
    result.body = std::move(plan);
    return std::move(result);
  }

private:
  void planGroups(const Atom &atom, const ContractInfo &contract) {
    int64_t rows = plan.m.extent(), columns = plan.n.extent(), depth = plan.k.extent();
    if (rows % (atom.m * schedule.warpsM) != 0)
      throw Refusal{
          fmt::format("tile: {} rows, {} groups take multiples of {}", rows, schedule.warpsM, atom.m)};
    if (columns % (atom.n * schedule.warpsN) != 0)
      throw Refusal{
          fmt::format("tile: {} columns, {} groups take multiples of {}", columns, schedule.warpsN, atom.n)};
    if (schedule.warpsN > 1 && !contract.complete.empty())
      throw Refusal{"warps: the result is remapped along columns that one group must have"};
    if (depth % atom.k != 0)
      throw Refusal{fmt::format("tile: the depth is {}, the atom has {}", depth, atom.k)};
    RolesPlan roles = makeRoles(atom, rows / schedule.warpsM, columns / schedule.warpsN);
    int64_t sums = roles.fragmentRows * roles.fragmentColumns;
    int64_t step = (roles.fragmentRows + roles.fragmentColumns) * depth * bytesOf(atom.a) / 4;
    planRegisters(roles, atom, (sums + step) / atom.threads, result);
    plan.atomM = atom.m;
    plan.atomN = columns;
    plan.roles = roles;
  }

  KernelInfo &packed;
  PipePlan plan;
  Plan result;
};

} // namespace

Plan planDirectContract(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  KernelInfo packed = kernel;
  return DirectPlanner(packed, schedule, device).run();
}

} // namespace tgc
