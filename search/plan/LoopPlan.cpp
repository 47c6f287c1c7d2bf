// Lays the axes of a kernel over grid, loops, threads, registers and lanes.
// 1. Choose the vector axis among the axes whose innermost option is upcast or unroll: the one most accesses
//    have contiguous, stores counting most.
// 2. For each axis, from the inside: lanes, then the loop options' factors in their order; what is left is a
//    loop for a reduced axis or a row, else the grid, of which `tile` moves its part into a loop of the
//    block. Threads are numbered in the options' order, the first fastest. A device with threads has no lanes:
//    registers that are neighbours in memory are loaded and stored together.
// 3. Refuse what would unroll into too much code or hold too many values.
// 4. Order the grid: the schedule's order, then the store's contiguous axes first.
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace tgc {

int64_t lanesOf(const KernelInfo &kernel, const DeviceInfo &device) {
  int64_t bytes = 4;
  bool computes = kernel.flops > 0 || !kernel.reductions.empty();
  int64_t narrowest = 8;
  for (const Access &access : kernel.accesses) {
    ElementType type = kernel.buffers[access.buffer].type;
    if (type == ElementType::F64)
      bytes = 8;
    narrowest = std::min(narrowest, bytesOf(type));
  }
  for (const ReductionInfo &reduction : kernel.reductions)
    if (reduction.accumulator == ElementType::F64)
      bytes = 8;
  // A kernel that only moves data moves vectors of whole registers.
  if (!computes)
    bytes = narrowest;
  return device.vectorBytes / bytes;
}

std::vector<std::optional<int64_t>> storeStrides(const KernelInfo &kernel) {
  std::vector<std::optional<int64_t>> strides(kernel.axes.size());
  for (const Access &access : kernel.accesses)
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
      if (access.store && access.uses[axis] && !strides[axis])
        strides[axis] = access.strideOf(int(axis), kernel.buffers[access.buffer]);
  return strides;
}

namespace {

constexpr int64_t maxHeldValues = 96; // accumulators of one reduction, as vectors or scalars

struct VectorChoice {
  int axis = -1;
  int64_t lanes = 1;
};

class LoopPlanner {
public:
  LoopPlanner(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device)
      : kernel(kernel), schedule(schedule), device(device) {}

  PlanResult run() {
    for (const char *reason : {pipeOnly()})
      if (reason)
        return {std::nullopt, reason};
    VectorChoice vector = chooseVector();
    plan.vectorAxis = vector.axis;
    plan.vectorWidth = vector.lanes;
    plan.accessBytes = device.maxThreads > 1 ? device.vectorBytes : 0;
    int64_t threads = numberThreads(), blocks = 1;
    for (size_t i = 0; i < kernel.axes.size(); ++i) {
      if (std::string reason = planAxis(int(i)); !reason.empty())
        return {std::nullopt, reason};
      for (const LoopLevel &level : plan.axes.back().levels)
        if (level.kind == LoopLevel::Grid)
          blocks *= level.count;
    }
    if (threads > device.maxThreads)
      return {std::nullopt, fmt::format("{} threads a block, the device has {}", threads, device.maxThreads)};
    constexpr int64_t mostBlocks = INT32_MAX; // of a linear grid
    if (device.maxThreads > 1 && blocks > mostBlocks)
      return {std::nullopt, fmt::format("{} blocks, a grid has at most {}", blocks, mostBlocks)};
    if (std::string reason = tooMuchCode(); !reason.empty())
      return {std::nullopt, reason};
    int64_t shared = exchangeBytes(threads);
    if (shared > device.sharedBytes)
      return {std::nullopt,
              fmt::format("threads exchange {} bytes of partial sums, the device has {} for a block", shared,
                          device.sharedBytes)};
    orderGrid();
    Plan result;
    result.registers = heldValues;
    LaunchPlan launch;
    launch.blocks = blocks;
    launch.threads = threads;
    launch.scratchBytes = shared;
    result.launches = {launch};
    result.body = std::move(plan);
    return {std::move(result), ""};
  }

private:
  /// Options that only mean something with a matrix atom are refused by themselves; these two also have a
  /// meaning without one, which the loop generator does not have.
  const char *pipeOnly() const {
    if (schedule.splitsKernel())
      return "split: the kernel is taken apart before it is planned";
    if (!schedule.hold.empty())
      return "hold: the loop generator reads a row again, from the cache";
    return nullptr;
  }

  /// Thread numbers of each loop option; gives how many threads there are.
  int64_t numberThreads() {
    int64_t threads = 1;
    for (const LoopSplit &split : schedule.loops) {
      threadStrides.push_back(threads);
      if (split.kind == SplitKind::Local || split.kind == SplitKind::Group)
        threads *= split.factor;
    }
    return threads;
  }

  VectorChoice chooseVector() const {
    VectorChoice best;
    if (device.maxThreads > 1)
      return best;
    int64_t bestScore = 0, maxLanes = lanesOf(kernel, device);
    std::vector<bool> seen(kernel.axes.size());
    for (const LoopSplit &split : schedule.loops) {
      int axis = *kernel.axisNamed(split.axis);
      if (seen[axis])
        continue;
      seen[axis] = true;
      int64_t lanes = 1;
      while (lanes < maxLanes && split.factor % (lanes * 2) == 0)
        lanes *= 2;
      if (lanes < 2)
        continue;
      if (int64_t score = contiguity(axis) * lanes; score > bestScore) {
        bestScore = score;
        best = {axis, lanes};
      }
    }
    return best;
  }

  /// How well lanes along the axis suit the accesses; positive if some access is contiguous.
  int64_t contiguity(int axis) const {
    int64_t score = 0;
    bool contiguous = false;
    for (const Access &access : kernel.accesses) {
      std::optional<int64_t> stride = access.strideOf(axis, kernel.buffers[access.buffer]);
      if (stride == 1 || (stride && gapsFilled(access, *stride))) {
        score += access.store ? 16 : 8;
        contiguous = true;
      } else if (stride != 0) {
        score -= 2;
      }
    }
    return contiguous ? std::max<int64_t>(score, 1) : 0;
  }

  /// Whether registers of a short axis lie between lanes of that stride.
  bool gapsFilled(const Access &access, int64_t stride) const {
    return stride >= 2 && stride <= 4 &&
           std::any_of(schedule.loops.begin(), schedule.loops.end(), [&](const LoopSplit &split) {
             int axis = *kernel.axisNamed(split.axis);
             return split.kind == SplitKind::Upcast && split.factor == stride &&
                    kernel.axes[axis].extent == stride &&
                    access.strideOf(axis, kernel.buffers[access.buffer]) == 1;
           });
  }

  std::string planAxis(int index) {
    const AxisInfo &info = kernel.axes[index];
    AxisPlan axis;
    axis.axis = index;
    axis.extent = info.extent;
    std::vector<LoopLevel> levels; // innermost first
    int64_t step = 1;
    auto add = [&](LoopLevel::Kind kind, int64_t count, int64_t threads = 1) {
      if (count > 1)
        levels.push_back({kind, count, step, threads});
      step *= count;
    };
    for (size_t i = 0; i < schedule.loops.size(); ++i) {
      const LoopSplit &split = schedule.loops[i];
      if (split.axis != info.name)
        continue;
      int64_t count = split.factor;
      if (index == plan.vectorAxis && step == 1) {
        add(LoopLevel::Vector, plan.vectorWidth);
        count /= plan.vectorWidth;
      }
      add(kindOf(split.kind), count, threadStrides[i]);
    }
    // Registers and lanes may lie beyond the extent, whole steps of them need not.
    int64_t steps = (info.extent + step - 1) / step;
    axis.padded = steps * step;
    auto tile = schedule.tile.find(info.name);
    if (tile != schedule.tile.end()) {
      if (tile->second % step != 0)
        return fmt::format("tile({},{}): not a multiple of the {} that registers and threads take", info.name,
                           tile->second, step);
      int64_t block = std::min(tile->second / step, steps);
      add(LoopLevel::Serial, block);
      add(LoopLevel::Grid, (steps + block - 1) / block);
    } else {
      add(info.reduced || !info.stored ? LoopLevel::Serial : LoopLevel::Grid, steps);
    }
    axis.levels.assign(levels.rbegin(), levels.rend());
    plan.axes.push_back(std::move(axis));
    return "";
  }

  static LoopLevel::Kind kindOf(SplitKind kind) {
    switch (kind) {
    case SplitKind::Local:
      return LoopLevel::Local;
    case SplitKind::Upcast:
      return LoopLevel::Upcast;
    case SplitKind::Unroll:
      return LoopLevel::Unroll;
    case SplitKind::Group:
      return LoopLevel::Group;
    }
    return LoopLevel::Serial;
  }

  int64_t registersOf(int axis) const {
    int64_t product = 1;
    for (const LoopLevel &level : plan.axes[axis].levels)
      if (level.kind == LoopLevel::Upcast || level.kind == LoopLevel::Unroll)
        product *= level.count;
    return product;
  }

  std::string tooMuchCode() {
    int64_t copies = 1;
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
      copies *= registersOf(int(axis));
    if (copies > mostCopies)
      return fmt::format("{} copies of the code, at most {} are made", copies, mostCopies);
    for (const ReductionInfo &reduction : kernel.reductions) {
      int64_t values = 1;
      for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
        if (reduction.result[axis])
          values *= registersOf(int(axis));
      heldValues = std::max(heldValues, values);
    }
    if (heldValues > maxHeldValues)
      return fmt::format("{} accumulators, at most {} are held", heldValues, maxHeldValues);
    return "";
  }

  /// Shared memory for reductions across threads that shuffles do not reach: the values of every set of threads
  /// that differ in the other digits, twice, since reductions take turns. Reductions over equal axes are one.
  int64_t exchangeBytes(int64_t threads) const {
    int64_t most = 0;
    for (const ReductionInfo &reduction : kernel.reductions) {
      int64_t places = threads;
      bool beyond = false;
      for (int axis : reduction.over)
        for (const LoopLevel &level : plan.axes[axis].levels) {
          if (level.kind != LoopLevel::Local && level.kind != LoopLevel::Group)
            continue;
          int64_t within = 1;
          bool bits = (level.threads & (level.threads - 1)) == 0;
          while (bits && level.count / within % 2 == 0 && level.threads * within * 2 <= device.subgroup)
            within *= 2;
          places /= within;
          beyond |= level.count > within;
        }
      if (!beyond)
        continue;
      int64_t bytes = 0;
      for (const ReductionInfo &other : kernel.reductions)
        if (other.over == reduction.over && other.result == reduction.result)
          bytes += stateBytes(other);
      for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
        if (reduction.result[axis])
          bytes *= registersOf(int(axis));
      most = std::max(most, places * bytes + 16 * bytes);
    }
    return 2 * most;
  }

  /// Of one result, while it is reduced.
  static int64_t stateBytes(const ReductionInfo &reduction) {
    int64_t bytes = bytesOf(reduction.accumulator);
    switch (reduction.kind) {
    case ReductionKind::Moments:
    case ReductionKind::Softmax:
      return 2 * bytes;
    case ReductionKind::ArgMax:
    case ReductionKind::ArgMin:
      return bytes + 8;
    default:
      return bytes;
    }
  }

  void orderGrid() {
    std::vector<int> usual;
    for (const AxisPlan &axis : plan.axes)
      if (!axis.levels.empty() && axis.levels.front().kind == LoopLevel::Grid)
        usual.push_back(axis.axis);
    std::vector<std::optional<int64_t>> strides = storeStrides(kernel);
    auto key = [&](int axis) { return strides[axis] ? std::abs(*strides[axis]) : INT64_MAX; };
    std::stable_sort(usual.begin(), usual.end(), [&](int a, int b) { return key(a) < key(b); });
    for (const std::string &name : schedule.order)
      if (auto at = std::find(usual.begin(), usual.end(), *kernel.axisNamed(name)); at != usual.end()) {
        plan.gridOrder.push_back(*at);
        usual.erase(at);
      }
    plan.gridOrder.insert(plan.gridOrder.end(), usual.begin(), usual.end());
  }

  const KernelInfo &kernel;
  const Schedule &schedule;
  const DeviceInfo &device;
  LoopPlan plan;
  std::vector<int64_t> threadStrides; ///< by loop option
  int64_t heldValues = 0;
};

} // namespace

PlanResult planLoop(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  return LoopPlanner(kernel, schedule, device).run();
}

} // namespace tgc
