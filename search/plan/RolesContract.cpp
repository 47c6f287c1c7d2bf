// The pipe's plan of a contraction by atoms that run beside their threads: producers fetch boxes into a ring,
// consumers hold the sums in registers and store them through slots.
// 1. Sides as for other atoms; tiles may be larger than their axes, as the copy engine fills with 0. A side's order
//    follows the store, axes that are not stored outermost.
// 2. Each operand is a load that the engine can move, contiguous along the depth (side × depth in block memory) or
//    along its side (depth × side, where the atom can transpose). A free weight may be transposed ahead
//    (RolesPack).
// 3. Sums of a consumer: its rows (all of the tile with pingpong, else its share) × the tile's columns. They and
//    what the epilogue needs fit the registers that producers leave.
// 4. Stores: staged where a piece of 64 rows is a box of the buffer and the type has 16 bits; else from registers.
// 5. Ring, slots and barriers fit block memory. Grid: one block a multiprocessor, or one a tile.
#include "search/plan/Boxes.h"
#include "search/plan/FragmentParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

/// Registers of a consumer beside its sums, and at entry of the instruction's operands.
constexpr int64_t spareRegisters = 40, entryRegisters = 26;

class RolesPlanner : FragmentParts {
public:
  /// `kernel` becomes the kernel after packing.
  RolesPlanner(KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device)
      : FragmentParts(kernel, schedule, device), packed(kernel) {}

  Plan run() {
    const ContractInfo &contract = *kernel.contract;
    refuseOptions();
    Side depth = depthSide(contract.k, left());
    atom = &planProduct(plan, depth);
    planGroups();
    planCluster();
    result.packs = packRight(packed, plan);
    // Blocks of a cluster have different rows and the same columns, or the other way round.
    bool rows = plan.m.find(plan.roles->clusterAxis);
    plan.a = planOperand(left(), plan.m, plan.roles->cluster > 1 && !rows);
    plan.b = planOperand(right(), plan.n, plan.roles->cluster > 1 && rows);
    finish(plan, plan.n);
    plan.roles->slots = planStores(kernel, plan, plan.n);
    return planLaunch();
  }

private:
  void refuseOptions() const {
    refuseForFragments();
    refuse(schedule.producers != 1, "warps", "one group produces, as in 2+1");
    refuse(schedule.warpsN != 1, "warps", "consumers divide the rows");
    refuse(schedule.overlap, "overlap", "there is no second product");
    refuse(schedule.pingpong && schedule.warpsM != 2, "pingpong", "two consumers take turns");
  }

  void planGroups() {
    RolesPlan roles;
    roles.consumers = schedule.warpsM;
    roles.groupThreads = atom->threads;
    roles.pingpong = schedule.pingpong;
    int64_t rows = plan.m.extent(), columns = plan.n.extent(), share = roles.pingpong ? 1 : roles.consumers;
    if (rows % (atom->m * share) != 0)
      throw Refusal{
          fmt::format("tile: {} rows, {} consumers take multiples of {}", rows, share, atom->m * share)};
    if (columns % atom->nStep != 0 || columns > atom->nMax)
      throw Refusal{fmt::format("tile: {} columns, the atom has multiples of {} up to {}", columns,
                                atom->nStep, atom->nMax)};
    roles.fragmentRows = rows / share;
    int64_t sums = roles.fragmentRows * columns / atom->threads;
    int64_t entry = divideRegisters(roles, roles.consumers > 2 ? 32 : 40);
    if (sums + spareRegisters > roles.consumerRegisters)
      throw Refusal{fmt::format("tile: {} sums a thread, of {} registers", sums, roles.consumerRegisters)};
    if (atom->m * columns / atom->threads + entryRegisters > entry)
      throw Refusal{fmt::format("tile: an instruction of {} columns needs more than {} registers at entry",
                                columns, entry)};
    roles.stages = schedule.stages.value_or(4);
    if (roles.stages < 2)
      throw Refusal{"stage: asynchronous products need two fills"};
    roles.slots = schedule.slots.value_or(0);
    plan.atomM = atom->m;
    plan.atomN = columns;
    result.registers = roles.consumerRegisters;
    plan.roles = roles;
  }

  void planCluster() {
    if (schedule.cluster.empty())
      return;
    refuse(schedule.cluster.size() > 1, "cluster", "blocks are neighbours along one axis");
    const auto &[name, blocks] = *schedule.cluster.begin();
    int axis = *kernel.axisNamed(name);
    const TiledAxis *tiled = plan.m.find(axis) ? plan.m.find(axis) : plan.n.find(axis);
    if (!tiled)
      throw Refusal{fmt::format("cluster({},{}): both operands move with the axis", name, blocks)};
    if (tiled->tiles() % blocks != 0)
      throw Refusal{fmt::format("cluster({},{}): {} tiles along the axis", name, blocks, tiled->tiles())};
    plan.roles->cluster = blocks;
    plan.roles->clusterAxis = axis;
  }

  /// With `shared` the tile is fetched in as many equal parts as the cluster has blocks.
  OperandPlan planOperand(const OperandInfo &operand, const Side &side, bool shared) {
    const std::string &name = requireFetched(operand, "tma");
    ElementType type = kernel.buffers[kernel.accesses[operand.accesses.front()].buffer].type;
    OperandPlan made;
    int64_t depth = plan.k.extent(), depthBytes = depth * bytesOf(type);
    if (depthBytes % (boxRowBytes / 2) != 0)
      throw Refusal{fmt::format("tile: the depth is {}, rows of block memory have multiples of {}", depth,
                                boxRowBytes / 2 / bytesOf(type))};
    int64_t rowBytes = depthBytes % boxRowBytes == 0 ? boxRowBytes : boxRowBytes / 2;
    int64_t blocks = shared ? plan.roles->cluster : 1;
    constexpr int64_t period = 8; // rows after which exchanges repeat
    if (side.extent() % (blocks * period) != 0)
      throw Refusal{fmt::format("cluster: {} points of {} in {} parts", side.extent(), name, blocks)};
    std::string reason = planOperandByEngine(kernel, operand, /*depthInRows=*/false, side, plan.k, made,
                                             side.extent() / blocks, rowBytes);
    if (!reason.empty()) {
      made = OperandPlan();
      std::string other = bytesOf(type) == 2
                              ? planOperandByEngine(kernel, operand, /*depthInRows=*/true, side, plan.k, made)
                              : "the atom takes it only so";
      if (!other.empty())
        throw Refusal{
            fmt::format("copy({},tma): along the depth: {}; along its side: {}", name, reason, other)};
    }
    if (shared && !made.choices.empty())
      throw Refusal{fmt::format("cluster: {} does not always come from one place", name)};
    made.shared = shared;
    made.stages = plan.roles->stages;
    if (int64_t(made.fetches.size()) % blocks != 0)
      throw Refusal{
          fmt::format("cluster: {} comes in {} boxes, for {} blocks", name, made.fetches.size(), blocks)};
    return made;
  }

  Plan planLaunch() {
    int64_t stages = plan.roles->stages;
    LaunchPlan launch =
        launchRoles(plan, plan.m.tiles() * plan.n.tiles(),
                    stages * (inBlock(plan.a.tileBytes) + inBlock(plan.b.tileBytes)), 16 * stages);
    result.launches = {launch};
    result.body = std::move(plan);
    return std::move(result);
  }

  KernelInfo &packed;
  PipePlan plan;
  Plan result;
  const Atom *atom = nullptr;
};

} // namespace

Plan planRolesContract(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  KernelInfo packed = kernel;
  return RolesPlanner(packed, schedule, device).run();
}

} // namespace tgc
