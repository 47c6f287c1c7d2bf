// Contractions and attention by atoms that their threads wait for, groups of one warp copying and multiplying alike.
// Contraction: of a list of tiles the one with the least time: waves of the blocks that a multiprocessor holds, times
// the tile's work over what its groups' fragments leave of the atom's rate (small ones read more than they multiply).
// Attention: the first of a few shapes that is legal, larger ones for small heads.
#include "search/plan/PipeParts.h"
#include "search/strategies/heuristic/AtomChoice.h"
#include "search/strategies/heuristic/Heuristic.h"

#include <algorithm>
#include <cmath>

namespace tgc::heuristic {

namespace {

/// Rows × columns of a tile and how its groups lie.
struct Shape {
  int64_t rows, columns, groupsM, groupsN;
};

class GroupsChoice {
public:
  GroupsChoice(const KernelInfo &kernel, const DeviceInfo &device, const Atom &atom)
      : kernel(kernel), device(device), contract(*kernel.contract), tiles(kernel), atom(atom) {}

  std::optional<Schedule> run() {
    constexpr Shape shapes[] = {{128, 256, 2, 4}, {256, 128, 4, 2}, {128, 128, 2, 2}, {128, 96, 2, 2},
                                {128, 64, 2, 2},  {64, 128, 2, 2},  {128, 80, 4, 1},  {64, 64, 2, 2},
                                {128, 160, 4, 1}, {64, 48, 2, 1},   {64, 40, 4, 1},   {32, 64, 2, 2},
                                {64, 32, 2, 2},   {32, 32, 2, 2},   {16, 64, 1, 2},   {128, 16, 4, 1},
                                {128, 8, 4, 1}};
    for (const Shape &shape : shapes)
      for (bool flip : {false, true})
        consider(shape, flip);
    return best;
  }

private:
  void consider(const Shape &shape, bool flip) {
    Schedule schedule;
    schedule.atom = atom.name;
    schedule.flip = flip;
    std::optional<double> count = tiles.tile(shape.rows, shape.columns, schedule);
    if (!count)
      return;
    schedule.warpsM = shape.groupsM;
    schedule.warpsN = shape.groupsN;
    copyAll(kernel, contract.lhs, "async", schedule);
    copyAll(kernel, contract.rhs, "async", schedule);
    int inner = longestAxis(kernel, contract.k);
    const OperandInfo &right = flip ? contract.lhs : contract.rhs;
    if (const BufferInfo *weight = scattered(right, flip ? contract.m : contract.n, inner))
      schedule.packs[weight->name] = flip ? "mk" : "nk";
    int64_t bytes = bytesOf(atom.a);
    for (auto [depthBytes, stages] :
         {std::pair<int64_t, int64_t>(64, 4), {128, 2}, {128, 3}, {64, 3}, {64, 2}, {32, 4}})
      for (int64_t slots : {1, 0}) {
        int64_t extent = kernel.axes[inner].extent, depth = depthBytes / bytes;
        if (depth > atom.k && depth > roundUp(extent, atom.k))
          continue;
        Schedule tried = schedule;
        tried.tile[kernel.axes[inner].name] = depth;
        tried.stages = stages;
        if (slots)
          tried.slots = slots;
        weigh(shape, tried, *count, double(roundUp(extent, depth)) / double(extent) * (slots ? 1 : 1.05),
              depthBytes);
      }
  }

  /// The operand's buffer, if it is a weight that neither lies along the depth nor along its side.
  const BufferInfo *scattered(const OperandInfo &operand, const std::vector<int> &side, int depth) const {
    if (!operand.plain || operand.accesses.size() != 1)
      return nullptr;
    const Access &access = kernel.accesses[operand.accesses.front()];
    const BufferInfo &buffer = kernel.buffers[access.buffer];
    auto along = [&](int axis) { return access.uses[axis] && access.strideOf(axis, buffer) == 1; };
    // Only elements of 16 bits are read across the rows that they lie in.
    bool found = along(depth) || (bytesOf(atom.a) == 2 && std::any_of(side.begin(), side.end(), along));
    return buffer.free && !found ? &buffer : nullptr;
  }

  void weigh(const Shape &shape, const Schedule &schedule, double count, double waste, int64_t depthBytes) {
    // A bound first: plans cost more than this.
    double groups = double(shape.groupsM * shape.groupsN);
    double rows = double(shape.rows) / double(shape.groupsM),
           columns = double(shape.columns) / double(shape.groupsN);
    // Elements read for a step of the depth, in those of a group of 64 × 64: reading and multiplying overlap in part.
    double rate = 1 / (0.7 + 0.3 * 32 * (rows + columns) / (rows * columns));
    // Measured on large products: short steps are a little faster, large blocks wait longer for each other.
    double work = double(shape.rows * shape.columns) * waste / rate * (depthBytes == 128 ? 1.03 : 1) *
                  (groups > 4 ? 1.1 : 1);
    if (best && std::max(1.0, count / double(device.units)) * work > leastCost)
      return;
    PlanResult plan = makePlan(kernel, schedule, device);
    if (!plan)
      return;
    int64_t shared = plan.plan->launches[0].scratchBytes + 1024, threads = plan.plan->launches[0].threads;
    int64_t multiprocessor = device.sharedBytes + 1024;
    int64_t held = std::min({multiprocessor / shared,
                             device.blockRegisters / (threads * std::max<int64_t>(plan.plan->registers, 64)),
                             int64_t(16)});
    held = std::max<int64_t>(held, 1);
    // Fewer than eight warps do not hide what they wait for.
    double hidden = std::min(1.0, 0.6 + 0.05 * groups * double(held));
    double waves = std::ceil(count / double(device.units * held));
    double perUnit = std::min(double(held), std::ceil(count / double(device.units)));
    double cost = waves * perUnit * work / hidden;
    if (best && cost >= leastCost * 0.995)
      return;
    best = schedule;
    leastCost = cost;
  }

  const KernelInfo &kernel;
  const DeviceInfo &device;
  const ContractInfo &contract;
  ContractTiles tiles;
  const Atom &atom;
  std::optional<Schedule> best;
  double leastCost = 0;
};

} // namespace

std::optional<Schedule> groupsContractSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (!kernel.contract || kernel.contract->k.empty() || !hasCopy(device, "async"))
    return std::nullopt;
  const ContractInfo &contract = *kernel.contract;
  // Of few rows or columns memory's speed is what counts: the loops' rule.
  if (std::min(pointsOf(kernel, contract.m), pointsOf(kernel, contract.n)) < 8)
    return std::nullopt;
  const Atom *atom = groupAtom(device, /*asynchronous=*/false, contract.lhs.type,
                               kernel.reductions[contract.reduction].accumulator, contract.tf32);
  return atom ? GroupsChoice(kernel, device, *atom).run() : std::nullopt;
}

std::optional<Schedule> groupsAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (!hasCopy(device, "async") || !kernel.attend || !kernel.attend->scores || kernel.attend->m.empty() ||
      kernel.attend->n.empty())
    return std::nullopt;
  const AttendInfo &attend = *kernel.attend;
  const Atom *atom = groupAtom(device, /*asynchronous=*/false, attend.values.type,
                               kernel.reductions[attend.reduction].accumulator,
                               /*tf32=*/false);
  if (!atom)
    return std::nullopt;
  int queries = longestAxis(kernel, attend.m), keys = longestAxis(kernel, attend.n);
  struct Choice {
    int64_t groups, rows, keys;
    bool hold;
  };
  constexpr Choice choices[] = {{4, 32, 64, true},  {4, 32, 64, false}, {4, 32, 32, false},
                                {4, 16, 64, true},  {4, 16, 64, false}, {4, 16, 32, false},
                                {2, 16, 32, false}, {4, 16, 16, false}};
  for (Choice choice : choices) {
    int64_t fits = (kernel.axes[queries].extent + choice.rows - 1) / choice.rows;
    Schedule schedule;
    schedule.atom = atom->name;
    schedule.warpsM = std::min(choice.groups, fits);
    schedule.tile[kernel.axes[queries].name] = choice.rows * schedule.warpsM;
    schedule.tile[kernel.axes[keys].name] = std::min(choice.keys, roundUp(kernel.axes[keys].extent, atom->k));
    schedule.stages = 2;
    copyAttention(kernel, "async", choice.hold, schedule);
    if (std::optional<Schedule> legal = firstLegalSlots(kernel, device, schedule, {1, 0}))
      return legal;
  }
  return std::nullopt;
}

} // namespace tgc::heuristic
