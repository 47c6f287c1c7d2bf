#include "search/plan/FragmentParts.h"
#include "search/plan/Boxes.h"
#include "search/plan/RolesPack.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {

void FragmentParts::refuse(bool there, const char *option, const char *reason) {
  if (there)
    throw Refusal{fmt::format("{}: {}", option, reason)};
}

void FragmentParts::refuseForFragments(bool prefetches) const {
  refuse(!schedule.split.empty(), "split", "the pipe walks a sum in one block");
  refuse(!schedule.padTo.empty(), "padto", "tiles need not divide the extent");
  refuse(schedule.prefetch.has_value() && !prefetches, "prefetch", "the ring fetches ahead");
  if (kernel.attend) {
    refuse(!schedule.packs.empty(), "pack", "attention has no weights");
    refuse(schedule.flip, "flip", "queries are the atom's rows");
  } else {
    refuse(schedule.packs.size() > 1, "pack", "one operand is packed");
    refuse(!schedule.hold.empty(), "hold", "operands come through the ring");
  }
}

const Atom &FragmentParts::exactAtom(ElementType accumulator, ElementType operand) const {
  for (const Atom &candidate : device.atoms)
    if (candidate.name == *schedule.atom && candidate.accumulator == accumulator && candidate.a == operand &&
        candidate.b == operand && (!kernel.attend || candidate.aFromRegisters)) {
      refuse(candidate.tf32 && !(kernel.contract && kernel.contract->tf32), "tc",
             "operands would be rounded to tf32, and may not be");
      return candidate;
    }
  throw Refusal{fmt::format("tc({}): no such atom multiplies {}{} into {}", *schedule.atom, nameOf(operand),
                            kernel.attend ? " from registers" : "", nameOf(accumulator))};
}

const Atom &FragmentParts::planProduct(PipePlan &plan, const Side &depth) const {
  const ContractInfo &contract = *kernel.contract;
  if (left().type != right().type)
    throw Refusal{fmt::format("tc({}): operands of {} and {}", *schedule.atom, nameOf(left().type),
                              nameOf(right().type))};
  const Atom &atom = exactAtom(kernel.reductions[contract.reduction].accumulator, left().type);
  if (kernel.reductions.size() > 1)
    throw Refusal{"tc: another reduction beside the product"};
  plan.atom = atom.name;
  plan.flip = schedule.flip;
  plan.batch = makeBatch(contract.batch);
  plan.m = storedSide(schedule.flip ? contract.n : contract.m, contract.complete);
  plan.n = storedSide(schedule.flip ? contract.m : contract.n, contract.complete);
  plan.k = depth;
  requireWhole(plan, contract.complete);
  requireTiledAxes(plan, "the product");
  return atom;
}

std::vector<PackPlan> FragmentParts::packRight(KernelInfo &packed, const PipePlan &plan) const {
  std::vector<PackPlan> packs;
  for (const auto &[name, order] : schedule.packs)
    if (auto pack = packColumns(packed, right(), name, order, schedule.flip ? 'm' : 'n', plan.n, plan.k))
      packs.push_back(*pack);
  return packs;
}

Side FragmentParts::openSide(const std::vector<int> &axes, const Access *guide,
                             const std::vector<int> &whole) const {
  Side side = makeSide(axes, guide, whole);
  for (TiledAxis &axis : side.axes)
    if (auto tile = schedule.tile.find(kernel.axes[axis.axis].name); tile != schedule.tile.end())
      axis.tile = tile->second;
  return side;
}

const Atom &FragmentParts::planAttention(PipePlan &plan, bool tiledColumns) const {
  const AttendInfo &attend = *kernel.attend;
  const ContractInfo &scores = *attend.scores;
  ElementType type = scores.lhs.type;
  if (scores.rhs.type != type || attend.values.type != type)
    throw Refusal{"tc: queries, keys and values have different types"};
  const Atom &atom = exactAtom(kernel.reductions[attend.reduction].accumulator, type);
  if (kernel.reductions.size() > 2)
    throw Refusal{"tc: another reduction beside the softmax"};
  plan.atom = atom.name;
  QuerySides queries = divideQueries();
  plan.batch = makeBatch(queries.batch);
  plan.m = openSide(queries.rows, mainAccess(scores.lhs), {});
  plan.n = openSide(attend.n, mainAccess(scores.rhs), {});
  plan.k = openSide(attend.d, mainAccess(scores.rhs), attend.d);
  plan.e = openSide(attend.e, mainAccess(attend.values), attend.e);
  requireWhole(plan, attend.d);
  if (!tiledColumns)
    requireWhole(plan, attend.e);
  requireWhole(plan, attend.complete);
  requireTiledAxes(plan, "attention");
  for (size_t i = 1; i < plan.n.axes.size(); ++i)
    if (plan.n.axes[i].ragged())
      throw Refusal{fmt::format("tile({},{}): every block of keys would end inside",
                                kernel.axes[plan.n.axes[i].axis].name, plan.n.axes[i].tile)};
  return atom;
}

bool FragmentParts::holdsQueries() const {
  const OperandInfo &queries = kernel.attend->scores->lhs;
  for (const std::string &buffer : schedule.hold)
    if (queries.accesses.size() != 1 ||
        kernel.buffers[kernel.accesses[queries.accesses[0]].buffer].name != buffer)
      throw Refusal{fmt::format("hold({}): queries may be held", buffer)};
  return !schedule.hold.empty();
}

int64_t FragmentParts::registersOfGroups(const RolesPlan &roles) const {
  return std::min(device.registers, device.blockRegisters / (roles.consumers * roles.groupThreads));
}

int64_t FragmentParts::divideRegisters(RolesPlan &roles, int64_t producers) const {
  auto floor8 = [](int64_t number) { return number / 8 * 8; };
  int64_t groups = roles.consumers + 1;
  int64_t entry = std::min<int64_t>(248, floor8(device.blockRegisters / (groups * roles.groupThreads)));
  // With few groups every thread has as many as it can name; else producers leave theirs to consumers.
  roles.producerRegisters = roles.consumerRegisters = entry;
  if (entry < 248) {
    roles.producerRegisters = producers;
    roles.consumerRegisters =
        std::min<int64_t>(240, floor8((entry * groups - roles.producerRegisters) / roles.consumers));
  }
  return entry;
}

LaunchPlan FragmentParts::launchRoles(PipePlan &plan, int64_t tiles, int64_t tileBytes,
                                      int64_t barrierBytes) const {
  RolesPlan &roles = *plan.roles;
  roles.tiles = tiles;
  for (const TiledAxis &axis : plan.batch)
    roles.tiles *= axis.tiles();
  LaunchPlan launch;
  launch.threads = (roles.consumers + roles.producers) * roles.groupThreads;
  launch.blocks =
      schedule.persistent ? std::min(roles.tiles, device.units) / roles.cluster * roles.cluster : roles.tiles;
  launch.scratchBytes =
      1024 + tileBytes + roles.consumers * roles.slots * roles.pieceRows() * boxRowBytes + barrierBytes;
  if (launch.scratchBytes > device.sharedBytes)
    throw Refusal{
        fmt::format("{} bytes of block memory, there are {}", launch.scratchBytes, device.sharedBytes)};
  if (launch.threads > device.maxThreads)
    throw Refusal{fmt::format("warps: {} threads, there are {}", launch.threads, device.maxThreads)};
  return launch;
}

Side FragmentParts::storedSide(std::vector<int> axes, const std::vector<int> &whole) const {
  const Access *store = mainStore();
  auto key = [&](int axis) {
    std::optional<int64_t> stride = strideOf(store, axis);
    return stride ? std::abs(*stride) : int64_t(1) << 62;
  };
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return key(a) > key(b); });
  Side side;
  for (int axis : axes) {
    const AxisInfo &info = kernel.axes[axis];
    auto tile = schedule.tile.find(info.name);
    side.axes.push_back({axis, info.extent,
                         tile != schedule.tile.end() ? tile->second
                         : contains(whole, axis)     ? info.extent
                                                     : 1});
  }
  return side;
}

Side FragmentParts::depthSide(const std::vector<int> &axes, const OperandInfo &operand) const {
  Side side = storedSide(axes, {});
  const Access *load = mainAccess(operand);
  auto key = [&](const TiledAxis &axis) {
    return std::abs(strideOf(load, axis.axis).value_or(int64_t(1) << 62));
  };
  std::stable_sort(side.axes.begin(), side.axes.end(),
                   [&](const TiledAxis &a, const TiledAxis &b) { return key(a) > key(b); });
  choosersFirst(side, operand);
  return side;
}

void FragmentParts::choosersFirst(Side &depth, const OperandInfo &operand) const {
  const Access *load = mainAccess(operand);
  std::stable_partition(depth.axes.begin(), depth.axes.end(), [&](const TiledAxis &axis) {
    return axis.tile == 1 && axis.extent > 1 && strideOf(load, axis.axis) == 0;
  });
}

const std::string &FragmentParts::requireFetched(const OperandInfo &operand, const char *kind) const {
  if (operand.choices.empty() || operand.reduced)
    throw Refusal{"tc: an operand is computed, copies move loads only"};
  for (int access : operand.accesses) {
    const std::string &name = kernel.buffers[kernel.accesses[access].buffer].name;
    if (auto copy = schedule.copies.find(name); copy == schedule.copies.end() || copy->second != kind)
      throw Refusal{fmt::format("copy({}): all of the operand comes by {}", name, kind)};
  }
  return kernel.buffers[kernel.accesses[operand.accesses.front()].buffer].name;
}

} // namespace tgc
