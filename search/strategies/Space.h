// The space that strategies search: which schedules are one step away, which are equal, and what none can beat.
#pragma once
#include "search/Plan.h"
#include <random>

namespace tgc {

/// A legal schedule as strategies see it.
struct Candidate {
  Schedule schedule;
  std::string text;   ///< printed
  uint64_t plan = 0;  ///< equal for schedules that come to the same plan
  double bound = 0;   ///< seconds it cannot be faster than, by the device's rates
  double guess = 0;   ///< seconds, roughly: for the order in which candidates are tried
  bool first = false; ///< a seed that is tried before anything is chosen
};

class Space {
public:
  Space(const KernelInfo &kernel, const DeviceInfo &device) : kernel(kernel), device(device) {}

  /// Nothing where the schedule is illegal.
  std::optional<Candidate> candidate(const Schedule &schedule) const;
  /// Legal schedules that differ in one use of one option: added, taken away, or with another value. No two have one
  /// plan, none has the schedule's own. In a fixed order.
  std::vector<Candidate> neighbours(const Schedule &schedule) const;
  /// The schedules that searches start from: the heuristic's, those that take the kernel apart and a few panels (`first`);
  /// the heuristic's runners-up, and where trials are cheap its schedule without matrix instructions and the empty one.
  std::vector<Candidate> seeds() const;
  /// Seconds that nothing can beat which computes what the kernel says, operation by operation.
  double roofline() const { return roofline(kernel.flops); }
  /// Seconds that no schedule can beat: some take the kernel apart into fewer operations.
  double least() const;

  const KernelInfo kernel;
  const DeviceInfo &device;

private:
  /// The same for a way that takes that many operations.
  double roofline(double flops) const;
  std::vector<Schedule> variations(const Schedule &schedule) const;
  /// Those that take the kernel apart.
  std::vector<Candidate> apart() const;
};

/// The heuristic's schedule without matrix instructions.
Schedule loopHeuristic(const KernelInfo &kernel, const DeviceInfo &device);

} // namespace tgc
