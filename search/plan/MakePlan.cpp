// The one place that judges a schedule as a whole, and the text of a plan.
#include "search/options/Option.h"
#include "search/plan/Planners.h"

#include <fmt/ranges.h>

namespace tgc {

PlanResult makePlan(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  if (std::string reason = illegalOption({kernel, device}, schedule); !reason.empty())
    return {std::nullopt, reason};
  if (!schedule.atom)
    return planLoop(kernel, schedule, device);
  return planPipe(kernel, schedule, device);
}

PartsResult planParts(const KernelInfo &kernel, const Schedule &schedule) {
  if (!schedule.unfold.empty())
    return planUnfold(kernel, schedule);
  return schedule.winograd ? planWinograd(kernel, schedule) : planSplit(kernel, schedule);
}

bool isLegal(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  return schedule.splitsKernel() ? bool(planParts(kernel, schedule))
                                 : bool(makePlan(kernel, schedule, device));
}

namespace {

const char *nameOf(LoopLevel::Kind kind) {
  switch (kind) {
  case LoopLevel::Grid:
    return "grid";
  case LoopLevel::Serial:
    return "serial";
  case LoopLevel::Local:
    return "local";
  case LoopLevel::Group:
    return "group";
  case LoopLevel::Unroll:
    return "unroll";
  case LoopLevel::Upcast:
    return "upcast";
  case LoopLevel::Vector:
    return "vector";
  }
  return "";
}

std::string describeBody(const LoopPlan &plan, const KernelInfo &kernel) {
  std::string text = "loop\n";
  for (const AxisPlan &axis : plan.axes) {
    std::vector<std::string> levels;
    for (const LoopLevel &level : axis.levels)
      levels.push_back(fmt::format("{} {} step {}", level.count, nameOf(level.kind), level.step) +
                       (level.threads > 1 ? fmt::format(" threads {}", level.threads) : ""));
    text += fmt::format("  {} = {}{}: {}\n", kernel.axes[axis.axis].name, axis.extent,
                        axis.padded > axis.extent ? fmt::format(" padded {}", axis.padded) : "",
                        fmt::join(levels, ", "));
  }
  std::vector<std::string> order, hold;
  for (int axis : plan.gridOrder)
    order.push_back(kernel.axes[axis].name);
  for (int buffer : plan.hold)
    hold.push_back(kernel.buffers[buffer].name);
  if (!order.empty())
    text += fmt::format("  grid fastest first: {}\n", fmt::join(order, ", "));
  if (plan.vectorAxis >= 0)
    text += fmt::format("  vectors of {} along {}\n", plan.vectorWidth, kernel.axes[plan.vectorAxis].name);
  if (!hold.empty())
    text += fmt::format("  held: {}\n", fmt::join(hold, ", "));
  return text;
}

std::string sides(const char *name, const Side &side, const KernelInfo &kernel) {
  std::string text;
  for (const TiledAxis &axis : side.axes)
    text += fmt::format("  {}: {} = {} tile {}\n", name, kernel.axes[axis.axis].name, axis.extent, axis.tile);
  return text;
}

std::string describeBox(const BoxPlan &box, const KernelInfo &kernel) {
  return fmt::format("{} offset {} sizes [{}] strides [{}] box [{}] swizzle {}",
                     kernel.buffers[box.buffer].name, box.offset, fmt::join(box.sizes, ","),
                     fmt::join(box.strides, ","), fmt::join(box.box, ","), box.swizzle);
}

std::string describeBody(const PipePlan &plan, const KernelInfo &kernel) {
  std::string text =
      fmt::format("pipe {} {}x{}{}\n", plan.atom, plan.atomM, plan.atomN, plan.flip ? " flip" : "");
  text += sides("m", plan.m, kernel) + sides("n", plan.n, kernel) + sides("k", plan.k, kernel);
  text += sides("e", plan.e, kernel);
  for (auto [name, operand] : {std::pair("a", &plan.a), std::pair("b", &plan.b), std::pair("v", &plan.v)})
    if (!operand->copy.empty())
      text += fmt::format("  operand {}: {}, {} stages of {} bytes\n", name, operand->copy, operand->stages,
                          operand->tileBytes);
  for (auto [name, operand] : {std::pair("a", &plan.a), std::pair("b", &plan.b), std::pair("v", &plan.v)})
    for (const BoxPlan &box : operand->boxes)
      text += fmt::format("  operand {} in {} box{}: {}\n", name, operand->fetches.size(),
                          operand->fetches.size() == 1 ? "" : "es", describeBox(box, kernel));
  if (const auto &roles = plan.roles; roles && roles->producers == 0)
    text += fmt::format("  {} groups of {}x{}, {} side by side, {} slots, {} tiles\n", roles->consumers,
                        roles->fragmentRows, roles->fragmentColumns, roles->columnGroups, roles->slots,
                        roles->tiles);
  else if (roles)
    text += fmt::format("  {} consumer{} of {}x{}{}, {} + {} registers, {} slots, {} tiles\n",
                        roles->consumers, roles->consumers == 1 ? "" : "s", roles->fragmentRows, plan.atomN,
                        roles->pingpong ? " in turn" : "", roles->producerRegisters, roles->consumerRegisters,
                        roles->slots, roles->tiles);
  if (plan.roles && plan.roles->cluster > 1)
    text += fmt::format("  clusters of {} along {}, operand {} fetched in {} parts\n", plan.roles->cluster,
                        kernel.axes[plan.roles->clusterAxis].name, plan.a.shared ? "a" : "b",
                        plan.roles->cluster);
  if (plan.roles) {
    for (const StorePlan &store : plan.stores) {
      text += fmt::format("  store {}: {}\n", kernel.buffers[kernel.accesses[store.access].buffer].name,
                          store.staged ? fmt::format("{} pieces{}", store.pieces.size(),
                                                     store.transposed ? " transposed" : "")
                                       : "from registers");
      for (const BoxPlan &box : store.boxes)
        text += fmt::format("    {}\n", describeBox(box, kernel));
    }
  }
  return text;
}

} // namespace

std::string describe(const Plan &plan, const KernelInfo &kernel) {
  std::string text = std::visit([&](const auto &body) { return describeBody(body, kernel); }, plan.body);
  for (const LaunchPlan &launch : plan.launches)
    text += fmt::format("  launch: {} blocks of {} thread{}, {} bytes of scratch\n", launch.blocks,
                        launch.threads, launch.threads == 1 ? "" : "s", launch.scratchBytes);
  for (const PackPlan &pack : plan.packs)
    text += fmt::format("  pack {} {} [{}]\n", kernel.buffers[pack.buffer].name, pack.order,
                        fmt::join(pack.shape, "x"));
  if (plan.workspaceBytes)
    text += fmt::format("  workspace {} bytes\n", plan.workspaceBytes);
  return text;
}

} // namespace tgc
