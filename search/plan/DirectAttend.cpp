// The pipe's plan of attention on a device whose groups read operands straight into registers.
// 1. Sides as for other fragments; each group owns rows of the queries' tile, with scores, weights and result in
//    registers.
// 2. Queries and keys are read along the depth, padded with 0 to the atom's; values keys × columns.
// 3. Value columns may be tiled: blocks of other columns compute the same scores again. So heads come that are wider than
//    the registers.
// 4. Registers of a thread: result, scores, the weights as an operand, and a step of the others' fragments.
#include "search/plan/DirectParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

class DirectAttendPlanner : DirectParts {
public:
  using DirectParts::DirectParts;

  Plan run() {
    const AttendInfo &attend = *kernel.attend;
    if (!attend.scores)
      throw Refusal{"tc: the weights are no contraction of queries and keys"};
    refuseForDirect();
    refuse(schedule.warpsN != 1, "warps", "groups divide the queries");
    const Atom &atom = planAttention(plan, /*tiledColumns=*/true);
    plan.neighbours = atom.neighbours;
    planGroups(atom);
    const ContractInfo &scores = *attend.scores;
    const RolesPlan &roles = *plan.roles;
    plan.a = planOperand(plan, atom, scores.lhs, /*left=*/true, plan.m, roles.fragmentRows, plan.k, false);
    plan.b = planOperand(plan, atom, scores.rhs, /*left=*/false, plan.n, plan.n.extent(), plan.k);
    plan.v = planOperand(plan, atom, attend.values, /*left=*/false,
                         *paddedSide(plan.e, roles.fragmentColumns), roles.fragmentColumns, plan.n);
    plan.a.prefetch.reset(); // read once
    // Blocks ahead of the last one lie outside of memory only where one axis counts them.
    if (std::count_if(plan.n.axes.begin(), plan.n.axes.end(),
                      [](const TiledAxis &axis) { return axis.tiles() > 1; }) > 1) {
      plan.b.prefetch.reset();
      plan.v.prefetch.reset();
    }
    finish(plan, plan.e);
    planBlockStores(plan, atom, plan.e);
    for (const StorePlan &store : plan.stores)
      if (!store.blocks && roles.fragmentColumns != plan.e.extent())
        throw Refusal{"tile: columns behind the last are clipped by stores of blocks alone"};
    result.launches = {launchDirect(plan, plan.m.tiles() * plan.e.tiles())};
    result.body = std::move(plan);
    return std::move(result);
  }

private:
  void planGroups(const Atom &atom) {
    int64_t queries = plan.m.extent(), keys = plan.n.extent(), columns = roundUp(plan.e.extent(), atom.n);
    // A value a row is a lane's: rows come in whole subgroups.
    int64_t step = std::max(atom.m, atom.n) * schedule.warpsM;
    if (queries % step != 0)
      throw Refusal{
          fmt::format("tile: {} queries, {} groups take multiples of {}", queries, schedule.warpsM, step)};
    if (keys % std::max(atom.k, atom.n) != 0)
      throw Refusal{
          fmt::format("tile: {} keys, the atom takes multiples of {}", keys, std::max(atom.k, atom.n))};
    for (const TiledAxis &axis : plan.e.axes)
      if (axis.tile != axis.extent && (axis.ragged() || axis.tile % atom.n != 0))
        throw Refusal{fmt::format("tile({},{}): tiles of value columns divide them and are multiples of {}",
                                  kernel.axes[axis.axis].name, axis.tile, atom.n)};
    if (columns != plan.e.extent() && !paddedSide(plan.e, columns))
      throw Refusal{fmt::format("tile: {} value columns of several axes, the atom has multiples of {}",
                                plan.e.extent(), atom.n)};
    RolesPlan roles = makeRoles(atom, queries / schedule.warpsM, columns);
    roles.holdLeft = holdsQueries();
    int64_t rows = roles.fragmentRows, depth = roundUp(plan.k.extent(), atom.k);
    const AttendInfo &attend = *kernel.attend;
    bool blocks = copyOf(attend.scores->rhs) == "block2d" && copyOf(attend.values) == "block2d";
    int64_t left = rows * (roles.holdLeft ? depth : 2 * atom.k) / 2;
    // Weights take the scores' place, of which some are still there; of keys and values a block is read at a time, at most
    // two steps of two atoms' columns. Element by element a step of all value columns comes at once, every thread has
    // addresses of its own, and the device's compiler keeps the queries, of wide heads as many as there is room for.
    int64_t reads = 4 * atom.k / 2 * atom.n;
    if (!blocks) {
      constexpr int64_t addresses = 40, kept = 160;
      left = rows * std::min(depth, kept) / 2;
      reads = atom.k * columns / 2 + addresses * atom.threads;
    }
    int64_t fragments = rows * columns + rows * keys + rows * keys / 4 + left + reads;
    planRegisters(roles, atom, fragments / atom.threads, result);
    plan.atomM = atom.m;
    plan.atomN = keys;
    plan.roles = roles;
  }

  PipePlan plan;
  Plan result;
};

} // namespace

Plan planDirectAttend(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  return DirectAttendPlanner(kernel, schedule, device).run();
}

} // namespace tgc
