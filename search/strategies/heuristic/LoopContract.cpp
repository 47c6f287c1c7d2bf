// Contractions in plain loops, on a device with vectors and one thread a block.
// 1. Lanes along a stored axis that is contiguous in an operand and in the store; else along a reduced axis that is
//    contiguous in both operands.
// 2. Registers: a few vectors of that axis times a few of an axis that the other operand has, so that every value
//    loaded is used several times; without such an axis as many vectors as there are registers.
// 3. Blocks of about a million products.
#include "search/strategies/heuristic/Heuristic.h"
#include "search/strategies/heuristic/LoopChoice.h"

#include <algorithm>

namespace tgc::heuristic {
namespace {

bool contiguousIn(const KernelInfo &kernel, const OperandInfo &operand, int axis) {
  return std::any_of(operand.accesses.begin(), operand.accesses.end(), [&](int access) {
    const Access &load = kernel.accesses[access];
    return load.strideOf(axis, kernel.buffers[load.buffer]) == 1;
  });
}

/// The axis of the side with the longest extent.
std::optional<int> longest(const LoopChoice &choice, const std::vector<int> &axes) {
  std::optional<int> best;
  for (int axis : axes)
    if (choice.extent(axis) > 1 && (!best || choice.extent(axis) > choice.extent(*best)))
      best = axis;
  return best;
}

} // namespace

std::optional<Schedule> loopContractSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (device.maxThreads > 1 || !kernel.contract)
    return std::nullopt;
  const ContractInfo &contract = *kernel.contract;
  LoopChoice choice(kernel, device);
  auto stored = [&](int axis) { return kernel.axes[axis].stored && !kernel.axes[axis].reduced; };
  std::optional<int> vector;
  const std::vector<int> *across = nullptr; // axes whose registers reuse the vector
  for (auto [side, operand, others] : {std::tuple(&contract.n, &contract.rhs, &contract.m),
                                       std::tuple(&contract.m, &contract.lhs, &contract.n)})
    for (int axis : *side)
      if (!vector && stored(axis) && contiguousIn(kernel, *operand, axis) &&
          choice.extent(axis) >= choice.lanes) {
        vector = axis;
        across = others;
      }
  int64_t budget = device.registers >= 32 ? 24 : 12;
  if (vector) {
    std::optional<int> other = longest(choice, *across);
    // Where nothing is used twice, memory decides: the longer its runs, the better.
    int64_t side = other ? 4 : device.registers;
    int64_t vectors = std::max<int64_t>(1, choice.vectorise(*vector, SplitKind::Upcast, side) / choice.lanes);
    if (other && stored(*other))
      choice.unrollBy(*other, SplitKind::Upcast, std::max<int64_t>(1, budget / vectors));
  } else {
    for (int axis : contract.k)
      if (!vector && !kernel.axes[axis].stored && contiguousIn(kernel, contract.lhs, axis) &&
          contiguousIn(kernel, contract.rhs, axis))
        vector = axis;
    if (vector)
      choice.vectorise(*vector, SplitKind::Unroll, 1);
    int64_t side = device.registers >= 32 ? 4 : 3;
    for (const std::vector<int> *axes : {&contract.m, &contract.n})
      if (std::optional<int> axis = longest(choice, *axes); axis && stored(*axis))
        choice.unrollBy(*axis, SplitKind::Upcast, side);
  }
  choice.tileBlocks(choice.blockWork(64e3, 2e6));
  return choice.schedule;
}

} // namespace tgc::heuristic
