// The plan: every size that follows from a kernel, a schedule and a device, computed in one place.
#pragma once
#include "search/DeviceInfo.h"
#include "search/LoopPlan.h"
#include "search/PipePlan.h"
#include "search/Schedule.h"
#include <variant>

namespace tgc {

/// A free weight's order in memory: packed[i] = original at `index`; made once in `prepare`.
struct PackPlan {
  int buffer = 0;
  std::string order;                   ///< as in pack(w,order)
  std::vector<int64_t> shape;          ///< of the packed buffer
  ElementType type = ElementType::F32; ///< of its elements: conversions are made once
};

/// One launch of a kernel: a kernel split over its reduction has several, with a workspace between them.
struct LaunchPlan {
  int64_t blocks = 1;
  int64_t threads = 1;
  int64_t scratchBytes = 0; ///< memory of one block (CPU: of one thread; GPU: shared memory)
};

struct Plan {
  std::variant<LoopPlan, PipePlan> body;
  std::vector<LaunchPlan> launches;
  std::vector<PackPlan> packs;
  int64_t workspaceBytes = 0;
  int64_t registers = 0; ///< of one thread, estimated
};

/// A legal plan, or why there is none.
struct PlanResult {
  std::optional<Plan> plan;
  std::string reason;
  explicit operator bool() const { return plan.has_value(); }
};

PlanResult makePlan(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);
std::string describe(const Plan &plan, const KernelInfo &kernel);

/// A reduced axis in parts, each reduced by itself, and a second launch that joins them: not a plan of one kernel,
/// but other kernels in its place, which have schedules of their own (compiler/schedule/SplitReduction.h).
struct SplitPlan {
  int axis = 0;
  int64_t parts = 1;
  std::vector<int> reductions; ///< the ones over that axis
  std::vector<int> kept;       ///< axes that parts leave alone and the join reduces
};

/// A convolution with 3×3 taps of stride 1 by minimal filtering (compiler/schedule/Winograd.h): of `tile`² results
/// a product of (tile + 2)² transformed elements in the place of 9 · tile² multiplications.
struct WinogradPlan {
  int64_t tile = 4;         ///< results a side, 2 or 4
  bool flip = false;        ///< the data is the right operand
  WindowInfo rows, columns; ///< of three taps each
};

/// Operands of a contraction that are computed ahead, as rows of the depth (compiler/schedule/Unfold.h).
struct UnfoldPlan {
  bool lhs = false, rhs = false;
};

/// What a schedule that takes the kernel apart (Schedule::splitsKernel) makes of it.
struct PartsResult {
  std::optional<std::variant<SplitPlan, WinogradPlan, UnfoldPlan>> plan;
  std::string reason;
  explicit operator bool() const { return plan.has_value(); }
};
/// For a schedule of split and join(launch) without tc, of winograd alone, or of unfold alone.
PartsResult planParts(const KernelInfo &kernel, const Schedule &schedule);

/// Whether there is a plan, or for a schedule that takes the kernel apart its parts.
bool isLegal(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device);

/// The hand-written heuristic: always legal for the device, always the same for the same kernel.
Schedule heuristicSchedule(const KernelInfo &kernel, const DeviceInfo &device);

} // namespace tgc
