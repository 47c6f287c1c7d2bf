// The pipe's plan of attention by atoms that run beside their threads: a producer fetches queries, keys and
// values into rings; each consumer owns 64 queries of the tile, with scores, weights and result in registers.
// 1. Sides: queries of one side, keys, value columns and the scores' depth; what both operands have is the
// grid's.
//    Keys may end inside a tile along their outermost axis: that block comes first.
// 2. Queries and keys lie with the depth in rows, padded with 0; values keys × columns, which the atom
// transposes.
// 3. Registers of a consumer: scores, weights, result, and the queries if they are held.
// 4. Stores as those of contractions; rings, slots and barriers fit block memory.
#include "search/plan/Boxes.h"
#include "search/plan/FragmentParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

/// Registers of a consumer beside its fragments.
constexpr int64_t spareRegisters = 32;

class RolesAttendPlanner : FragmentParts {
public:
  using FragmentParts::FragmentParts;

  Plan run() {
    const AttendInfo &attend = *kernel.attend;
    if (!attend.scores)
      throw Refusal{"tc: the weights are no contraction of queries and keys"};
    refuseOptions();
    const ContractInfo &scores = *attend.scores;
    atom = &planAttention(plan);
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
    refuseForFragments();
    refuse(schedule.producers != 1, "warps", "one group produces, as in 2+1");
    refuse(schedule.warpsN != 1, "warps", "consumers divide the queries");
    refuse(!schedule.cluster.empty(), "cluster", "keys and values are fetched by each block");
    refuse(!schedule.overlap, "overlap", "the next scores are made beside this block's softmax");
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
      throw Refusal{fmt::format("tile: {} queries, {} consumers take {} each", plan.m.extent(),
                                roles.consumers, atom->m)};
    if (roles.stages < 2)
      throw Refusal{"stage: asynchronous products need two fills"};
    int64_t keys = plan.n.extent(), columns = roundUp(plan.e.extent(), atom->nStep);
    if (keys % atom->k != 0 || keys > atom->nMax)
      throw Refusal{
          fmt::format("tile: {} keys, the atoms take multiples of {} up to {}", keys, atom->k, atom->nMax)};
    if (columns != plan.e.extent() || columns > atom->nMax)
      throw Refusal{fmt::format("tile: {} value columns, the atom has multiples of {} up to {}",
                                plan.e.extent(), atom->nStep, atom->nMax)};
    int64_t depth = roundUp(plan.k.extent(), atom->k);
    roles.holdLeft = holdsQueries();
    divideRegisters(roles, roles.consumers > 2 ? 32 : 24);
    int64_t fragments =
        atom->m * (keys * 4 + keys * 2 + columns * 4 + (roles.holdLeft ? depth * 2 : 0)) / 4 / atom->threads;
    if (fragments + spareRegisters > roles.consumerRegisters)
      throw Refusal{
          fmt::format("tile: {} registers for fragments, there are {}", fragments, roles.consumerRegisters)};
    plan.atomM = atom->m;
    plan.atomN = keys;
    result.registers = roles.consumerRegisters;
    plan.roles = roles;
  }

  void planOperand(const OperandInfo &operand, const Side &side, const Side &depth, OperandPlan &made,
                   int64_t rows) {
    const std::string &name = requireFetched(operand, "tma");
    if (std::string reason =
            planOperandByEngine(kernel, operand, /*depthInRows=*/false, side, depth, made, rows);
        !reason.empty())
      throw Refusal{fmt::format("copy({},tma): {}", name, reason)};
    // A row that is padded would be padded with what follows the piece's; consumers that fetch for themselves begin
    // elsewhere than the tile.
    if (!made.choices.empty() && (rows != 0 || depth.extent() % atom->k != 0))
      throw Refusal{fmt::format("copy({},tma): rows of pieces are not padded", name)};
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
    const std::string &name = requireFetched(operand, "tma");
    if (std::string reason =
            planOperandByEngine(kernel, operand, /*depthInRows=*/true, plan.e, plan.n, plan.v);
        !reason.empty())
      throw Refusal{fmt::format("copy({},tma): {}", name, reason)};
    plan.v.stages = plan.roles->stages;
  }

  Plan planLaunch() {
    const RolesPlan &roles = *plan.roles;
    LaunchPlan launch =
        launchRoles(plan, plan.m.tiles(),
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
