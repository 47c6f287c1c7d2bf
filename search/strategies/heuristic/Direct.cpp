// Contractions and attention where groups read operands straight into registers.
// Contraction: of a list of tiles, both orders of the operands and all ways that these can come, the one with the least
// time: waves of the groups that the device holds, times a group's products over what its fragments leave of the atom's
// rate (small ones read more than they multiply). Attention: the first of a few shapes that is legal.
#include "search/plan/PipeParts.h"
#include "search/plan/Planners.h"
#include "search/strategies/heuristic/AtomChoice.h"
#include "search/strategies/heuristic/Heuristic.h"

#include <algorithm>
#include <cmath>

namespace tgc::heuristic {

namespace {

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
        consider(shape, flip, nullptr);
    if (!best || !hasCopy(device, "block2d") || plainOperands().empty())
      return best;
    // Rows along one axis, behind whose end nothing is stored, are neighbours in memory where those along several are not.
    for (const std::vector<int> *side : {&contract.m, &contract.n})
      for (const Shape &shape : shapes)
        for (bool flip : {false, true})
          if (side->size() > 1)
            consider(shape, flip, side);
    std::optional<Schedule> apart = unfolded();
    return apart ? apart : best;
  }

private:
  /// With `straight`, the tile of these axes is all along one of them.
  void consider(Shape shape, bool flip, const std::vector<int> *straight) {
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
    if (straight && !straighten(*straight,
                                (straight == &contract.m) != flip ? shape.rows * shape.groupsM
                                                                  : shape.columns * shape.groupsN,
                                schedule, *count))
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
          // What lies well may still lie so that blocks cannot reach it.
          const BufferInfo *first = scattered(right, side, inner, rightBlocks);
          std::vector<const BufferInfo *> packs{first};
          if (first)
            packs.push_back(nullptr);
          else if (const BufferInfo *weight = freeBuffer(right); weight && rightBlocks)
            packs.push_back(weight);
          for (const BufferInfo *weight : packs) {
            if (weight)
              tried.packs[weight->name] = flip ? "mk" : "nk";
            else
              tried.packs.clear();
            // Elements one by one are many small loads.
            double elements = (leftBlocks ? 0 : 1.2) + (rightBlocks                     ? 0
                                                        : weight || along(right, inner) ? 0.6
                                                                                        : 1.8);
            if (weigh(shape, tried, *count, waste * (1 + elements)))
              goto nextDepth; // the ways are tried from the best on
          }
        }
    nextDepth:;
    }
  }

  /// Puts all the tile's points of these axes along the one that is stored closest together, if more than one has points;
  /// `count` tiles in all.
  bool straighten(const std::vector<int> &axes, int64_t points, Schedule &schedule, double &count) const {
    if (!contract.complete.empty())
      return false;
    std::vector<std::optional<int64_t>> strides = storeStrides(kernel);
    auto distance = [&](int axis) { return std::abs(strides[axis].value_or(int64_t(1) << 62)); };
    int tiled = 0, inner = axes.front();
    auto tilesOf = [&](int axis, int64_t tile) {
      return double((kernel.axes[axis].extent + tile - 1) / tile);
    };
    for (int axis : axes) {
      if (auto tile = schedule.tile.find(kernel.axes[axis].name); tile != schedule.tile.end()) {
        ++tiled;
        count *= double(kernel.axes[axis].extent) / tilesOf(axis, tile->second);
        schedule.tile.erase(tile);
      }
      if (distance(axis) < distance(inner))
        inner = axis;
    }
    schedule.tile[kernel.axes[inner].name] = points;
    count *= tilesOf(inner, points) / double(kernel.axes[inner].extent);
    return tiled > 1;
  }

  /// Names of the operands' buffers that the best schedule reads element by element.
  std::vector<std::string> plainOperands() const {
    std::vector<std::string> names;
    for (const OperandInfo *operand : {&contract.lhs, &contract.rhs})
      if (!operand->accesses.empty()) {
        const std::string &name = firstBuffer(*operand).name;
        if (auto copy = best->copies.find(name); copy != best->copies.end() && copy->second == "plain")
          names.push_back(name);
      }
    return names;
  }

  const BufferInfo &firstBuffer(const OperandInfo &operand) const {
    return kernel.buffers[kernel.accesses[operand.accesses.front()].buffer];
  }

  /// Whether blocks bring the operand as rows of the whole depth, which is one axis.
  bool isInRows(const OperandInfo &operand) const {
    if (!operand.plain || contract.k.size() != 1)
      return false;
    const BufferInfo &buffer = firstBuffer(operand);
    const Access &access = kernel.accesses[operand.accesses.front()];
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis) {
      std::optional<int64_t> stride = access.strideOf(int(axis), buffer);
      if (!stride ||
          (int(axis) == contract.k.front() ? *stride != 1
                                           : *stride * bytesOf(buffer.type) % device.blocks.pitch != 0))
        return false;
    }
    return !access.guarded;
  }

  /// A short depth that comes element by element is laid out ahead: every element is read many times.
  std::optional<Schedule> unfolded() const {
    constexpr int64_t least = 32, most = 1024, manyRows = 64;
    int64_t depth = pointsOf(kernel, contract.k), rows = pointsOf(kernel, contract.m),
            columns = pointsOf(kernel, contract.n);
    std::vector<std::string> names = plainOperands();
    if (names.empty() || depth < least || depth > most || depth % 2 != 0 || kernel.reductions.size() > 1 ||
        std::min(rows, columns) < least || std::max(rows, columns) < manyRows)
      return std::nullopt;
    Schedule apart;
    for (const OperandInfo *operand : {&contract.lhs, &contract.rhs}) {
      if (operand->accesses.empty())
        return std::nullopt;
      if (!isInRows(*operand))
        apart.unfold.push_back(firstBuffer(*operand).name);
    }
    std::sort(apart.unfold.begin(), apart.unfold.end());
    apart.unfold.erase(std::unique(apart.unfold.begin(), apart.unfold.end()), apart.unfold.end());
    return !apart.unfold.empty() && planParts(kernel, apart) ? std::optional(apart) : std::nullopt;
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

  /// The operand's buffer, if it is a weight; null if it is not.
  const BufferInfo *freeBuffer(const OperandInfo &operand) const {
    return operand.plain && operand.accesses.size() == 1 && firstBuffer(operand).free ? &firstBuffer(operand)
                                                                                      : nullptr;
  }

  /// The operand's buffer, if it is a weight that the way does not read as it lies.
  const BufferInfo *scattered(const OperandInfo &operand, const std::vector<int> &side, int depth,
                              bool blocks) const {
    bool found =
        along(operand, depth) ||
        (blocks && std::any_of(side.begin(), side.end(), [&](int axis) { return along(operand, axis); }));
    return found ? nullptr : freeBuffer(operand);
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
