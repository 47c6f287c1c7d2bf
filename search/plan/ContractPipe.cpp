// The pipe's plan of a contraction on a device whose blocks have one thread.
// 1. Sides: the atom's rows are the left operand's axes, its columns the right one's; flipped, the other way.
//    The rows' and the depth's order follows the left operand's memory, the columns' order the store's.
// 2. The right operand comes in panels of the atom's columns: packed ahead (a free weight) or by each block.
//    The left one is read in place or copied as rows.
// 3. The register tile: columns from the packed order, else from the block's; rows from the block's.
// 4. Completeness, scratch, grid.
#include "search/plan/PipeParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

class ContractPlanner : PipeParts {
public:
  using PipeParts::PipeParts;

  Plan run() {
    refuseForOneThread();
    const ContractInfo &contract = *kernel.contract;
    const OperandInfo &left = schedule.flip ? contract.rhs : contract.lhs;
    const OperandInfo &right = schedule.flip ? contract.lhs : contract.rhs;
    for (const OperandInfo *operand : {&left, &right})
      if (operand->reduced)
        throw Refusal{"tc: an operand is itself reduced, so it cannot be streamed"};
    const Atom &atom = chooseAtom(kernel.reductions[contract.reduction].accumulator, {left.type, right.type});
    lanes = lanesOf(atom.accumulator);

    PipePlan plan;
    plan.atom = atom.name;
    plan.flip = schedule.flip;
    plan.accumulateInScratch = true;
    plan.vectorLanes = lanes;
    plan.batch = makeBatch(contract.batch);
    plan.m = makeSide(schedule.flip ? contract.n : contract.m, mainAccess(left), contract.complete);
    plan.n = makeSide(schedule.flip ? contract.m : contract.n, mainStore(), contract.complete);
    plan.k = makeSide(contract.k, mainAccess(left), {});
    requireOnePiece(plan.k, "sums");
    requireWhole(plan, contract.complete);
    requireTiledAxes(plan, "the product");

    Plan result;
    planRight(plan, right, atom, result);
    plan.atomM = chooseRows(plan.m.extent(), plan.atomN, lanes);
    plan.a = planRows(left, plan.m, plan.k, atom);
    finish(plan, plan.n);
    for (const auto &[name, order] : schedule.packs)
      if (std::none_of(right.accesses.begin(), right.accesses.end(), [&, &name = name](int access) {
            return kernel.buffers[kernel.accesses[access].buffer].name == name;
          }))
        throw Refusal{
            fmt::format("pack({},{}): only the operand on the atom's columns has panels", name, order)};

    LaunchPlan launch;
    for (const TiledAxis &axis : plan.batch)
      launch.blocks *= axis.tiles();
    launch.blocks *= plan.m.tiles() * plan.n.tiles();
    int64_t sums = plan.m.extent() * plan.paddedColumns() * bytesOf(atom.accumulator);
    launch.scratchBytes = sums + plan.a.tileBytes + plan.b.tileBytes;
    if (launch.scratchBytes > device.sharedBytes)
      throw Refusal{
          fmt::format("{} bytes of block memory, there are {}", launch.scratchBytes, device.sharedBytes)};
    result.launches = {launch};
    result.registers = (plan.atomM + 1) * (plan.atomN / lanes) + 1;
    result.body = std::move(plan);
    return result;
  }

private:
  void planRight(PipePlan &plan, const OperandInfo &right, const Atom &atom, Plan &result) {
    auto packed = std::find_if(schedule.packs.begin(), schedule.packs.end(), [&](const auto &pack) {
      return std::any_of(right.accesses.begin(), right.accesses.end(), [&](int access) {
        return kernel.buffers[kernel.accesses[access].buffer].name == pack.first;
      });
    });
    plan.b.depthStride = 1; // set below, once the panel's width is known
    if (packed == schedule.packs.end()) {
      if (std::string copy = copyOf(right); !copy.empty() && copy != "pack")
        throw Refusal{fmt::format("copy {}: the atom takes its columns in panels", copy)};
      plan.atomN = chooseColumns(plan.n.extent(), lanes);
      plan.b.copy = "pack";
      plan.b.stages = 1;
      plan.b.type = atom.b;
      // Panels are contiguous along the columns: so are the copy's stores.
      for (auto axis = plan.n.axes.rbegin(); axis != plan.n.axes.rend() && plan.b.laneAxis < 0; ++axis)
        if (axis->tile >= lanes && lanesStayInPanel(plan.n, axis->axis)) {
          plan.b.laneAxis = axis->axis;
          plan.b.lanes = lanes;
        }
      plan.b.tileBytes = plan.paddedColumns() * plan.k.extent() * bytesOf(atom.b);
    } else {
      planPacked(plan, right, packed->first, packed->second, atom, result);
    }
    plan.b.rowStride = 1;
    plan.b.depthStride = plan.atomN;
  }

  /// Vectors along the axis never cross from one panel into the next: it is the innermost one.
  bool lanesStayInPanel(const Side &side, int axis) const {
    return side.axes.back().axis == axis &&
           (side.axes.back().tile % lanes == 0 || side.axes.back().tile == side.extent());
  }

  void planPacked(PipePlan &plan, const OperandInfo &right, const std::string &name, const std::string &text,
                  const Atom &atom, Plan &result) {
    PackOrder order = parsePackOrder(text);
    char columns = schedule.flip ? 'm' : 'n';
    if (order.outer != columns || order.inner != 'k' || order.panel == 0 || order.panel % lanes != 0 ||
        order.panel / lanes > 4)
      throw Refusal{fmt::format("pack({},{}): the atom takes panels of 1 to 4 vectors of {}, as in {}{}k",
                                name, text, lanes, columns, 2 * lanes)};
    for (int position : right.accesses)
      if (kernel.buffers[kernel.accesses[position].buffer].name != name)
        throw Refusal{fmt::format("pack({},{}): the operand is also made of {}", name, text,
                                  kernel.buffers[kernel.accesses[position].buffer].name)};
    int buffer = *kernel.bufferNamed(name);
    for (size_t i = 0; i < kernel.accesses.size(); ++i)
      if (kernel.accesses[i].buffer == buffer &&
          std::find(right.accesses.begin(), right.accesses.end(), int(i)) == right.accesses.end())
        throw Refusal{fmt::format("pack({},{}): the buffer is read elsewhere too", name, text)};
    planned = &plan;
    plan.atomN = order.panel;
    plan.b.copy = "packed";
    plan.b.stages = 0;
    plan.b.type = order.type.value_or(atom.b);
    if (bytesOf(plan.b.type) > bytesOf(atom.b))
      throw Refusal{fmt::format("pack({},{}): wider than the atom's {}", name, text, nameOf(atom.b))};
    PackPlan pack;
    pack.buffer = buffer;
    pack.order = text;
    pack.type = plan.b.type;
    for (const TiledAxis &axis : plan.batch)
      if (axis.extent > 1 && usedBy(right, axis.axis)) {
        plan.b.batch.push_back(axis.axis);
        pack.shape.push_back(axis.extent);
      }
    pack.shape.push_back(panelsOf(plan.n, order.panel));
    int64_t depth = 1;
    for (const TiledAxis &axis : plan.k.axes)
      depth *= axis.extent;
    pack.shape.push_back(depth);
    pack.shape.push_back(order.panel);
    if (!isPacked(right, pack))
      result.packs.push_back(std::move(pack));
  }

  /// Whether the kernel already reads the weight in that order: planned again after packing, it has the same plan
  /// without a pack.
  bool isPacked(const OperandInfo &right, const PackPlan &pack) const {
    const BufferInfo &buffer = kernel.buffers[pack.buffer];
    if (buffer.shape != pack.shape || buffer.type != pack.type || right.accesses.size() != 1)
      return false;
    const Access &access = kernel.accesses[right.accesses.front()];
    const LinearIndex &depth = access.indices[access.indices.size() - 2];
    int64_t stride = 1;
    for (auto axis = planned->k.axes.rbegin(); axis != planned->k.axes.rend(); ++axis) {
      if (depth.coefficients[axis->axis] != (axis->extent == 1 ? depth.coefficients[axis->axis] : stride))
        return false;
      stride *= axis->extent;
    }
    for (const LinearIndex *index : {&access.indices.back(), &access.indices[access.indices.size() - 3]})
      for (const TiledAxis &axis : planned->k.axes)
        if (index->coefficients[axis.axis] != 0)
          return false;
    return depth.linear;
  }

  bool usedBy(const OperandInfo &operand, int axis) const {
    return std::any_of(operand.accesses.begin(), operand.accesses.end(),
                       [&](int access) { return kernel.accesses[access].uses[axis]; });
  }

  int64_t lanes = 1;
  const PipePlan *planned = nullptr;
};

} // namespace

int64_t panelsOf(const Side &columns, int64_t panel) {
  if (panelsAreGlobal(columns, panel)) {
    int64_t extent = 1;
    for (const TiledAxis &axis : columns.axes)
      extent *= axis.extent;
    return (extent + panel - 1) / panel;
  }
  return columns.tiles() * ((columns.extent() + panel - 1) / panel);
}

bool panelsAreGlobal(const Side &columns, int64_t panel) {
  if (columns.tiles() == 1 || panel == 1)
    return true;
  // A last tile that is not full still reads all of its panels.
  return columns.axes.size() == 1 && columns.extent() % panel == 0 &&
         columns.axes[0].extent % columns.extent() == 0;
}

Plan planContractPipe(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  return ContractPlanner(kernel, schedule, device).run();
}

} // namespace tgc
