#include "search/strategies/heuristic/LoopChoice.h"

#include "search/plan/Planners.h"
#include <algorithm>

namespace tgc::heuristic {

LoopChoice::LoopChoice(const KernelInfo &kernel, const DeviceInfo &device)
    : kernel(kernel), device(device), lanes(lanesOf(kernel, device)) {}

double LoopChoice::contiguity(int axis) const {
  double score = 0;
  for (const Access &access : kernel.accesses) {
    const BufferInfo &buffer = kernel.buffers[access.buffer];
    if (!access.uses[axis])
      continue;
    double bytes = double(bytesOf(buffer.type));
    for (size_t other = 0; other < kernel.axes.size(); ++other)
      if (access.uses[other])
        bytes *= double(extent(int(other)));
    std::optional<int64_t> stride = access.strideOf(axis, buffer);
    if (stride == 1)
      score += access.store ? 3 * bytes : 2 * bytes;
    else if (stride != 0)
      score -= bytes;
  }
  return score;
}

bool LoopChoice::contiguous(int axis, bool store) const {
  return std::any_of(kernel.accesses.begin(), kernel.accesses.end(), [&](const Access &access) {
    return access.store == store && access.strideOf(axis, kernel.buffers[access.buffer]) == 1;
  });
}

std::optional<int> LoopChoice::bestVector(const std::vector<int> &among) const {
  std::optional<int> best;
  double bestScore = 0;
  for (int axis : among)
    if (double score = contiguity(axis); extent(axis) > 1 && score > bestScore) {
      best = axis;
      bestScore = score;
    }
  return best;
}

std::optional<std::pair<int, int>> LoopChoice::shortPair() const {
  for (const Access &access : kernel.accesses) {
    if (!access.store)
      continue;
    const BufferInfo &buffer = kernel.buffers[access.buffer];
    for (int inner = 0; inner < int(kernel.axes.size()); ++inner) {
      int64_t gap = extent(inner);
      if (gap < 2 || gap > 4 || access.strideOf(inner, buffer) != 1)
        continue;
      for (int outer = 0; outer < int(kernel.axes.size()); ++outer)
        if (access.strideOf(outer, buffer) == gap && extent(outer) >= lanes / 2)
          return std::pair(inner, outer);
    }
  }
  return std::nullopt;
}

double LoopChoice::points() const {
  double stored = 1, most = 0;
  for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
    if (kernel.axes[axis].stored)
      stored *= double(extent(int(axis)));
  for (const ReductionInfo &reduction : kernel.reductions) {
    double product = 1;
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
      if (reduction.result[axis])
        product *= double(extent(int(axis)));
    for (int axis : reduction.over)
      product *= double(extent(axis));
    most = std::max(most, product);
  }
  return std::max(stored, most);
}

int64_t LoopChoice::stepOf(int axis) const {
  int64_t step = 1;
  for (const LoopSplit &split : schedule.loops)
    if (split.axis == kernel.axes[axis].name)
      step *= split.factor;
  return step;
}

int64_t LoopChoice::vectorise(int axis, SplitKind kind, int64_t registers) {
  int64_t whole = extent(axis), width = lanes;
  // A short axis takes the smallest power of two that holds it.
  while (width > 1 && width / 2 >= whole)
    width /= 2;
  if (width == 1)
    return 1;
  int64_t vectors = (whole + width - 1) / width;
  int64_t count = std::min(registers, vectors);
  // Whole steps are worth more than many registers.
  while (count > 1 && vectors % count != 0)
    --count;
  if (count == 1 && vectors > 4 * registers)
    count = registers;
  const std::string &name = kernel.axes[axis].name;
  if (whole % (width * count) != 0)
    schedule.padTo[name] = width * count;
  schedule.loops.push_back({kind, name, width * count});
  return width * count;
}

int64_t LoopChoice::unrollBy(int axis, SplitKind kind, int64_t count) {
  const std::string &name = kernel.axes[axis].name;
  int64_t left = extent(axis);
  if (auto pad = schedule.padTo.find(name); pad != schedule.padTo.end())
    left = (left + pad->second - 1) / pad->second * pad->second;
  left /= stepOf(axis);
  count = std::min(count, left);
  while (count > 1 && left % count != 0)
    --count;
  if (count > 1)
    schedule.loops.push_back({kind, name, count});
  return count;
}

double LoopChoice::blockWork(double least, double most) const {
  constexpr double blocksPerUnit = 8;
  return std::clamp(points() / (double(device.units) * blocksPerUnit), least, most);
}

void LoopChoice::tileBlocks(double work) {
  std::vector<std::optional<int64_t>> strides = storeStrides(kernel);
  std::vector<int> outwards;
  double each = 1;
  for (int axis = 0; axis < int(kernel.axes.size()); ++axis) {
    const AxisInfo &info = kernel.axes[axis];
    if (info.reduced)
      each *= double(info.extent);
    else if (info.stored)
      outwards.push_back(axis);
  }
  auto key = [&](int axis) { return strides[axis] ? std::abs(*strides[axis]) : INT64_MAX; };
  std::stable_sort(outwards.begin(), outwards.end(), [&](int a, int b) { return key(a) < key(b); });
  for (int axis : outwards) {
    int64_t step = stepOf(axis), steps = (extent(axis) + step - 1) / step;
    int64_t wanted = std::clamp<int64_t>(int64_t(work / (each * double(step))), 1, steps);
    // Blocks of about equal size.
    int64_t blocks = (steps + wanted - 1) / wanted;
    wanted = (steps + blocks - 1) / blocks;
    if (wanted > 1 || step < extent(axis))
      schedule.tile[kernel.axes[axis].name] = wanted * step;
    each *= double(wanted * step);
  }
}

} // namespace tgc::heuristic
