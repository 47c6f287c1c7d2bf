// Contractions and attention where groups read operands straight into registers.
// Contraction: of a list of tiles, both orders of the operands and all ways that these can come, the one with the least
// time: waves of the groups that the device holds, times a group's products over what its fragments leave of the atom's
// rate (small ones read more than they multiply). Attention: the first of a few shapes that is legal.
#include "search/plan/PipeParts.h"
#include "search/strategies/heuristic/AtomChoice.h"
#include "search/strategies/heuristic/Heuristic.h"

#include <algorithm>
#include <cmath>

namespace tgc::heuristic {

namespace {

/// The atom of a device whose threads start no copies into block memory.
const Atom *directAtom(const DeviceInfo &device, ElementType operand, ElementType sums, bool tf32) {
  return hasCopy(device, "async") ? nullptr : groupAtom(device, /*asynchronous=*/false, operand, sums, tf32);
}

/// Rows × columns of a group's sums, in groups of the atom's width, and how groups lie.
struct Shape {
  int64_t rows, columns, groupsM, groupsN;
};

class DirectChoice {
public:
  DirectChoice(const KernelInfo &kernel, const DeviceInfo &device, const Atom &atom)
      : kernel(kernel), device(device), contract(*kernel.contract), tiles(kernel), atom(atom) {}

  std::optional<Schedule> run() {
    constexpr Shape shapes[] = {
        {32, 64, 8, 4}, {64, 32, 4, 8}, {32, 64, 4, 4}, {64, 32, 2, 8}, {32, 64, 8, 2}, {64, 32, 4, 4},
        {32, 64, 4, 2}, {64, 32, 2, 4}, {32, 64, 2, 2}, {64, 32, 1, 4}, {32, 64, 1, 4}, {32, 32, 2, 2},
        {16, 64, 1, 4}, {8, 64, 1, 8},  {8, 64, 1, 4},  {32, 64, 2, 1}, {32, 80, 4, 1}, {32, 48, 2, 1},
        {16, 32, 2, 2}, {32, 16, 4, 1}, {8, 32, 1, 2},  {32, 8, 4, 1}};
    for (const Shape &shape : shapes)
      for (bool flip : {false, true})
        consider(shape, flip);
    return best;
  }

private:
  void consider(Shape shape, bool flip) {
    // Narrow subgroups have columns of half the width.
    if (atom.n == 8 && shape.columns > 32)
      shape = {shape.rows, shape.columns / 2, shape.groupsM, shape.groupsN * 2};
    Schedule schedule;
    schedule.atom = atom.name;
    schedule.flip = flip;
    std::optional<double> count =
        tiles.tile(shape.rows * shape.groupsM, shape.columns * shape.groupsN, schedule);
    if (!count)
      return;
    schedule.warpsM = shape.groupsM;
    schedule.warpsN = shape.groupsN;
    int inner = depthAxis();
    const OperandInfo &left = flip ? contract.rhs : contract.lhs, &right = flip ? contract.lhs : contract.rhs;
    const std::vector<int> &side = flip ? contract.m : contract.n;
    for (int64_t depth : {2 * atom.k, atom.k}) {
      int64_t extent = kernel.axes[inner].extent;
      if (depth > atom.k && depth > roundUp(extent, atom.k))
        continue;
      schedule.tile[kernel.axes[inner].name] = depth;
      double waste = double(roundUp(extent, depth)) / double(extent);
      for (bool leftBlocks : {true, false})
        for (bool rightBlocks : {true, false}) {
          if ((leftBlocks || rightBlocks) && !hasCopy(device, "block2d"))
            continue;
          Schedule tried = schedule;
          copyAll(kernel, left, leftBlocks ? "block2d" : "plain", tried);
          copyAll(kernel, right, rightBlocks ? "block2d" : "plain", tried);
          if (leftBlocks || rightBlocks)
            tried.prefetch = 3;
          for (const BufferInfo *weight :
               {scattered(right, side, inner, rightBlocks), static_cast<const BufferInfo *>(nullptr)}) {
            if (weight)
              tried.packs[weight->name] = flip ? "mk" : "nk";
            else
              tried.packs.clear();
            // Elements one by one are many small loads.
            double elements = (leftBlocks ? 0 : 0.6) + (rightBlocks                     ? 0
                                                        : weight || along(right, inner) ? 0.3
                                                                                        : 1.5);
            if (weigh(shape, tried, *count, waste * (1 + elements)))
              goto nextDepth; // the ways are tried from the best on
            if (!weight)
              break;
          }
        }
    nextDepth:;
    }
  }

  /// The axis that is summed and contiguous in the left operand, or else the longest one.
  int depthAxis() const {
    int best = longestAxis(kernel, contract.k);
    for (const OperandInfo *operand : {&contract.lhs, &contract.rhs})
      for (int axis : contract.k)
        if (along(*operand, axis) && kernel.axes[axis].extent >= atom.k)
          return axis;
    return best;
  }

  bool along(const OperandInfo &operand, int axis) const {
    return operand.plain && std::all_of(operand.accesses.begin(), operand.accesses.end(), [&](int number) {
             const Access &access = kernel.accesses[number];
             return access.uses[axis] && access.strideOf(axis, kernel.buffers[access.buffer]) == 1;
           });
  }

  /// The operand's buffer, if it is a weight that the way does not read as it lies.
  const BufferInfo *scattered(const OperandInfo &operand, const std::vector<int> &side, int depth,
                              bool blocks) const {
    if (!operand.plain || operand.accesses.size() != 1)
      return nullptr;
    const BufferInfo &buffer = kernel.buffers[kernel.accesses[operand.accesses.front()].buffer];
    bool found =
        along(operand, depth) ||
        (blocks && std::any_of(side.begin(), side.end(), [&](int axis) { return along(operand, axis); }));
    return buffer.free && !found ? &buffer : nullptr;
  }

  /// Whether the schedule is legal.
  bool weigh(const Shape &shape, const Schedule &schedule, double count, double waste) {
    PlanResult plan = makePlan(kernel, schedule, device);
    if (!plan)
      return false;
    double groups = double(shape.groupsM * shape.groupsN), rows = double(shape.rows),
           columns = double(shape.columns);
    const RolesPlan &roles = *std::get<PipePlan>(plan.plan->body).roles;
    const PipePlan &body = std::get<PipePlan>(plan.plan->body);
    // Elements read for a step of the depth, in those of a group of 32 × 64.
    double rate = 1 / (0.7 + 0.3 * 21.3 * (rows + columns) / (rows * columns));
    // What a block's groups read in common comes from memory once.
    double fetched =
        1 + 0.15 * 128 * (1 / (rows * double(shape.groupsM)) + 1 / (columns * double(shape.groupsN)));
    // A transposing read brings 16 columns at once.
    double messages = body.b.copy == "block2d" && !body.b.depthInRows ? 1 + 0.1 * columns / 32 : 1;
    double stores = 1;
    for (const StorePlan &store : body.stores)
      stores += store.blocks ? 0 : 0.1;
    double work = rows * columns * groups * waste * fetched * messages * stores / rate;
    int64_t held = std::max<int64_t>(1, device.blockRegisters /
                                            (plan.plan->launches[0].threads * roles.consumerRegisters));
    double waves = std::ceil(count / double(device.units * held)),
           perUnit = std::min(double(held), std::ceil(count / double(device.units)));
    // Few groups do not hide what they wait for.
    double hidden = std::min(1.0, 0.4 + 0.6 * groups * perUnit / 24);
    double cost = waves * perUnit * work / hidden;
    if (!best || cost < leastCost * 0.995) {
      best = schedule;
      leastCost = cost;
    }
    return true;
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

std::optional<Schedule> directContractSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (!kernel.contract || kernel.contract->k.empty())
    return std::nullopt;
  const ContractInfo &contract = *kernel.contract;
  const Atom *atom =
      directAtom(device, contract.lhs.type, kernel.reductions[contract.reduction].accumulator, contract.tf32);
  return atom ? DirectChoice(kernel, device, *atom).run() : std::nullopt;
}

std::optional<Schedule> directAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (!kernel.attend || !kernel.attend->scores || kernel.attend->m.empty() || kernel.attend->n.empty())
    return std::nullopt;
  const AttendInfo &attend = *kernel.attend;
  const Atom *atom =
      directAtom(device, attend.values.type, kernel.reductions[attend.reduction].accumulator, /*tf32=*/false);
  if (!atom)
    return std::nullopt;
  int queries = longestAxis(kernel, attend.m), keys = longestAxis(kernel, attend.n);
  struct Choice {
    int64_t rows, keys;
    bool hold;
  };
  constexpr Choice choices[] = {{16, 64, true},  {16, 64, false}, {16, 32, true},
                                {16, 32, false}, {16, 16, false}, {8, 64, true},
                                {8, 64, false},  {8, 32, false},  {8, 16, false}};
  // All value columns if there are registers for them, else parts, of which each computes the scores anew.
  int values = longestAxis(kernel, attend.e);
  struct Way {
    int64_t parts;
    bool blocks;
  };
  std::vector<Way> ways;
  for (int64_t parts : {1, 2, 3, 4, 6, 8, 12, 16})
    for (bool blocks : {true, false})
      if (kernel.axes[values].extent % parts == 0 && (!blocks || hasCopy(device, "block2d")))
        ways.push_back({parts, blocks});
  for (auto [parts, blocks] : ways)
    for (Choice choice : choices) {
      if (choice.rows % atom->n != 0)
        continue;
      int64_t fits = (kernel.axes[queries].extent + choice.rows - 1) / choice.rows;
      Schedule schedule;
      schedule.atom = atom->name;
      // Wide heads: more groups that read the same keys and values.
      schedule.warpsM =
          std::min<int64_t>(kernel.axes[longestAxis(kernel, attend.e)].extent >= 128 ? 16 : 8, fits);
      schedule.tile[kernel.axes[queries].name] = choice.rows * schedule.warpsM;
      if (parts > 1)
        schedule.tile[kernel.axes[values].name] = kernel.axes[values].extent / parts;
      schedule.tile[kernel.axes[keys].name] =
          std::min(choice.keys, roundUp(kernel.axes[keys].extent, std::max(atom->k, atom->n)));
      if (blocks)
        schedule.prefetch = 1;
      copyAttention(kernel, blocks ? "block2d" : "plain", choice.hold, schedule);
      // An operand may lie so that blocks cannot reach it.
      for (const OperandInfo *other : {static_cast<const OperandInfo *>(nullptr), &attend.scores->lhs,
                                       &attend.scores->rhs, &attend.values}) {
        Schedule tried = schedule;
        if (other && !blocks)
          break;
        if (other)
          copyAll(kernel, *other, "plain", tried);
        if (isLegal(kernel, tried, device))
          return tried;
      }
    }
  return std::nullopt;
}

} // namespace tgc::heuristic
