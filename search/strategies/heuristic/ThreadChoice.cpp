#include "search/strategies/heuristic/ThreadChoice.h"

#include <algorithm>
#include <numeric>

namespace tgc::heuristic {

ThreadChoice::ThreadChoice(const KernelInfo &kernel, const DeviceInfo &device)
    : kernel(kernel), device(device) {}

int64_t ThreadChoice::left(int axis) const {
  const std::string &name = kernel.axes[axis].name;
  int64_t rest = extent(axis);
  if (auto pad = schedule.padTo.find(name); pad != schedule.padTo.end())
    rest = (rest + pad->second - 1) / pad->second * pad->second;
  for (const LoopSplit &split : schedule.loops)
    if (split.axis == name)
      rest /= split.factor;
  return rest;
}

double ThreadChoice::bytesOf(const Access &access) const {
  double bytes = double(tgc::bytesOf(kernel.buffers[access.buffer].type));
  for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
    if (access.uses[axis] && access.strideOf(int(axis), kernel.buffers[access.buffer]) != 0)
      bytes *= double(extent(int(axis)));
  return bytes;
}

const Access *ThreadChoice::mainAccess(const std::vector<int> &axes, bool storesFirst) const {
  const Access *best = nullptr;
  auto key = [&](const Access &access) { return std::pair(storesFirst && access.store, bytesOf(access)); };
  for (const Access &access : kernel.accesses) {
    bool depends = std::any_of(axes.begin(), axes.end(), [&](int axis) {
      return access.uses[axis] && access.strideOf(axis, kernel.buffers[access.buffer]) != 0;
    });
    if (depends && (!best || key(access) > key(*best)))
      best = &access;
  }
  return best;
}

std::vector<int> ThreadChoice::byStride(std::vector<int> axes, const Access *access) const {
  auto key = [&](int axis) {
    if (!access || !access->uses[axis])
      return INT64_MAX;
    std::optional<int64_t> stride = access->strideOf(axis, kernel.buffers[access->buffer]);
    return stride && *stride != 0 ? std::abs(*stride) : INT64_MAX - 1;
  };
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return key(a) < key(b); });
  return axes;
}

bool ThreadChoice::contiguous(int axis, const Access *access) const {
  return access && access->uses[axis] && access->strideOf(axis, kernel.buffers[access->buffer]) == 1;
}

/// The part of `width` elements along the chain for which every address of the access is a multiple of it.
int64_t ThreadChoice::aligned(const Access &access, const std::vector<int> &chain, int64_t width) const {
  const BufferInfo &buffer = kernel.buffers[access.buffer];
  int64_t offset = buffer.offset;
  for (size_t d = 0; d < access.indices.size(); ++d)
    if (access.indices[d].linear)
      offset += access.indices[d].offset * buffer.strides[d];
  width = std::gcd(width, offset);
  // Axes that continue the contiguous run take part in it.
  int64_t run = 1;
  std::vector<bool> inside(kernel.axes.size());
  for (int axis : chain) {
    if (access.strideOf(axis, buffer) != run)
      break;
    inside[axis] = true;
    run *= extent(axis);
  }
  for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
    if (!inside[axis] && access.uses[axis])
      width = std::gcd(width, access.strideOf(int(axis), buffer).value_or(width));
  return width;
}

int64_t ThreadChoice::takeVector(const std::vector<int> &chain, const Access *access) {
  if (chain.empty() || !contiguous(chain.front(), access))
    return 1;
  double most = 0;
  for (const Access &other : kernel.accesses)
    most = std::max(most, bytesOf(other));
  int64_t width = device.vectorBytes / tgc::bytesOf(kernel.buffers[access->buffer].type);
  for (const Access &other : kernel.accesses)
    if (bytesOf(other) * 4 >= most && contiguous(chain.front(), &other))
      width = aligned(other, chain, width);
  int64_t taken = 1, run = 1;
  for (int axis : chain) {
    if (access->strideOf(axis, kernel.buffers[access->buffer]) != run)
      break;
    int64_t factor = std::gcd(width / taken, left(axis));
    takeRegisters(axis, factor);
    taken *= factor;
    run *= extent(axis);
    if (factor != extent(axis) || taken == width)
      break;
  }
  return taken;
}

void ThreadChoice::take(SplitKind kind, int axis, int64_t n) {
  if (n <= 1)
    return;
  schedule.loops.push_back({kind, kernel.axes[axis].name, n});
  if (kind == SplitKind::Local || kind == SplitKind::Group)
    threads *= n;
}

void ThreadChoice::takeRegisters(int axis, int64_t n) {
  take(kernel.axes[axis].stored ? SplitKind::Upcast : SplitKind::Unroll, axis, n);
}

int64_t ThreadChoice::takeThreads(int axis, int64_t most, bool pads) {
  int64_t rest = left(axis), best = 1;
  if (most <= 1 || rest <= 1)
    return 1;
  // Whole subgroups count double.
  auto worth = [&](int64_t n) { return n * (n % device.subgroup == 0 ? 2 : 1); };
  for (int64_t n = 1; n <= std::min(most, rest); ++n)
    if (rest % n == 0 && worth(n) >= worth(best))
      best = n;
  int64_t wanted = std::min(most, rest);
  if (pads && best * 2 < wanted) {
    while (wanted & (wanted - 1))
      wanted &= wanted - 1;
    const std::string &name = kernel.axes[axis].name;
    if (!schedule.padTo.count(name)) {
      schedule.padTo[name] = extent(axis) / rest * wanted;
      best = wanted;
    }
  }
  take(kernel.axes[axis].reduced ? SplitKind::Group : SplitKind::Local, axis, best);
  return best;
}

int64_t ThreadChoice::takePowerOfTwo(const std::vector<int> &chain, int64_t most) {
  int64_t taken = 1;
  for (int axis : chain) {
    int64_t n = 1, rest = left(axis);
    while (n * 2 * taken <= most && rest % (n * 2) == 0)
      n *= 2;
    take(kernel.axes[axis].reduced ? SplitKind::Group : SplitKind::Local, axis, n);
    taken *= n;
  }
  return taken;
}

} // namespace tgc::heuristic
