// The pipe's plan of a contraction by atoms that their threads wait for (a warp's), on a device whose threads copy to
// block memory without waiting.
// 1. Sides as for asynchronous atoms; groups divide rows and columns of the tile between them.
// 2. Operands are loads in boxes, contiguous along the depth or along their side. Rows of block memory are as wide as
//    the depth of a step, up to 128 bytes.
// 3. Sums of a group, two steps of its operands and what the epilogue needs fit a thread's registers.
// 4. Stores: staged in pieces of 16 rows; else from registers.
#include "search/plan/GroupsParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

/// Registers of a thread beside sums and operands.
constexpr int64_t spareRegisters = 40;

class GroupsPlanner : GroupsParts {
public:
  using GroupsParts::GroupsParts;

  Plan run() {
    const ContractInfo &contract = *kernel.contract;
    const OperandInfo &left = schedule.flip ? contract.rhs : contract.lhs;
    const OperandInfo &right = schedule.flip ? contract.lhs : contract.rhs;
    refuseForGroups();
    if (!schedule.hold.empty())
      throw Refusal{"hold: operands come through the ring"};
    if (left.type != right.type)
      throw Refusal{fmt::format("tc({}): operands of {} and {}", *schedule.atom, nameOf(left.type), nameOf(right.type))};
    atom = &exactAtom(kernel.reductions[contract.reduction].accumulator, left.type);
    if (kernel.reductions.size() > 1)
      throw Refusal{"tc: another reduction beside the product"};

    plan.atom = atom->name;
    plan.flip = schedule.flip;
    plan.batch = makeBatch(contract.batch);
    plan.m = storedSide(schedule.flip ? contract.n : contract.m, contract.complete);
    plan.n = storedSide(schedule.flip ? contract.m : contract.n, contract.complete);
    plan.k = storedSide(contract.k, {});
    requireWhole(plan, contract.complete);
    for (const auto &[name, tile] : schedule.tile)
      if (!plan.find(*kernel.axisNamed(name)))
        throw Refusal{fmt::format("tile({},{}): the product does not have the axis", name, tile)};
    planGroups(contract);
    plan.a = planOperand(left, plan.m, plan.roles->fragmentRows);
    if (schedule.packs.empty())
      plan.b = planOperand(right, plan.n, plan.roles->fragmentColumns);
    else
      planPacked(right);
    finish(plan, plan.n);
    plan.roles->slots = planStores(kernel, plan, plan.n);
    return planLaunch();
  }

private:
  void planGroups(const ContractInfo &contract) {
    RolesPlan roles;
    roles.producers = 0;
    roles.consumers = schedule.warpsM * schedule.warpsN;
    roles.columnGroups = schedule.warpsN;
    roles.groupThreads = atom->threads;
    int64_t rows = plan.m.extent(), columns = plan.n.extent(), depth = plan.k.extent();
    if (rows % (atom->m * schedule.warpsM) != 0)
      throw Refusal{fmt::format("tile: {} rows, {} groups take multiples of {}", rows, schedule.warpsM, atom->m)};
    if (columns % (atom->nStep * schedule.warpsN) != 0)
      throw Refusal{fmt::format("tile: {} columns, {} groups take multiples of {}", columns, schedule.warpsN, atom->nStep)};
    if (schedule.warpsN > 1 && !contract.complete.empty())
      throw Refusal{"warps: the result is remapped along columns that one group must have"};
    if (depth % atom->k != 0)
      throw Refusal{fmt::format("tile: the depth is {}, the atom has {}", depth, atom->k)};
    roles.fragmentRows = rows / schedule.warpsM;
    roles.fragmentColumns = columns / schedule.warpsN;
    int64_t step = (roles.fragmentRows + roles.fragmentColumns) * atom->k * bytesOf(atom->a) / 4 / atom->threads;
    int64_t fragments = roles.fragmentRows * roles.fragmentColumns / atom->threads + 2 * step;
    int64_t most = std::min(device.registers, device.blockRegisters / (roles.consumers * atom->threads));
    if (fragments + spareRegisters > most)
      throw Refusal{fmt::format("tile: {} registers for fragments, there are {}", fragments, most)};
    roles.stages = schedule.stages.value_or(3);
    if (roles.stages < 2)
      throw Refusal{"stage: copies that run beside the product need two fills"};
    roles.slots = schedule.slots.value_or(0);
    if (roles.slots > 1)
      throw Refusal{"slots: a group stores at once what it has staged, from one"};
    plan.atomM = atom->m;
    plan.atomN = columns;
    result.registers = fragments + spareRegisters;
    plan.roles = roles;
  }

  OperandPlan planOperand(const OperandInfo &operand, const Side &side, int64_t points) {
    const std::string &name = requireFetched(operand, /*pieces=*/true, "async");
    int64_t bytes = bytesOf(operand.type);
    OperandPlan made;
    std::string reason = planAsync(plan, operand, false, side, plan.k, rowBytesOf(plan.k.extent() * bytes), made);
    if (reason.empty())
      return made;
    int64_t rowBytes = rowBytesOf(side.extent() * bytes), inRow = rowBytes / bytes;
    std::string other = planAsync(plan, operand, true, side, plan.k, rowBytes, made);
    if (other.empty() && points % inRow != 0 && inRow % points != 0)
      other = fmt::format("a group's {} points begin inside of a row of {}", points, inRow);
    if (!other.empty())
      throw Refusal{fmt::format("copy({},async): along the depth: {}; along its side: {}", name, reason, other)};
    return made;
  }

  /// A weight that `prepare` brings into the order depth × columns, so that any of its axes may be the columns.
  void planPacked(const OperandInfo &right) {
    const auto &[name, text] = *schedule.packs.begin();
    int buffer = *kernel.bufferNamed(name);
    PackOrder order = parsePackOrder(text);
    int64_t columns = 1, depth = 1;
    for (const TiledAxis &axis : plan.n.axes)
      columns *= axis.extent;
    for (const TiledAxis &axis : plan.k.axes)
      depth *= axis.extent;
    char side = schedule.flip ? 'm' : 'n';
    if (schedule.packs.size() > 1 || order.outer != 'k' || order.inner != side || order.panel != 0 ||
        order.type.value_or(right.type) != right.type)
      throw Refusal{fmt::format("pack({},{}): copies take the atom's columns side by side, k{}", name, text, side)};
    for (size_t i = 0; i < kernel.accesses.size(); ++i) {
      bool own = std::find(right.accesses.begin(), right.accesses.end(), int(i)) != right.accesses.end();
      if (own != (kernel.accesses[i].buffer == buffer))
        throw Refusal{fmt::format("pack({},{}): the operand is not the buffer alone", name, text)};
    }
    PackPlan pack;
    pack.buffer = buffer;
    pack.order = text;
    pack.type = right.type;
    for (const TiledAxis &axis : plan.batch)
      if (axis.extent > 1 && kernel.accesses[right.accesses.front()].uses[axis.axis]) {
        plan.b.batch.push_back(axis.axis);
        pack.shape.push_back(axis.extent);
      }
    pack.shape.insert(pack.shape.end(), {1, depth, columns});
    plan.atomN = columns;
    std::vector<int> batch = plan.b.batch;
    // Planned again, the kernel reads the packed weight.
    if (kernel.buffers[buffer].shape == pack.shape) {
      plan.b = planOperand(right, plan.n, plan.roles->fragmentColumns);
    } else {
      if (!kernel.buffers[buffer].free)
        throw Refusal{fmt::format("pack({},{}): the buffer is no weight", name, text)};
      planWhilePacking(right, pack);
      result.packs.push_back(std::move(pack));
    }
    plan.b.batch = batch;
  }

  /// The operand as it will be: the kernel's own, reading the packed buffer.
  void planWhilePacking(const OperandInfo &right, const PackPlan &pack) {
    KernelInfo packed = kernel;
    BufferInfo &buffer = packed.buffers[pack.buffer];
    buffer.shape = pack.shape;
    buffer.type = pack.type;
    buffer.offset = 0;
    buffer.strides.assign(pack.shape.size(), 1);
    for (size_t d = pack.shape.size() - 1; d-- > 0;)
      buffer.strides[d] = buffer.strides[d + 1] * pack.shape[d + 1];
    Access access;
    access.buffer = pack.buffer;
    access.uses = kernel.accesses[right.accesses.front()].uses;
    auto index = [&](const std::vector<TiledAxis> &axes) {
      LinearIndex made;
      made.coefficients.assign(kernel.axes.size(), 0);
      int64_t stride = 1;
      for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
        made.coefficients[axis->axis] = stride;
        stride *= axis->extent;
      }
      return made;
    };
    for (int axis : plan.b.batch)
      access.indices.push_back(index({*plan.find(axis)}));
    access.indices.push_back(index({}));
    access.indices.push_back(index(plan.k.axes));
    access.indices.push_back(index(plan.n.axes));
    packed.accesses[right.accesses.front()] = access;
    OperandInfo whole;
    whole.type = pack.type;
    whole.accesses = {right.accesses.front()};
    whole.plain = true;
    GroupsPlanner other(packed, schedule, device);
    other.plan = plan;
    plan.b = other.planOperand(whole, plan.n, plan.roles->fragmentColumns);
  }

  Plan planLaunch() {
    result.launches = {launchRoles(plan, plan.m.tiles() * plan.n.tiles(),
                                   plan.roles->stages * (inBlock(plan.a.tileBytes) + inBlock(plan.b.tileBytes)), 0)};
    result.body = std::move(plan);
    return std::move(result);
  }

  PipePlan plan;
  Plan result;
  const Atom *atom = nullptr;
};

} // namespace

Plan planGroupsContract(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  return GroupsPlanner(kernel, schedule, device).run();
}

} // namespace tgc
