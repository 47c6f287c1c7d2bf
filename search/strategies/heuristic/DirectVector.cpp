// Products of a matrix and a vector where groups read operands straight into registers. Memory bounds them: every element
// of the matrix is read once, so what counts are bytes on the way. Where elements are read again and again (a convolution of
// each channel by itself) plain loops multiply as fast as they gather.
// 1. The matrix is the atom's left operand where the depth is contiguous in it: rows of blocks as they lie, or rows that
//    all threads of a group read together. Else it is the right one: blocks of steps of the depth, or each thread's column in
//    vectors, laid out ahead for that if it is a weight; at last element by element. The vector takes the other place.
// 2. A group has 16 rows, 128 bytes of each at a time: what memory has side by side is asked for together; or as many columns as
//    a row of a block has. Fewer, if that makes no group for every engine; blocks are single groups as long as there are few.
// 3. The cache is asked so far ahead that all groups together wait for what memory brings in a microsecond.
#include "search/plan/PipeParts.h"
#include "search/strategies/heuristic/AtomChoice.h"
#include "search/strategies/heuristic/Heuristic.h"

#include <algorithm>
#include <cmath>

namespace tgc::heuristic {
namespace {

constexpr double latency = 1e-6; // seconds from memory, a guess of its order
constexpr int64_t enginesOfUnit = 8, threadsOfEngine = 4, groupsOfBlock = 4;

class VectorChoice {
public:
  VectorChoice(const KernelInfo &kernel, const DeviceInfo &device, const Atom &atom, bool matrixOnN)
      : kernel(kernel), device(device), contract(*kernel.contract), atom(atom), tiles(kernel),
        matrixOnN(matrixOnN), matrix(matrixOnN ? contract.rhs : contract.lhs),
        vector(matrixOnN ? contract.lhs : contract.rhs) {}

  std::optional<Schedule> run() {
    if (!isReadOnce())
      return std::nullopt;
    struct Way {
      bool left, blocks;
      bool neighbours = false; ///< a load brings several neighbours
      bool packs = false;
    };
    constexpr Way ways[] = {
        {true, true},  {false, true}, {true, false, true}, {false, false, true}, {false, false, true, true},
        {true, false}, {false, false}};
    int inner = depthAxis();
    bool along = isAlong(inner);
    for (const Way &way : ways) {
      const BufferInfo *weight = way.packs ? freeBuffer() : nullptr;
      bool last = !way.blocks && !way.neighbours; // as it lies
      if ((way.blocks && !hasCopy(device, "block2d")) || (way.packs && !weight) ||
          (last && way.left != along))
        continue;
      Schedule schedule;
      schedule.atom = atom.name;
      schedule.flip = way.left == matrixOnN;
      copyAll(kernel, matrix, way.blocks ? "block2d" : "plain", schedule);
      if (weight)
        schedule.packs[weight->name] = schedule.flip ? "mk" : "nk";
      std::optional<Schedule> found = inTiles(schedule, way.left, way.blocks, inner);
      if (found && (!way.neighbours || lanesOf(*found, way.left) > 1))
        return found;
    }
    return std::nullopt;
  }

private:
  /// Points of the matrix's side of a group, and of the depth of a step.
  struct Shape {
    int64_t points, depth;
  };

  std::optional<Schedule> inTiles(const Schedule &way, bool left, bool blocks, int inner) {
    int64_t row = std::max(atom.n, device.blocks.rowBytes / bytesOf(atom.a));
    std::vector<Shape> shapes;
    if (left)
      shapes = {{16, 4 * atom.k}, {8, 4 * atom.k}};
    else
      shapes = {{row, 2 * atom.k}, {atom.n, 4 * atom.k}};
    std::optional<Schedule> best;
    for (const Shape &shape : shapes) {
      std::optional<Schedule> found = inGroups(way, shape, left, blocks, inner);
      if (found)
        best = std::move(found);
      if (best && enough)
        break;
    }
    return best;
  }

  /// Sets `enough` where there is a group for every engine.
  std::optional<Schedule> inGroups(const Schedule &way, const Shape &shape, bool left, bool blocks,
                                   int inner) {
    int64_t depth = std::min(shape.depth, roundUp(kernel.axes[inner].extent, atom.k));
    // Groups that read parts of the same rows of blocks are neighbours.
    int64_t least =
        left ? 1 : std::max<int64_t>(1, device.blocks.rowBytes / (shape.points * bytesOf(atom.a)));
    for (int64_t groups : {groupsOfBlock, least}) {
      Schedule schedule = way;
      std::optional<double> blocksOf =
          tiles.tile(left ? shape.points * groups : 1, left ? 1 : shape.points * groups, schedule);
      if (!blocksOf)
        continue;
      double all = *blocksOf * double(groups), engines = double(device.units * enginesOfUnit);
      if (groups > least && all < engines * threadsOfEngine)
        continue;
      (left ? schedule.warpsM : schedule.warpsN) = groups;
      schedule.tile[kernel.axes[inner].name] = depth;
      double step = double(shape.points * depth * bytesOf(atom.a));
      if (blocks)
        schedule.prefetch =
            std::clamp<int64_t>(int64_t(std::ceil(device.bandwidth * latency /
                                                  (std::min(all, engines * threadsOfEngine) * step))),
                                3, 8);
      for (const char *copy : {"block2d", "plain"}) {
        copyAll(kernel, vector, copy, schedule);
        if (hasCopy(device, copy) && isLegal(kernel, schedule, device)) {
          enough = all >= engines;
          return schedule;
        }
      }
    }
    return std::nullopt;
  }

  bool isReadOnce() const {
    double elements = 0, points = 1;
    for (int position : matrix.accesses)
      elements += double(kernel.buffers[kernel.accesses[position].buffer].elements());
    for (const std::vector<int> *axes : {&contract.batch, &contract.m, &contract.n, &contract.k})
      points *= double(pointsOf(kernel, *axes));
    return 2 * elements >= points;
  }

  /// Neighbours that a load of the matrix brings.
  int64_t lanesOf(const Schedule &schedule, bool left) const {
    PlanResult result = makePlan(kernel, schedule, device);
    const PipePlan &plan = std::get<PipePlan>(result.plan->body);
    return left ? plan.a.lanes : plan.b.lanes;
  }

  /// Whether the matrix's elements along the axis are neighbours in memory.
  bool isAlong(int axis) const {
    const Access *access = largestAccess(kernel, matrix);
    return access && access->uses[axis] && access->strideOf(axis, kernel.buffers[access->buffer]) == 1;
  }

  /// The axis of the depth that is contiguous in the matrix, or else the longest one.
  int depthAxis() const {
    for (int axis : contract.k)
      if (isAlong(axis) && kernel.axes[axis].extent >= atom.k)
        return axis;
    return longestAxis(kernel, contract.k);
  }

  /// The matrix's buffer, if it is a weight.
  const BufferInfo *freeBuffer() const {
    if (!matrix.plain || matrix.accesses.size() != 1)
      return nullptr;
    const BufferInfo &buffer = kernel.buffers[kernel.accesses[matrix.accesses.front()].buffer];
    return buffer.free ? &buffer : nullptr;
  }

  const KernelInfo &kernel;
  const DeviceInfo &device;
  const ContractInfo &contract;
  const Atom &atom;
  ContractTiles tiles;
  bool matrixOnN;
  const OperandInfo &matrix, &vector;
  bool enough = false;
};

} // namespace

std::optional<Schedule> directVectorSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (!hasVector(kernel) || kernel.contract->k.empty())
    return std::nullopt;
  const ContractInfo &contract = *kernel.contract;
  const Atom *atom =
      directAtom(device, contract.lhs.type, kernel.reductions[contract.reduction].accumulator, contract.tf32);
  return atom ? VectorChoice(kernel, device, *atom, pointsOf(kernel, contract.m) == 1).run() : std::nullopt;
}

} // namespace tgc::heuristic
