// The pipe's plan of attention by atoms that run beside their threads: a producer fetches queries, keys and values
// into rings; each consumer owns 64 queries of the tile, with scores, weights and result in registers.
// 1. Sides: queries of one side, keys, value columns and the scores' depth; what both operands have is the grid's.
//    Keys may end inside a tile along their outermost axis: that block comes first.
// 2. Queries and keys lie with the depth in rows, padded with 0; values keys × columns, which the atom transposes.
// 3. Registers of a consumer: scores, weights, result, and the queries if they are held.
// 4. Stores as those of contractions; rings, slots and barriers fit block memory.
#include "search/plan/Boxes.h"
#include "search/plan/PipeParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

/// Registers of a consumer beside its fragments.
constexpr int64_t spareRegisters = 32;

class RolesAttendPlanner : PipeParts {
public:
  using PipeParts::PipeParts;

  Plan run() {
    const AttendInfo &attend = *kernel.attend;
    if (!attend.scores)
      throw Refusal{"tc: the weights are no contraction of queries and keys"};
    refuseOptions();
    const ContractInfo &scores = *attend.scores;
    ElementType type = scores.lhs.type;
    if (scores.rhs.type != type || attend.values.type != type)
      throw Refusal{"tc: queries, keys and values have different types"};
    atom = nullptr;
    for (const Atom &candidate : device.atoms)
      if (candidate.name == *schedule.atom && candidate.a == type && candidate.b == type &&
          candidate.accumulator == kernel.reductions[attend.reduction].accumulator && candidate.aFromRegisters)
        atom = &candidate;
    if (!atom)
      throw Refusal{fmt::format("tc({}): no such atom multiplies {} from registers", *schedule.atom, nameOf(type))};
    if (kernel.reductions.size() > 2)
      throw Refusal{"tc: another reduction beside the softmax"};

    plan.atom = atom->name;
    std::vector<int> batch = attend.batch, queries;
    for (int axis : attend.m)
      (usedBy(scores.rhs, axis) || usedBy(attend.values, axis) ? batch : queries).push_back(axis);
    if (std::any_of(attend.n.begin(), attend.n.end(), [&](int axis) { return usedBy(scores.lhs, axis); }))
      throw Refusal{"tc: the queries depend on the keys' axis"};
    plan.batch = makeBatch(batch);
    plan.m = tiledSide(queries, mainAccess(scores.lhs), {});
    plan.n = tiledSide(attend.n, mainAccess(scores.rhs), {});
    plan.k = tiledSide(attend.d, mainAccess(scores.rhs), attend.d);
    plan.e = tiledSide(attend.e, mainAccess(attend.values), attend.e);
    requireWhole(plan, attend.d);
    requireWhole(plan, attend.e);
    requireWhole(plan, attend.complete);
    for (const auto &[name, tile] : schedule.tile)
      if (!plan.find(*kernel.axisNamed(name)))
        throw Refusal{fmt::format("tile({},{}): attention does not have the axis", name, tile)};
    for (size_t i = 1; i < plan.n.axes.size(); ++i)
      if (plan.n.axes[i].ragged())
        throw Refusal{fmt::format("tile({},{}): every block of keys would end inside", kernel.axes[plan.n.axes[i].axis].name,
                                  plan.n.axes[i].tile)};
    planGroups();
    planOperand(scores.lhs, plan.m, plan.k, plan.a, atom->m);
    eachConsumers(plan.a);
    planOperand(scores.rhs, plan.n, plan.k, plan.b, 0);
    planValues(attend.values);
    finish(plan, plan.e);
    plan.roles->slots = planStores(kernel, plan, plan.e);
    return planLaunch();
  }

private:
  void refuseOptions() const {
    auto refuse = [](bool there, const char *option, const char *reason) {
      if (there)
        throw Refusal{fmt::format("{}: {}", option, reason)};
    };
    refuse(schedule.flip, "flip", "queries are the atom's rows");
    refuse(schedule.producers != 1, "warps", "one group produces, as in 2+1");
    refuse(schedule.warpsN != 1, "warps", "consumers divide the queries");
    refuse(!schedule.overlap, "overlap", "the next scores are made beside this block's softmax");
    refuse(!schedule.cluster.empty(), "cluster", "operands are fetched by each block");
    refuse(!schedule.split.empty(), "split", "the pipe walks the keys in one block");
    refuse(!schedule.padTo.empty(), "padto", "tiles need not divide the extent");
    refuse(schedule.prefetch.has_value(), "prefetch", "the rings fetch ahead");
    refuse(!schedule.packs.empty(), "pack", "attention has no weights");
  }

  bool usedBy(const OperandInfo &operand, int axis) const {
    return std::any_of(operand.accesses.begin(), operand.accesses.end(),
                       [&](int access) { return kernel.accesses[access].uses[axis]; });
  }

  /// As makeSide, but a tile may be larger than its axis: the copy engine fills with 0.
  Side tiledSide(const std::vector<int> &axes, const Access *guide, const std::vector<int> &whole) const {
    Side side = makeSide(axes, guide, whole);
    for (TiledAxis &axis : side.axes)
      if (auto tile = schedule.tile.find(kernel.axes[axis.axis].name); tile != schedule.tile.end())
        axis.tile = tile->second;
    return side;
  }

  void planGroups() {
    RolesPlan roles;
    roles.consumers = schedule.warpsM;
    roles.groupThreads = atom->threads;
    roles.pingpong = schedule.pingpong;
    roles.fragmentRows = atom->m;
    roles.stages = schedule.stages.value_or(2);
    roles.slots = schedule.slots.value_or(0);
    if (plan.m.extent() != atom->m * roles.consumers)
      throw Refusal{fmt::format("tile: {} queries, {} consumers take {} each", plan.m.extent(), roles.consumers, atom->m)};
    if (roles.stages < 2)
      throw Refusal{"stage: asynchronous products need two fills"};
    int64_t keys = plan.n.extent(), columns = roundUp(plan.e.extent(), atom->nStep);
    if (keys % atom->k != 0 || keys > atom->nMax)
      throw Refusal{fmt::format("tile: {} keys, the atoms take multiples of {} up to {}", keys, atom->k, atom->nMax)};
    if (columns != plan.e.extent() || columns > atom->nMax)
      throw Refusal{fmt::format("tile: {} value columns, the atom has multiples of {} up to {}", plan.e.extent(),
                                atom->nStep, atom->nMax)};
    int64_t depth = roundUp(plan.k.extent(), atom->k);
    for (const std::string &buffer : schedule.hold) {
      const OperandInfo &queries = kernel.attend->scores->lhs;
      if (queries.accesses.size() != 1 || kernel.buffers[kernel.accesses[queries.accesses[0]].buffer].name != buffer)
        throw Refusal{fmt::format("hold({}): queries may be held", buffer)};
      roles.holdLeft = true;
    }
    divideRegisters(roles, roles.consumers > 2 ? 32 : 24);
    int64_t fragments = atom->m * (keys * 4 + keys * 2 + columns * 4 + (roles.holdLeft ? depth * 2 : 0)) / 4 / atom->threads;
    if (fragments + spareRegisters > roles.consumerRegisters)
      throw Refusal{fmt::format("tile: {} registers for fragments, there are {}", fragments, roles.consumerRegisters)};
    plan.atomM = atom->m;
    plan.atomN = keys;
    result.registers = roles.consumerRegisters;
    plan.roles = roles;
  }

  void planOperand(const OperandInfo &operand, const Side &side, const Side &depth, OperandPlan &made, int64_t rows) {
    const std::string &name = requireFetched(operand, /*pieces=*/true);
    // A row that is padded would be padded with what follows the piece's.
    if (operand.pieces && (rows != 0 || depth.extent() % atom->k != 0))
      throw Refusal{fmt::format("copy({},tma): rows of pieces are not padded", name)};
    if (std::string reason = planOperandInBoxes(kernel, operand, /*depthInRows=*/false, side, depth, made, rows);
        !reason.empty())
      throw Refusal{fmt::format("copy({},tma): {}", name, reason)};
    made.stages = plan.roles->stages;
  }

  /// Queries come to each consumer apart: the fetches of the first one, in a tile of its own.
  void eachConsumers(OperandPlan &queries) const {
    int64_t elements = boxRowBytes / bytesOf(queries.type), pieces = queries.tileColumns / elements;
    queries.fetches.resize(pieces);
    for (int64_t i = 0; i < pieces; ++i)
      queries.fetches[i].bytes = i * atom->m * boxRowBytes;
    queries.tileRows = atom->m;
    queries.tileBytes = queries.tileRows * queries.tileColumns * bytesOf(queries.type);
  }

  void planValues(const OperandInfo &operand) {
    const std::string &name = requireFetched(operand, /*pieces=*/true);
    if (std::string reason = planOperandInBoxes(kernel, operand, /*depthInRows=*/true, plan.e, plan.n, plan.v);
        !reason.empty())
      throw Refusal{fmt::format("copy({},tma): {}", name, reason)};
    plan.v.stages = plan.roles->stages;
  }

  Plan planLaunch() {
    const RolesPlan &roles = *plan.roles;
    LaunchPlan launch = launchRoles(plan, plan.m.tiles(),
                                    roles.consumers * inBlock(plan.a.tileBytes) +
                                        roles.stages * (inBlock(plan.b.tileBytes) + inBlock(plan.v.tileBytes)),
                                    16 * (2 * roles.stages + roles.consumers));
    result.launches = {launch};
    result.body = std::move(plan);
    return std::move(result);
  }

  PipePlan plan;
  Plan result;
  const Atom *atom = nullptr;
};

} // namespace

Plan planRolesAttend(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  return RolesAttendPlanner(kernel, schedule, device).run();
}

} // namespace tgc
