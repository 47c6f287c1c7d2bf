// The pipe's plan of a contraction on a device whose groups read operands straight into registers: no block memory, no
// rings, and a distance of prefetches in the place of stages.
// 1. Sides as for other fragments; groups divide rows and columns of the tile between them.
// 2. Each operand comes as blocks of memory, along the depth or (right) along its side, or element by element.
// 3. Sums of a group, a step of its operands and what is beside them fit a thread's registers, or the large ones.
// 4. Stores: blocks of the atom's size; else every thread what it holds.
// A side of one point has no axes in the plan, and the atom's number of rows or columns: of a vector the first row counts
// (its others are 0 or the same), or the first column, which the threads share out among them at the end.
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
    dropSinglePoint(plan.m);
    dropSinglePoint(plan.n);
    refuse(plan.m.axes.empty() && plan.n.axes.empty(), "tc", "neither side has more than one point");
    refuse(plan.n.axes.empty() && !schedule.packs.empty(), "pack", "the right operand is a vector");
    refuse(plan.n.axes.empty() && !contract.complete.empty(), "tc",
           "the result is remapped along rows, of which every thread has its own");
    plan.neighbours = atom.neighbours;
    planGroups(atom, contract);
    result.packs = packRight(packed, plan);
    const RolesPlan &roles = *plan.roles;
    plan.a = planOperand(plan, atom, left(), /*left=*/true, plan.m, roles.fragmentRows, plan.k);
    plan.b = planOperand(plan, atom, right(), /*left=*/false, plan.n, roles.fragmentColumns, plan.k);
    finish(plan, plan.n);
    planBlockStores(plan, atom, plan.n);
    for (const StorePlan &store : plan.stores)
      if (!plan.n.axes.empty() && store.columns % atom.n != 0)
        throw Refusal{fmt::format("tile: {} columns are stored, the atom has {}", store.columns, atom.n)};
    result.launches = {launchDirect(plan, plan.m.tiles() * plan.n.tiles())};
    result.body = std::move(plan);
    return std::move(result);
  }

private:
  static void dropSinglePoint(Side &side) {
    if (std::all_of(side.axes.begin(), side.axes.end(),
                    [](const TiledAxis &axis) { return axis.extent == 1 && axis.tile == 1; }))
      side.axes.clear();
  }

  void planGroups(const Atom &atom, const ContractInfo &contract) {
    int64_t rows = plan.m.axes.empty() ? atom.m : plan.m.extent(),
            columns = plan.n.axes.empty() ? atom.n : plan.n.extent(), depth = plan.k.extent();
    if (plan.n.axes.empty() && rows % (atom.n * schedule.warpsM) != 0)
      throw Refusal{fmt::format("tile: {} rows of one column, {} groups of {} threads share them out", rows,
                                schedule.warpsM, atom.n)};
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
