// What the heuristics of loop kernels share: a schedule in the making, and questions about axes.
#pragma once
#include "search/Plan.h"

namespace tgc::heuristic {

class LoopChoice {
public:
  LoopChoice(const KernelInfo &kernel, const DeviceInfo &device);

  Schedule schedule;
  const KernelInfo &kernel;
  const DeviceInfo &device;
  int64_t lanes; ///< of a vector register

  int64_t extent(int axis) const { return kernel.axes[axis].extent; }
  /// Bytes that accesses touch with the axis contiguous, less those they touch in strides along it.
  double contiguity(int axis) const;
  /// Whether some access of this kind has the axis contiguous.
  bool contiguous(int axis, bool store) const;
  /// The axis with the highest contiguity among `among`, if positive.
  std::optional<int> bestVector(const std::vector<int> &among) const;
  /// A short contiguous axis and the axis whose elements it lies between in the store: lanes along the second
  /// and all of the first in registers are whole vectors in memory.
  std::optional<std::pair<int, int>> shortPair() const;
  /// Points of the store's nest, or of the largest reduction.
  double points() const;

  /// Lanes along the axis and `registers` vectors of them, as far as the extent gives them; pads the axis
  /// where that wastes little. Gives what one step of the axis then takes.
  int64_t vectorise(int axis, SplitKind kind, int64_t registers);
  /// `count` registers along an axis, or the largest divisor below; gives how many.
  int64_t unrollBy(int axis, SplitKind kind, int64_t count);
  /// Tiles so that a block does about `work` points, rows and reduced axes being whole: stored axes from the
  /// contiguous one outwards.
  void tileBlocks(double work);
  /// Work for a block, so that all units have several blocks where there is enough of it.
  double blockWork(double least, double most) const;
  int64_t stepOf(int axis) const;
};

} // namespace tgc::heuristic
