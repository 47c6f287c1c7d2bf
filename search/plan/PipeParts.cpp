#include "search/plan/PipeParts.h"
#include "search/plan/Boxes.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {

namespace {

bool isFloat(ElementType type) {
  return type == ElementType::F64 || type == ElementType::F32 || type == ElementType::F16 ||
         type == ElementType::BF16;
}

/// Whether a copy can bring `from` to `to` without loss.
bool widens(ElementType from, ElementType to) {
  return from == to || (isFloat(from) && isFloat(to) && bytesOf(from) < bytesOf(to));
}

} // namespace

int64_t evenPart(int64_t extent, int64_t most, int64_t step) {
  if (extent <= most)
    return extent;
  for (int64_t part = most / step * step; part > most / 2 && part > 0; part -= step)
    if (extent % part == 0)
      return part;
  int64_t parts = (extent + most - 1) / most;
  return std::min(extent, roundUp((extent + parts - 1) / parts, step));
}

PackOrder parsePackOrder(const std::string &order) {
  PackOrder result;
  size_t at = 0;
  auto letter = [&](char &side) {
    if (at >= order.size() || (order[at] != 'm' && order[at] != 'n' && order[at] != 'k'))
      throw Refusal{fmt::format("pack order '{}' is not sides and a panel's width, as in n32k", order)};
    side = order[at++];
  };
  letter(result.outer);
  for (; at < order.size() && std::isdigit(static_cast<unsigned char>(order[at])); ++at)
    result.panel = std::min<int64_t>(result.panel * 10 + (order[at] - '0'), 1 << 20);
  letter(result.inner);
  if (result.outer == result.inner)
    throw Refusal{fmt::format("pack order '{}' names a side twice", order)};
  if (std::string type = order.substr(at); !type.empty()) {
    for (ElementType known : {ElementType::F32, ElementType::F16, ElementType::BF16, ElementType::F64})
      if (type == nameOf(known))
        result.type = known;
    if (!result.type)
      throw Refusal{fmt::format("pack order '{}' ends with no type", order)};
  }
  return result;
}

const Atom &PipeParts::chooseAtom(ElementType accumulator,
                                  std::initializer_list<ElementType> operands) const {
  for (const Atom &atom : device.atoms)
    if (atom.name == *schedule.atom && atom.accumulator == accumulator &&
        std::all_of(operands.begin(), operands.end(), [&](ElementType type) { return widens(type, atom.a); }))
      return atom;
  throw Refusal{fmt::format("tc({}): no such atom sums {} into {}", *schedule.atom, nameOf(*operands.begin()),
                            nameOf(accumulator))};
}

void PipeParts::refuseForOneThread() const {
  auto refuse = [](bool there, const char *option, const char *reason) {
    if (there)
      throw Refusal{fmt::format("{}: {}", option, reason)};
  };
  refuse(schedule.warpsM * schedule.warpsN != 1 || schedule.producers != 0, "warps",
         "a block has one thread");
  refuse(schedule.pingpong, "pingpong", "a block has one thread");
  refuse(schedule.overlap, "overlap", "the atom is synchronous");
  refuse(schedule.stages.value_or(1) > 1, "stage", "copies of this device are synchronous");
  refuse(!schedule.cluster.empty(), "cluster", "blocks share no memory");
  refuse(schedule.persistent, "persistent", "blocks are tasks, which threads take in turn");
  refuse(schedule.slots.has_value(), "slots", "stores of this device are synchronous");
  refuse(schedule.prefetch.has_value(), "prefetch", "left to the hardware on this device");
  refuse(!schedule.split.empty(), "split", "the pipe walks a sum in one block");
  refuse(!schedule.hold.empty(), "hold", "operands stay in block memory as it is");
  refuse(!schedule.padTo.empty(), "padto", "tiles need not divide the extent");
}

const Access *PipeParts::mainAccess(const OperandInfo &operand) const {
  const Access *main = nullptr;
  double most = -1;
  for (int position : operand.accesses) {
    const Access &access = kernel.accesses[position];
    double points = 1;
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
      if (access.uses[axis])
        points *= double(kernel.axes[axis].extent);
    if (points > most) {
      most = points;
      main = &access;
    }
  }
  return main;
}

const Access *PipeParts::mainStore() const {
  for (const Access &access : kernel.accesses)
    if (access.store)
      return &access;
  return nullptr;
}

std::optional<int64_t> PipeParts::strideOf(const Access *access, int axis) const {
  if (!access || !access->uses[axis])
    return std::nullopt;
  return access->strideOf(axis, kernel.buffers[access->buffer]);
}

Side PipeParts::makeSide(std::vector<int> axes, const Access *guide, const std::vector<int> &whole) const {
  auto key = [&](int axis) { return std::abs(strideOf(guide, axis).value_or(0)); };
  bool known =
      guide && std::all_of(axes.begin(), axes.end(), [&](int axis) { return strideOf(guide, axis); });
  if (known)
    std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return key(a) > key(b); });
  Side side;
  for (int axis : axes) {
    const AxisInfo &info = kernel.axes[axis];
    auto tile = schedule.tile.find(info.name);
    int64_t size = tile != schedule.tile.end() ? tile->second : contains(whole, axis) ? info.extent : 1;
    side.axes.push_back({axis, info.extent, std::min(size, info.extent)});
  }
  return side;
}

std::vector<TiledAxis> PipeParts::makeBatch(const std::vector<int> &axes) const {
  std::vector<TiledAxis> batch;
  for (int axis : axes) {
    const AxisInfo &info = kernel.axes[axis];
    if (auto tile = schedule.tile.find(info.name); tile != schedule.tile.end() && tile->second != 1)
      throw Refusal{fmt::format("tile({},{}): both operands have the axis, so a block takes one of it",
                                info.name, tile->second)};
    batch.push_back({axis, info.extent, 1});
  }
  return batch;
}

void PipeParts::requireOnePiece(const Side &side, const char *what) const {
  bool inside = false;
  for (const TiledAxis &axis : side.axes) {
    if (inside && axis.tile != axis.extent)
      throw Refusal{
          fmt::format("tile({},{}): {} are walked in pieces of one stride, so axes inside a tiled one are "
                      "whole",
                      kernel.axes[axis.axis].name, axis.tile, what)};
    inside |= axis.tile > 1;
  }
}

void PipeParts::requireWhole(const PipePlan &plan, const std::vector<int> &axes) const {
  for (int axis : axes)
    if (const TiledAxis *tiled = plan.find(axis); tiled && tiled->tile != tiled->extent)
      throw Refusal{
          fmt::format("tile({},{}): the result is reduced or remapped along the axis, so a block needs all "
                      "{} of it",
                      kernel.axes[axis].name, tiled->tile, tiled->extent)};
}

void PipeParts::requireTiledAxes(const PipePlan &plan, const char *what) const {
  for (const auto &[name, tile] : schedule.tile)
    if (!plan.find(*kernel.axisNamed(name)))
      throw Refusal{fmt::format("tile({},{}): {} does not have the axis", name, tile, what)};
}

PipeParts::QuerySides PipeParts::divideQueries() const {
  const AttendInfo &attend = *kernel.attend;
  const OperandInfo &queries = attend.scores->lhs, &keys = attend.scores->rhs;
  auto usedBy = [&](const OperandInfo &operand, int axis) {
    return std::any_of(operand.accesses.begin(), operand.accesses.end(),
                       [&](int access) { return kernel.accesses[access].uses[axis]; });
  };
  QuerySides sides{attend.batch, {}};
  for (int axis : attend.m)
    (usedBy(keys, axis) || usedBy(attend.values, axis) ? sides.batch : sides.rows).push_back(axis);
  if (std::any_of(attend.n.begin(), attend.n.end(), [&](int axis) { return usedBy(queries, axis); }))
    throw Refusal{"tc: the queries depend on the keys' axis"};
  return sides;
}

// Registers hold rows × vectors of sums, the vectors of the right operand and one of the left.
int64_t PipeParts::maxRows(int64_t columns, int64_t lanes) const {
  int64_t vectors = columns / lanes;
  return std::clamp<int64_t>((device.registers - vectors - 1) / vectors, 1, 24);
}

int64_t PipeParts::chooseColumns(int64_t columns, int64_t lanes) const {
  // Three vectors load least for what they multiply, two are as good; one vector loads as much as it multiplies.
  int64_t best = 2 * lanes;
  double least = 0;
  for (auto [vectors, penalty] : {std::pair(3, 1.0), {2, 1.0}, {4, 1.02}, {1, 1.08}}) {
    double cost = double(roundUp(columns, vectors * lanes)) * penalty;
    if (least == 0 || cost < least) {
      least = cost;
      best = vectors * lanes;
    }
  }
  return best;
}

int64_t PipeParts::chooseRows(int64_t rows, int64_t columns, int64_t lanes) const {
  int64_t vectors = columns / lanes, most = std::min(maxRows(columns, lanes), rows);
  // Per step of the depth: two multiply-adds a cycle, at least their latency, and half a cycle for the rest.
  auto cost = [&](int64_t tile) { return tile == 0 ? 0 : std::max(0.5 * double(tile * vectors), 4.0) + 0.5; };
  int64_t best = most;
  for (int64_t tile = most; tile >= std::max<int64_t>(1, most / 2); --tile)
    if (double(rows / tile) * cost(tile) + cost(rows % tile) <
        double(rows / best) * cost(best) + cost(rows % best) - 1e-9)
      best = tile;
  return best;
}

std::string PipeParts::copyOf(const OperandInfo &operand) const {
  for (int access : operand.accesses)
    if (auto copy = schedule.copies.find(kernel.buffers[kernel.accesses[access].buffer].name);
        copy != schedule.copies.end())
      return copy->second;
  return "";
}

std::optional<int64_t> PipeParts::strideOf(const Access &access, const Side &side) const {
  const BufferInfo &buffer = kernel.buffers[access.buffer];
  std::optional<int64_t> stride;
  int64_t inner = 1; // points of the axes inside
  for (auto axis = side.axes.rbegin(); axis != side.axes.rend(); ++axis) {
    std::optional<int64_t> step = access.strideOf(axis->axis, buffer);
    if (!step)
      return std::nullopt;
    if (axis->tile == 1)
      continue;
    if (stride && *step != *stride * inner)
      return std::nullopt;
    if (!stride)
      stride = *step;
    inner *= axis->tile;
  }
  return stride.value_or(1);
}

std::string PipeParts::planPlain(const OperandInfo &operand, const Side &rows, const Side &depth,
                                 ElementType type, OperandPlan &plan) const {
  if (!operand.plain)
    return "it is computed, not loaded";
  const Access &access = kernel.accesses[operand.accesses.front()];
  const BufferInfo &buffer = kernel.buffers[access.buffer];
  if (access.guarded)
    return "its load has a condition";
  if (buffer.type != type || operand.type != type)
    return fmt::format("it is {}, the atom takes {}", nameOf(buffer.type), nameOf(type));
  for (const LinearIndex &index : access.indices)
    if (!index.linear)
      return "its index is not linear";
  for (const Side *side : {&rows, &depth})
    for (const TiledAxis &axis : side->axes)
      if (axis.ragged() && &axis != &*std::find_if(side->axes.begin(), side->axes.end(),
                                                   [](const TiledAxis &any) { return any.tile > 1; }))
        return fmt::format("the last tile of {} is not full", kernel.axes[axis.axis].name);
  std::optional<int64_t> rowStride = strideOf(access, rows), depthStride = strideOf(access, depth);
  if (!rowStride || !depthStride)
    return "its tile has more than one stride a side";
  plan.copy = "plain";
  plan.stages = 0;
  plan.type = type;
  plan.rowStride = *rowStride;
  plan.depthStride = *depthStride;
  plan.tileBytes = 0;
  return "";
}

void PipeParts::planPackRows(const OperandInfo &operand, const Side &rows, const Side &depth,
                             const Atom &atom, OperandPlan &plan) const {
  plan.copy = "pack";
  plan.stages = 1;
  plan.type = atom.a;
  int64_t lanes = lanesOf(atom.a);
  const Access *access = mainAccess(operand);
  // Vectors run along the axis that is contiguous in memory and has most points in the tile.
  int64_t most = 1;
  for (const Side *side : {&depth, &rows})
    for (const TiledAxis &axis : side->axes)
      if (axis.tile > most && strideOf(access, axis.axis) == 1) {
        most = axis.tile;
        plan.laneAxis = axis.axis;
      }
  plan.lanes = 1;
  while (plan.lanes * 2 <= std::min(lanes, most))
    plan.lanes *= 2;
  if (plan.lanes == 1)
    plan.laneAxis = -1;
  auto padded = [&](int64_t extent) {
    int64_t stride = roundUp(extent, lanes);
    // Rows a power of two apart would share the same few lines of the first cache.
    return stride * bytesOf(atom.a) % 2048 == 0 ? stride + lanes : stride;
  };
  if (plan.laneAxis >= 0 && rows.find(plan.laneAxis)) {
    plan.rowStride = 1;
    plan.depthStride = padded(rows.extent());
    plan.tileBytes = plan.depthStride * depth.extent() * bytesOf(atom.a);
  } else {
    plan.depthStride = 1;
    plan.rowStride = padded(depth.extent());
    plan.tileBytes = plan.rowStride * rows.extent() * bytesOf(atom.a);
  }
}

OperandPlan PipeParts::planRows(const OperandInfo &operand, const Side &rows, const Side &depth,
                                const Atom &atom) const {
  OperandPlan plan;
  std::string copy = copyOf(operand);
  if (copy == "plain") {
    if (std::string reason = planPlain(operand, rows, depth, atom.a, plan); !reason.empty())
      throw Refusal{fmt::format("copy plain of {}: {}",
                                kernel.buffers[kernel.accesses[operand.accesses.front()].buffer].name,
                                reason)};
  } else if (copy.empty() || copy == "pack") {
    planPackRows(operand, rows, depth, atom, plan);
  } else {
    throw Refusal{fmt::format("copy {}: not for this atom's operands", copy)};
  }
  return plan;
}

void PipeParts::finish(PipePlan &plan, const Side &columns) const {
  // The grid: columns fastest, then rows, then batch, unless the schedule says otherwise.
  std::vector<int> usual;
  auto add = [&](const std::vector<TiledAxis> &axes) {
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis)
      if (axis->tiles() > 1)
        usual.push_back(axis->axis);
  };
  add(columns.axes);
  add(plan.m.axes);
  add(plan.batch);
  for (const std::string &name : schedule.order)
    if (auto at = std::find(usual.begin(), usual.end(), *kernel.axisNamed(name)); at != usual.end()) {
      plan.gridOrder.push_back(*at);
      usual.erase(at);
    }
  plan.gridOrder.insert(plan.gridOrder.end(), usual.begin(), usual.end());
  if (schedule.raster) {
    int axis = *kernel.axisNamed(schedule.raster->first);
    auto at = std::find(plan.gridOrder.begin(), plan.gridOrder.end(), axis);
    if (at == plan.gridOrder.end() || at == plan.gridOrder.begin())
      throw Refusal{fmt::format("raster({},{}): not an axis of the grid behind another",
                                schedule.raster->first, schedule.raster->second)};
    plan.rasterAxis = axis;
    plan.rasterTiles = schedule.raster->second;
  }
  // The epilogue's vectors run along the innermost column axis with enough points.
  int64_t lanes = lanesOf(ElementType::F32);
  for (auto axis = columns.axes.rbegin(); axis != columns.axes.rend(); ++axis)
    if (axis->tile >= lanes) {
      plan.laneAxis = axis->axis;
      plan.lanes = lanes;
      break;
    }
  for (const Access &access : kernel.accesses)
    for (const TiledAxis &axis : plan.k.axes)
      if (access.store && access.uses[axis.axis])
        throw Refusal{fmt::format("tc: {} is stored along {}, which is summed",
                                  kernel.buffers[access.buffer].name, kernel.axes[axis.axis].name)};
  for (const ReductionInfo &reduction : kernel.reductions)
    if (reduction.kind == ReductionKind::ArgMax || reduction.kind == ReductionKind::ArgMin)
      throw Refusal{
          fmt::format("{}: the pipe has no such reduction around its product", nameOf(reduction.kind))};
}

} // namespace tgc
