// Contractions in plain loops on a device with many threads a block.
// 1. One side is short (a matrix times a few vectors): memory's speed is what counts. Where the other operand
//    has its reduced axis contiguous, a subgroup shares a row of it; else threads lie along its contiguous
//    axis and share the reduced one.
// 2. Else tiles of registers, 4 by 4, on 16 by 16 threads; as many steps of the reduced axis as one access has.
#include "search/strategies/heuristic/AtomChoice.h"
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/ThreadChoice.h"
#include <algorithm>

namespace tgc::heuristic {
namespace {

int64_t product(const ThreadChoice &choice, const std::vector<int> &axes) {
  int64_t all = 1;
  for (int axis : axes)
    all *= choice.extent(axis);
  return all;
}

Schedule fewColumns(ThreadChoice choice, const ContractInfo &contract, bool rowsAreM) {
  std::vector<int> rows = rowsAreM ? contract.m : contract.n, few = rowsAreM ? contract.n : contract.m;
  const Access *load = largestAccess(choice.kernel, rowsAreM ? contract.lhs : contract.rhs);
  rows = choice.byStride(rows, load);
  std::vector<int> k = choice.byStride(contract.k, load);
  bool alongRows = !rows.empty() && choice.contiguous(rows.front(), load);
  if (alongRows) {
    choice.takeVector(rows, load);
    for (int axis : rows)
      choice.takeThreads(axis, choice.device.subgroup / choice.threads, /*pads=*/false);
    choice.takePowerOfTwo(k, 8);
  } else {
    choice.takeVector(k, load);
    choice.takePowerOfTwo(k, choice.device.subgroup);
  }
  for (int axis : k)
    if (choice.left(axis) % 4 == 0) {
      choice.takeRegisters(axis, 4);
      break;
    }
  for (int axis : few)
    choice.takeRegisters(axis, choice.left(axis));
  if (!alongRows) {
    for (int axis : rows)
      if (choice.left(axis) % 2 == 0) {
        choice.takeRegisters(axis, 2);
        break;
      }
    for (int axis : rows)
      choice.takeThreads(axis, 256 / choice.threads, /*pads=*/false);
  }
  return choice.schedule;
}

/// Registers and threads along the axes of one side, from the innermost of the store on.
void takeSide(ThreadChoice &choice, std::vector<int> axes, const Access *store, int64_t registers,
              int64_t threads) {
  axes = choice.byStride(axes, store);
  for (int axis : axes) {
    int64_t n = std::min(registers, choice.left(axis));
    while (n > 1 && choice.left(axis) % n != 0)
      --n;
    choice.takeRegisters(axis, n);
    registers /= std::max<int64_t>(1, n);
  }
  for (int axis : axes)
    threads /= choice.takeThreads(axis, threads, /*pads=*/choice.left(axis) > 2 && threads == 16);
}

} // namespace

std::optional<Schedule> threadContractSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads == 1 || !kernel.contract)
    return std::nullopt;
  const ContractInfo &contract = *kernel.contract;
  ThreadChoice choice(kernel, device);
  int64_t m = product(choice, contract.m), n = product(choice, contract.n);
  constexpr int64_t few = 4;
  if (std::min(m, n) <= few && std::max(m, n) >= device.subgroup)
    return fewColumns(choice, contract, m > n);
  std::vector<int> stored;
  for (int axis = 0; axis < int(kernel.axes.size()); ++axis)
    if (kernel.axes[axis].stored)
      stored.push_back(axis);
  const Access *store = choice.mainAccess(stored, /*storesFirst=*/true);
  takeSide(choice, contract.n, store, 4, 16);
  takeSide(choice, contract.m, store, 4, 256 / std::max<int64_t>(16, choice.threads));
  // Small tiles leave threads for the batch.
  for (int axis : choice.byStride(contract.batch, store))
    if (choice.threads < 128)
      choice.takeThreads(axis, 128 / choice.threads, /*pads=*/false);
  for (const OperandInfo *operand : {&contract.lhs, &contract.rhs}) {
    const Access *load = largestAccess(kernel, *operand);
    std::vector<int> k = choice.byStride(contract.k, load);
    if (!k.empty() && choice.contiguous(k.front(), load) && choice.takeVector({k.front()}, load) > 1)
      return choice.schedule;
  }
  for (int axis : contract.k)
    if (choice.left(axis) % 4 == 0) {
      choice.takeRegisters(axis, 4);
      break;
    }
  return choice.schedule;
}

std::optional<Schedule> threadAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads == 1 || !kernel.attend)
    return std::nullopt;
  const AttendInfo &attend = *kernel.attend;
  ThreadChoice choice(kernel, device);
  // A thread has a query and some columns of the values; all threads read the same keys.
  std::vector<int> columns = attend.e;
  for (int axis : columns) {
    int64_t n = std::min<int64_t>(32, choice.left(axis));
    while (n > 1 && choice.left(axis) % n != 0)
      --n;
    choice.takeRegisters(axis, n);
  }
  for (int axis : attend.m)
    choice.takeThreads(axis, 128 / choice.threads, /*pads=*/choice.threads == 1);
  for (int axis : attend.batch)
    choice.takeThreads(axis, 64 / std::min<int64_t>(64, choice.threads), /*pads=*/false);
  if (!attend.d.empty()) {
    const Access *load = choice.mainAccess(attend.d, /*storesFirst=*/false);
    choice.takeVector(choice.byStride(attend.d, load), load);
  }
  return choice.schedule;
}

/// Any kernel: threads along the stored axes, so that no rule's refusal leaves a block with one thread.
std::optional<Schedule> threadAnySchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads == 1)
    return std::nullopt;
  ThreadChoice choice(kernel, device);
  std::vector<int> stored;
  for (int axis = 0; axis < int(kernel.axes.size()); ++axis)
    if (kernel.axes[axis].stored && !kernel.axes[axis].reduced)
      stored.push_back(axis);
  for (int axis : choice.byStride(stored, choice.mainAccess(stored, /*storesFirst=*/true)))
    choice.takeThreads(axis, 128 / choice.threads, /*pads=*/false);
  return choice.schedule;
}

} // namespace tgc::heuristic
