// What the heuristics of loop kernels share on devices with many threads a block: a schedule in the making.
#pragma once
#include "search/Plan.h"

namespace tgc::heuristic {

class ThreadChoice {
public:
  ThreadChoice(const KernelInfo &kernel, const DeviceInfo &device);

  Schedule schedule;
  const KernelInfo &kernel;
  const DeviceInfo &device;
  int64_t threads = 1; ///< taken so far

  int64_t extent(int axis) const { return kernel.axes[axis].extent; }
  /// What the options so far leave of the axis.
  int64_t left(int axis) const;
  /// The access among those that depend on some of `axes` that moves most bytes; stores first if wanted. Null: none.
  const Access *mainAccess(const std::vector<int> &axes, bool storesFirst) const;
  /// `axes` in the order of memory of the access, its contiguous axis first; those it does not depend on last.
  std::vector<int> byStride(std::vector<int> axes, const Access *access) const;
  bool contiguous(int axis, const Access *access) const;

  /// Registers along the first axes of `chain`, as many as one access of the widest kind has elements, as far as
  /// all accesses that matter are aligned for it. Gives how many.
  int64_t takeVector(const std::vector<int> &chain, const Access *access);
  /// One option of the axis; `n` must divide what is left of it.
  void take(SplitKind kind, int axis, int64_t n);
  void takeRegisters(int axis, int64_t n);
  /// Threads along the axis: what is left of it or a divisor, at most `most`. With `pads` the axis is rounded up
  /// where its divisors are poor. Gives how many.
  int64_t takeThreads(int axis, int64_t most, bool pads);
  /// The same as a power of two along all axes of the chain.
  int64_t takePowerOfTwo(const std::vector<int> &chain, int64_t most);

private:
  double bytesOf(const Access &access) const;
  int64_t aligned(const Access &access, const std::vector<int> &chain, int64_t width) const;
};

} // namespace tgc::heuristic
