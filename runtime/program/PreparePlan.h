// Which prepare launches a change of weights needs, and which weights those read again: worked out once per
// package from what launches read and write.
#pragma once
#include "runtime/format/Package.h"
#include <vector>

namespace tgc::runtime {

class PreparePlan {
public:
  explicit PreparePlan(const Package &package);

  /// The launches to run, in order, after the weights changed (indices in package.prepare): those that depend
  /// on one of them, and those that make memory which does not outlive a preparation and is read by them.
  std::vector<uint32_t> launchesFor(const std::vector<uint32_t> &weights) const;
  /// All launches.
  std::vector<uint32_t> allLaunches() const;

  /// The weights whose slots a launch reads.
  const std::vector<uint32_t> &weightsRead(uint32_t launch) const { return reads[launch]; }
  /// Whether runs (launches or outputs) read the weight as it is.
  bool usedByRun(uint32_t weight) const { return byRun[weight]; }
  bool usedByPrepare(uint32_t weight) const { return byPrepare[weight]; }
  /// Whether preparing again after a change of another weight reads this one.
  bool neededForOthers(uint32_t weight) const { return forOthers[weight]; }

  /// Bytes held at most while everything is prepared for the first time: weights that runs use, prepared
  /// slots, and the sources brought in for a launch.
  uint64_t peakBytes() const { return peak; }

private:
  void findEdges();
  void findForOthers();
  void findPeak();

  const Package &package;
  std::vector<std::vector<uint32_t>> reads;      // launch → weights
  std::vector<std::vector<uint32_t>> dependents; // weight → launches that name it or read its slot
  std::vector<std::vector<uint32_t>> consumers;  // launch → later launches that read what it writes
  std::vector<std::vector<uint32_t>> suppliers;  // launch → earlier launches of transient memory it reads
  std::vector<bool> byRun, byPrepare, forOthers;
  uint64_t peak = 0;
};

} // namespace tgc::runtime
