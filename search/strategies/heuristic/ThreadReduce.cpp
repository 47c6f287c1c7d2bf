// Reductions without a contraction on a device with many threads a block.
// 1. Rows whose elements follow each other: one access wide in registers, then threads of a subgroup along the
//    row, more where the row is long, then what is left of the row in registers if that is little: then
//    every pass but the first reads registers. Several rows a block, side by side, and one behind the other where
//    they read the same beside their own, such as tables of angles.
// 2. Where a stored axis is the contiguous one instead, it has registers and threads, and what threads are left
//    share the reduced axes.
// 3. Stored axes that nothing read depends on, which repeat a result, are registers: it is made once.
#include "search/plan/Planners.h"
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/ThreadChoice.h"
#include <algorithm>

namespace tgc::heuristic {
namespace {

constexpr int64_t mostHeld = 48;           // values of a row in a thread's registers
constexpr int64_t mostWithoutPadding = 32; // values of a row in registers, rather than threads without any
constexpr int64_t blockThreads = 128;      // of several rows together
constexpr int64_t columnThreads = 512;     // of a block whose reduced axes lie across memory
constexpr int64_t lineBytes = 256;
constexpr int64_t blockHeld = 16; // values of a row in a thread's registers beside what rows share

/// Bytes that every row along the axis reads anew of the same, beside those of its own.
double sharedBytes(const ThreadChoice &choice, int axis) {
  double same = 0, own = 0;
  for (const Access &access : choice.kernel.accesses)
    if (!access.store) {
      bool moves = access.uses[axis] && access.strideOf(axis, choice.kernel.buffers[access.buffer]) != 0;
      double bytes = double(tgc::bytesOf(choice.kernel.buffers[access.buffer].type));
      for (size_t other = 0; other < choice.kernel.axes.size(); ++other)
        if (choice.kernel.axes[other].reduced && access.uses[other])
          bytes *= double(choice.extent(int(other)));
      (moves ? own : same) += bytes;
    }
  return own > 0 ? same / own : 0;
}

/// A stored axis that no value depends on.
bool repeats(const KernelInfo &kernel, int axis) {
  return std::none_of(kernel.accesses.begin(), kernel.accesses.end(),
                      [&](const Access &access) { return !access.store && access.uses[axis]; });
}

int64_t heldInRegisters(const ThreadChoice &choice) {
  int64_t held = 1;
  for (const LoopSplit &split : choice.schedule.loops)
    if (split.kind == SplitKind::Upcast || split.kind == SplitKind::Unroll)
      held *= split.factor;
  return held;
}

void repeatInRegisters(ThreadChoice &choice, const std::vector<int> &repeated) {
  for (int axis : repeated) {
    int64_t more = std::clamp<int64_t>(mostCopies / heldInRegisters(choice), 1, choice.left(axis));
    while (choice.left(axis) % more != 0)
      --more;
    choice.takeRegisters(axis, more);
  }
}

/// Threads for a row of `length` elements: a subgroup alone, which needs no barrier, as long as its registers hold the
/// row; else some 32 values each leave room for many threads' registers.
int64_t threadsOfRow(int64_t length, const DeviceInfo &device) {
  int64_t threads = device.subgroup;
  if (length <= threads * mostHeld)
    return threads;
  while (threads * 32 < length && threads < 512)
    threads *= 2;
  return threads;
}

void alongRows(ThreadChoice &choice, const std::vector<int> &reduced, const Access *load, int64_t length) {
  choice.takeVector(reduced, load);
  int64_t wanted = threadsOfRow(length, choice.device);
  int64_t taken = choice.takePowerOfTwo(reduced, wanted);
  auto rest = [&] {
    int64_t values = 1;
    for (int axis : reduced)
      values *= choice.left(axis);
    return values;
  };
  int64_t held = heldInRegisters(choice);
  // Extents with few factors of two are padded along their longest axis, unless a few threads hold all of it.
  if (taken < 8 && held * rest() > mostWithoutPadding) {
    int axis = *std::max_element(reduced.begin(), reduced.end(),
                                 [&](int a, int b) { return choice.left(a) < choice.left(b); });
    int64_t units = choice.left(axis), more = std::min<int64_t>(wanted / taken, 8);
    while (more < wanted / taken && more < units)
      more *= 2;
    const std::string &name = choice.kernel.axes[axis].name;
    if (units > 2 && !choice.schedule.padTo.count(name)) {
      choice.schedule.padTo[name] = choice.extent(axis) / units * more;
      choice.take(SplitKind::Group, axis, more);
    }
  }
  bool rows = std::any_of(reduced.begin(), reduced.end(),
                          [&](int axis) { return choice.kernel.axes[axis].stored; }) ||
              std::any_of(choice.kernel.reductions.begin(), choice.kernel.reductions.end(),
                          [](const ReductionInfo &r) { return r.kind == ReductionKind::Moments; });
  if (held * rest() <= (rows ? mostHeld : mostHeld / 2)) {
    for (int axis : reduced)
      choice.takeRegisters(axis, choice.left(axis));
    return;
  }
  for (int axis : reduced) {
    int64_t steps = 4;
    while (steps > 1 && choice.left(axis) % steps != 0)
      --steps;
    if (steps > 1 && held * steps <= mostHeld / 2) {
      choice.takeRegisters(axis, steps);
      break;
    }
  }
}

} // namespace

std::optional<Schedule> threadReduceSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads == 1)
    return std::nullopt;
  ThreadChoice choice(kernel, device);
  std::vector<int> reduced, mapped, repeated;
  int64_t length = 1;
  double rows = 1;
  for (int axis = 0; axis < int(kernel.axes.size()); ++axis) {
    if (kernel.axes[axis].reduced) {
      reduced.push_back(axis);
      length *= choice.extent(axis);
    } else if (kernel.axes[axis].stored && repeats(kernel, axis)) {
      repeated.push_back(axis);
    } else if (kernel.axes[axis].stored) {
      mapped.push_back(axis);
      rows *= double(choice.extent(axis));
    }
  }
  const Access *load = choice.mainAccess(reduced, /*storesFirst=*/false);
  reduced = choice.byStride(reduced, load);
  mapped = choice.byStride(mapped, load);
  bool columns = load && !mapped.empty() && choice.contiguous(mapped.front(), load) &&
                 !choice.contiguous(reduced.front(), load) && choice.extent(mapped.front()) >= 8;
  if (columns) {
    choice.takeVector(mapped, load);
    // Threads beyond a line of memory share the rows instead, if there are enough: more blocks are left.
    for (int axis : mapped)
      if (choice.threads * device.vectorBytes < lineBytes || length * choice.threads < 4 * columnThreads)
        choice.takeThreads(axis, 2 * device.subgroup / choice.threads, /*pads=*/false);
    choice.takePowerOfTwo(reduced, std::max<int64_t>(1, columnThreads / choice.threads));
    for (int axis : reduced)
      if (choice.left(axis) % 4 == 0) {
        choice.takeRegisters(axis, 4);
        break;
      }
    repeatInRegisters(choice, repeated);
    return choice.schedule;
  }
  alongRows(choice, reduced, load, length);
  int64_t held = heldInRegisters(choice);
  // Several rows a block, unless that leaves units without work.
  mapped = choice.byStride(mapped, choice.mainAccess(mapped, /*storesFirst=*/true));
  double most = std::max(1.0, rows / (4.0 * double(device.units)));
  for (int axis : mapped) {
    int64_t more = std::min<int64_t>(blockThreads / choice.threads, int64_t(most));
    int64_t side = more > 1 ? choice.takeThreads(axis, more, /*pads=*/choice.threads * 4 < blockThreads) : 1;
    most /= double(side);
    // One behind the other where much of what they read is the same: it stays in registers.
    for (int64_t rows = 4; rows > 1 && side > 1 && held <= blockHeld; --rows)
      if (choice.extent(axis) % (side * rows) == 0 && double(rows) <= most &&
          sharedBytes(choice, axis) >= 1) {
        choice.schedule.tile[kernel.axes[axis].name] = side * rows;
        most /= double(rows);
        break;
      }
  }
  repeatInRegisters(choice, repeated);
  return choice.schedule;
}

} // namespace tgc::heuristic
