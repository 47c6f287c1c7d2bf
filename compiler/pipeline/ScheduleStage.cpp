// Input: the kernel stage. Output: the same with a schedule on every kernel, and the weights that schedules
// pack in the order they ask for.
// 1. Each kernel gets the schedule forced on the command line, else the one it carries, else the best recorded one
//    that is legal, else the heuristic's. A locked build wants one of the first three for every kernel that runs.
// 2. A schedule that takes its kernel apart makes other kernels of it.
// 3. The plan says which weights are packed; the kernel reads the packed buffer, a prepare launch makes it.
// 4. What reports need is kept by the kernel's name. Kernels made by packing go through the same steps.
// 5. Prepare launches are ordered so that their workspaces are few.
#include "compiler/pipeline/Stages.h"
#include "compiler/schedule/Describe.h"
#include "compiler/schedule/OrderPrepare.h"
#include "compiler/schedule/Pack.h"
#include "compiler/schedule/TakeApart.h"
#include "compiler/support/Error.h"
#include "search/Plan.h"

using namespace mlir;

namespace tgc {

/// The first recorded schedule that this version knows and finds legal.
static std::optional<Schedule> recordedSchedule(StageAccess access, const KernelInfo &info) {
  if (!access.options().recorded)
    return std::nullopt;
  AskedSchedules &asked = access.asked()[info.hash];
  asked = {};
  for (const std::string &text : access.options().recorded(info.hash)) {
    asked.schedules.push_back(text);
    try {
      Schedule schedule = parseSchedule(text);
      if (isLegal(info, schedule, access.target().device())) {
        asked.taken = true;
        return schedule;
      }
    } catch (const Error &) {
      // Words of another version.
    }
  }
  return std::nullopt;
}

/// Forced, carried or recorded.
static std::optional<Schedule> givenSchedule(StageAccess access, kernel::FuncOp kernel,
                                             const KernelInfo &info) {
  if (auto forced = access.options().schedules.find(kernel.getSymName().str());
      forced != access.options().schedules.end())
    return parseSchedule(forced->second);
  if (std::optional<StringRef> carried = kernel.getSchedule())
    return parseSchedule(carried->str());
  return recordedSchedule(access, info);
}

static Plan planOrThrow(StageAccess access, kernel::FuncOp kernel, const KernelInfo &info,
                        const Schedule &schedule) {
  PlanResult result = makePlan(info, schedule, access.target().device());
  if (result)
    return *result.plan;
  std::string name = kernel.getSymName().str(), text = printSchedule(schedule);
  if (access.options().schedules.count(name))
    usageError("--schedule {}: '{}' is not legal: {}", name, text, result.reason);
  if (kernel.getSchedule())
    badInput("kernel {}: schedule '{}' is not legal: {}", name, text, result.reason);
  internalError("kernel {}: the heuristic's schedule '{}' is not legal: {}", name, text, result.reason);
}

/// A buffer type that the target has not is the model's to change: the error names its nodes.
static void requireTypes(StageAccess access, kernel::FuncOp kernel, const KernelInfo &info) {
  for (const BufferInfo &buffer : info.buffers)
    if (!access.target().supports(buffer.type))
      unsupported("{}: {} does not have elements of type {}", fmt::join(nodeNames(kernel.getLoc()), ", "),
                  access.target().device().name, nameOf(buffer.type));
}

/// A kernel that the schedule takes apart becomes others, which get their schedules in turn.
static SmallVector<kernel::FuncOp> splitKernel(StageAccess access, kernel::FuncOp kernel,
                                               const KernelInfo &info, const Schedule &schedule) {
  PartsResult parts = planParts(info, schedule);
  if (!parts)
    badInput("kernel {}: schedule '{}' is not legal: {}", kernel.getSymName().str(), printSchedule(schedule),
             parts.reason);
  return takeApart(*access.module(), kernel, info, parts);
}

/// Whether it runs every time, not only where weights are prepared.
static bool runs(StageAccess access, kernel::FuncOp kernel) {
  for (auto program : access.module()->getOps<kernel::ProgramOp>())
    for (auto launch : program.getOps<kernel::LaunchOp>())
      if (!launch.getPrepare() && launch.getKernel() == kernel.getSymName())
        return true;
  return false;
}

void scheduleStage(StageAccess access) {
  for (const auto &[name, text] : access.options().schedules)
    if (!access.module()->lookupSymbol<kernel::FuncOp>(name))
      usageError("--schedule {}: there is no kernel of that name", name);
  std::string missing;
  // Packing adds kernels behind the ones it changes, so the list grows on the way.
  std::vector<kernel::FuncOp> kernels(access.module()->getOps<kernel::FuncOp>().begin(),
                                      access.module()->getOps<kernel::FuncOp>().end());
  for (size_t i = 0; i < kernels.size(); ++i) {
    kernel::FuncOp kernel = kernels[i];
    KernelInfo info = describeKernel(kernel);
    requireTypes(access, kernel, info);
    std::optional<Schedule> given = givenSchedule(access, kernel, info);
    if (!given && access.options().locked && runs(access, kernel)) {
      missing += "\n  " + kernel.getSymName().str();
      continue;
    }
    Schedule schedule = given ? *given : heuristicSchedule(info, access.target().device());
    if (schedule.splitsKernel()) {
      for (kernel::FuncOp added : splitKernel(access, kernel, info, schedule))
        kernels.push_back(added);
      continue;
    }
    Plan plan = planOrThrow(access, kernel, info, schedule);
    kernel.setSchedule(printSchedule(schedule));
    std::string description = describe(plan, info);
    for (kernel::FuncOp added : packWeights(*access.module(), kernel, info, plan))
      kernels.push_back(added);
    if (!plan.packs.empty())
      info = describeKernel(kernel);
    access.reports()[kernel.getSymName().str()] = {std::move(info), printSchedule(schedule),
                                                   std::move(description)};
    access.progress("schedule", i + 1, kernels.size());
  }
  if (!missing.empty())
    badInput("--locked: the database has no schedule for these kernels:{}", missing);
  for (auto program : access.module()->getOps<kernel::ProgramOp>())
    orderPrepare(program);
}

} // namespace tgc
