// What the device's loads and stores of blocks can move, and how a tile is cut into them.
// 1. A block is rows of one dimension of a box × its last dimension; the box's other dimensions move the place where the
//    rows begin, so a box with several dimensions of more than one point is several blocks.
// 2. The rows begin at a multiple of `base` bytes: what lies between the multiple before and the first element is read
//    as columns before the first, for which the distance between rows must leave place.
// 3. What cannot come so comes element by element.
#include "search/plan/DirectParts.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {

namespace {

/// Registers of a thread beside sums and operands.
constexpr int64_t spareRegisters = 16;

/// Whether a block's first column may lie between multiples of 4 bytes.
bool startsBetween(const KernelInfo &kernel, const BoxPlan &box, std::initializer_list<const Side *> sides) {
  const LinearIndex &column = box.coords.back();
  int64_t unit = std::max<int64_t>(1, 4 / bytesOf(kernel.buffers[box.buffer].type));
  bool between = unit > 1 && (!column.linear || column.offset % unit != 0);
  for (size_t axis = 0; axis < column.coefficients.size(); ++axis) {
    int64_t step = column.coefficients[axis];
    for (const Side *side : sides)
      if (const TiledAxis *tiled = side->find(int(axis)))
        step *= tiled->tiles() > 1 ? tiled->tile : unit;
    between |= kernel.axes[axis].extent > 1 && step % unit != 0;
  }
  return between;
}

/// The dimension that is a block's rows: the innermost with more than one point before the last.
size_t rowsOf(const BoxPlan &box) {
  size_t rank = box.sizes.size();
  for (size_t d = rank - 1; d-- > 0;)
    if (box.box[d] > 1)
      return d;
  return rank - 2;
}

/// Rows of one dimension, where all of the next one comes with each of its points, are rows of both. That one must always
/// begin at 0: what lies before it or behind its end is not the neighbour's.
void joinRows(const KernelInfo &kernel, BoxPlan &box, std::initializer_list<const Side *> sides) {
  auto isFirst = [&](const LinearIndex &index) {
    bool first = index.linear && index.offset == 0;
    for (size_t axis = 0; axis < index.coefficients.size() && first; ++axis)
      if (index.coefficients[axis] != 0 && kernel.axes[axis].extent > 1)
        first = std::any_of(sides.begin(), sides.end(), [&](const Side *side) {
          const TiledAxis *tiled = side->find(int(axis));
          return tiled && tiled->tiles() == 1;
        });
    return first;
  };
  for (size_t d = box.sizes.size() - 1; d-- > 1;) {
    size_t outer = d - 1;
    bool joins = box.box[d] > 1 && box.box[d] == box.sizes[d] && box.box[outer] > 1 && box.steps[d] == 1 &&
                 box.steps[outer] == 1 && isFirst(box.coords[d]) && box.coords[outer].linear &&
                 box.strides[outer] == box.strides[d] * box.sizes[d];
    if (!joins)
      continue;
    LinearIndex &inner = box.coords[d];
    inner.offset += box.coords[outer].offset * box.sizes[d];
    for (size_t axis = 0; axis < inner.coefficients.size(); ++axis)
      inner.coefficients[axis] += box.coords[outer].coefficients[axis] * box.sizes[d];
    box.sizes[d] *= box.sizes[outer];
    box.box[d] *= box.box[outer];
    for (auto *list : {&box.sizes, &box.strides, &box.box, &box.steps})
      list->erase(list->begin() + std::ptrdiff_t(outer));
    box.coords.erase(box.coords.begin() + std::ptrdiff_t(outer));
  }
}

} // namespace

void DirectParts::refuseForDirect() const {
  refuseForFragments(/*prefetches=*/true);
  refuse(!schedule.cluster.empty(), "cluster", "operands are read by each group");
  refuse(schedule.producers != 0, "warps", "every group reads for itself");
  refuse(schedule.pingpong, "pingpong", "groups wait for their own products");
  refuse(schedule.overlap, "overlap", "groups wait for their own products");
  refuse(schedule.persistent, "persistent", "a block has one tile");
  refuse(schedule.stages.value_or(0) != 0, "stage", "operands go straight to registers");
  refuse(schedule.slots.value_or(0) != 0, "slots", "stores leave from registers");
}

RolesPlan DirectParts::makeRoles(const Atom &atom, int64_t rows, int64_t columns) const {
  RolesPlan roles;
  roles.direct = true;
  roles.producers = 0;
  roles.consumers = schedule.warpsM * schedule.warpsN;
  roles.columnGroups = schedule.warpsN;
  roles.groupThreads = atom.threads;
  roles.stages = 0;
  roles.ahead = schedule.prefetch.value_or(0);
  roles.fragmentRows = rows;
  roles.fragmentColumns = columns;
  return roles;
}

void DirectParts::planRegisters(RolesPlan &roles, const Atom &atom, int64_t fragments, Plan &result) const {
  // A register file holds the same whether subgroups are wide or narrow.
  int64_t usual = device.registers * device.subgroup / atom.threads;
  int64_t large = device.largeRegisters * device.subgroup / atom.threads;
  result.registers = fragments + spareRegisters;
  roles.consumerRegisters = result.registers <= usual ? usual : large;
  int64_t most = std::min(std::max(usual, large), device.blockRegisters / (roles.consumers * atom.threads));
  if (result.registers > most || roles.consumerRegisters > most)
    throw Refusal{
        fmt::format("tile: {} registers for fragments, there are {}", fragments, most - spareRegisters)};
}

std::string DirectParts::whyNoBlocks(const BoxPlan &box, int64_t multiple) const {
  const BlockCopies &blocks = device.blocks;
  const std::string &name = kernel.buffers[box.buffer].name;
  int64_t bytes = bytesOf(kernel.buffers[box.buffer].type), width = box.sizes.back() * bytes;
  size_t rows = rowsOf(box);
  if (box.box[rows] % multiple != 0)
    return fmt::format("{} has {} neighbours in a column, blocks have {}", name, box.box[rows], multiple);
  if (width < blocks.least || width % 4 != 0)
    return fmt::format("a row of {} has {} bytes, blocks want {} at least, and a multiple of 4", name, width,
                       blocks.least);
  bool between = box.offset * bytes % blocks.base != 0;
  for (size_t d = 0; d + 1 < box.sizes.size(); ++d)
    between |=
        (d != rows || box.steps[d] > 1) && box.sizes[d] > 1 && box.strides[d] * bytes % blocks.base != 0;
  width += between ? blocks.base - blocks.pitch : 0;
  int64_t pitch = box.strides[rows] * box.steps[rows] * bytes;
  if (pitch % blocks.pitch != 0 || pitch < width)
    return fmt::format("rows of {} are {} bytes apart, of {} bytes", name, pitch, width);
  if (std::max({pitch, width, box.sizes[rows]}) >= blocks.most)
    return fmt::format("{} is larger than blocks can reach", name);
  return "";
}

std::string DirectParts::addRows(BoxPlan &box, int64_t points) const {
  if (std::any_of(box.box.begin(), box.box.end() - 1, [](int64_t points) { return points > 1; }))
    return "a step of its depth lies in several dimensions";
  int64_t apart = roundUp(box.sizes.back() * bytesOf(kernel.buffers[box.buffer].type), device.blocks.base) +
                  device.blocks.base;
  LinearIndex first;
  first.coefficients.assign(kernel.axes.size(), 0);
  auto insert = [](auto &list, auto value) { list.insert(list.end() - 1, value); };
  insert(box.sizes, 1);
  insert(box.strides, apart / bytesOf(kernel.buffers[box.buffer].type));
  insert(box.box, points);
  insert(box.steps, 1);
  insert(box.coords, first);
  return "";
}

std::string DirectParts::planBlocks(const OperandInfo &operand, bool depthInRows, bool left, const Atom &atom,
                                    const Side &side, int64_t points, const Side &depth,
                                    OperandPlan &made) const {
  int64_t bytes = bytesOf(operand.type), deep = roundUp(depth.extent(), atom.k);
  if (left && depthInRows)
    return "its rows would be steps of the depth";
  made = OperandPlan();
  Side padded = depth;
  if (depth.extent() % atom.k != 0) {
    std::optional<Side> whole = paddedSide(depth, atom.k);
    if (!whole)
      return fmt::format("a depth of {} over several axes is no multiple of {}", depth.extent(), atom.k);
    padded = *whole;
  }
  bool vector = side.axes.empty();
  int64_t rowBytes = (depthInRows ? points : deep) * bytes, sidePoints = vector ? 1 : points;
  if (std::string reason = planOperandInBoxes(kernel, operand, depthInRows, side, padded, made, sidePoints,
                                              rowBytes, sidePoints);
      !reason.empty())
    return reason;
  for (BoxPlan &box : made.boxes) {
    if (vector)
      if (std::string reason = addRows(box, points); !reason.empty())
        return reason;
    joinRows(kernel, box, {&side, &padded});
    if (std::string reason = whyNoBlocks(box, left ? atom.m : depthInRows ? atom.k : atom.n); !reason.empty())
      return reason;
    if (startsBetween(kernel, box, {&side, &padded}))
      return fmt::format("columns of {} begin between multiples of 4 bytes", kernel.buffers[box.buffer].name);
    if (box.box[rowsOf(box)] != made.boxes.front().box[rowsOf(made.boxes.front())])
      return "its pieces are read by different blocks";
  }
  made.copy = "block2d";
  made.stages = 0;
  made.tileBytes = 0;
  return "";
}

OperandPlan DirectParts::planElements(const Atom &atom, const OperandInfo &operand, bool left,
                                      const Side &depth) const {
  if (operand.reduced)
    throw Refusal{"tc: an operand holds a reduction"};
  OperandPlan made;
  made.copy = "plain";
  made.stages = 0;
  made.type = operand.type;
  if (!operand.plain || depth.axes.empty())
    return made;
  // Neighbours along the depth that a thread has of one row, if they are neighbours in memory from a multiple on.
  const TiledAxis &inner = depth.axes.back();
  const Access &access = kernel.accesses[operand.accesses.front()];
  const BufferInfo &buffer = kernel.buffers[access.buffer];
  bool linear = std::all_of(access.indices.begin(), access.indices.end(),
                            [](const LinearIndex &index) { return index.linear; });
  if (access.guarded || !linear || access.strideOf(inner.axis, buffer) != 1)
    return made;
  int64_t most = left ? atom.k / atom.n : device.vectorBytes / bytesOf(operand.type), start = buffer.offset;
  for (size_t d = 0; d < access.indices.size(); ++d)
    start += access.indices[d].offset * buffer.strides[d];
  auto aligned = [&](int64_t lanes) {
    bool fits = start % lanes == 0 && inner.tile % lanes == 0 && inner.extent % lanes == 0;
    for (size_t axis = 0; axis < kernel.axes.size() && fits; ++axis)
      if (int(axis) != inner.axis && access.uses[axis])
        fits = access.strideOf(int(axis), buffer).value_or(1) % lanes == 0;
    return fits;
  };
  while (made.lanes * 2 <= most && aligned(made.lanes * 2))
    made.lanes *= 2;
  // Narrow subgroups read rows of a left operand together, of several atoms' depth at once.
  bool whole =
      std::none_of(depth.axes.begin(), depth.axes.end(), [](const TiledAxis &axis) { return axis.ragged(); });
  if (left && made.lanes == 2 && bytesOf(operand.type) == 2 && whole)
    for (int64_t lanes = 8 * atom.k; lanes >= atom.k && made.lanes == 2; lanes /= 2)
      if (inner.tile % lanes == 0)
        made.lanes = lanes;
  if (made.lanes > 1)
    made.laneAxis = inner.axis;
  return made;
}

OperandPlan DirectParts::planOperand(const PipePlan &plan, const Atom &atom, const OperandInfo &operand,
                                     bool left, const Side &side, int64_t points, const Side &depth,
                                     std::optional<bool> depthInRows) const {
  std::string copy = copyOf(operand);
  if (copy.empty() || copy == "plain")
    return planElements(atom, operand, left, depth);
  const std::string &name = requireFetched(operand, "block2d");
  OperandPlan made;
  std::string reason, reasons;
  for (bool inRows : {false, true}) {
    if (depthInRows && *depthInRows != inRows)
      continue;
    reason = planBlocks(operand, inRows, left, atom, side, points, depth, made);
    if (reason.empty()) {
      if (plan.roles->ahead > 0 && !side.axes.empty()) // all groups read the same vector
        planPrefetch(*plan.roles, operand, side, depth, made);
      return made;
    }
    reasons += (reasons.empty() ? "" : "; ") + reason;
  }
  throw Refusal{fmt::format("copy({},block2d): {}", name, reasons)};
}

std::string DirectParts::planBlock(const Access &access, const Side &rows, int64_t rowPoints,
                                   const Side &columns, int64_t columnPoints, BoxPlan &box) const {
  std::optional<Side> padded = paddedSide(columns, columnPoints);
  if (!padded)
    return "its columns are of several axes";
  std::vector<int64_t> down = boxOfPoints(rows, rowPoints), across = boxOfPoints(*padded, columnPoints);
  if (down.empty() || across.empty())
    return "its points are no box";
  std::vector<int64_t> points(kernel.axes.size(), 1);
  std::vector<int> order;
  for (auto [side, box] : {std::pair(&rows, &down), {static_cast<const Side *>(&*padded), &across}})
    for (size_t i = 0; i < side->axes.size(); ++i)
      if ((*box)[i] > 1) {
        points[side->axes[i].axis] = (*box)[i];
        order.push_back(side->axes[i].axis);
      }
  std::vector<int> beyond = axesBeyond(rows, down), also = axesBeyond(*padded, across);
  beyond.insert(beyond.end(), also.begin(), also.end());
  return planBox(kernel, access, points, order, beyond, box);
}

void DirectParts::planPrefetch(const RolesPlan &roles, const OperandInfo &operand, const Side &side,
                               const Side &depth, OperandPlan &made) const {
  if (!made.choices.empty())
    return;
  const Side &rows = made.depthInRows ? depth : side, &columns = made.depthInRows ? side : depth;
  int64_t inRow = device.blocks.rowBytes / bytesOf(operand.type);
  PrefetchPlan plan;
  // Pieces of 32 bytes, one or two side by side.
  plan.columns = columns.extent() < inRow ? columns.extent() / (inRow / 2) * (inRow / 2) : inRow;
  if (plan.columns == 0)
    return;
  plan.across = (columns.extent() + plan.columns - 1) / plan.columns;
  // As few messages a group as there can be, and each as small as that leaves it.
  int64_t share = std::max<int64_t>(1, roles.consumers / plan.across);
  plan.rows = 1;
  while (plan.rows < device.blocks.rows && plan.rows * share < rows.extent())
    plan.rows *= 2;
  plan.rows = std::min(plan.rows, rows.extent());
  plan.down = (rows.extent() + plan.rows - 1) / plan.rows;
  plan.rounds = (plan.down * plan.across + roles.consumers - 1) / roles.consumers;
  const Access &access = kernel.accesses[operand.accesses.front()];
  if (!planBlock(access, rows, plan.rows, columns, plan.columns, plan.box).empty() ||
      !whyNoBlocks(plan.box, 1).empty())
    return;
  // One message is one block.
  int64_t dims =
      std::count_if(plan.box.box.begin(), plan.box.box.end() - 1, [](int64_t points) { return points > 1; });
  if (dims <= 1)
    made.prefetch = std::move(plan);
}

void DirectParts::planBlockStores(PipePlan &plan, const Atom &atom, const Side &columns) const {
  planStores(kernel, plan, columns); // without slots: judges them alone
  auto storedOf = [](const Access &access, const Side &side) {
    Side made;
    for (const TiledAxis &axis : side.axes)
      if (access.uses[axis.axis])
        made.axes.push_back(axis);
    return made;
  };
  const RolesPlan &roles = *plan.roles;
  if (std::find(device.copyKinds.begin(), device.copyKinds.end(), "block2d") == device.copyKinds.end())
    return;
  for (StorePlan &store : plan.stores) {
    const Access &access = kernel.accesses[store.access];
    int64_t bytes = bytesOf(kernel.buffers[access.buffer].type);
    ElementType type = kernel.buffers[access.buffer].type;
    if (bytes > 4 || type == ElementType::F8E4M3 || type == ElementType::I1 ||
        store.columns != columns.extent())
      continue;
    Side rows = storedOf(access, plan.m), across = storedOf(access, columns);
    if (rows.extent() != plan.m.extent() || across.extent() != columns.extent())
      continue;
    BoxPlan box;
    int64_t width = roles.fragmentColumns;
    if (width % atom.n != 0 || !planBlock(access, rows, atom.m, across, atom.n, box).empty() ||
        !whyNoBlocks(box, 1).empty() ||
        std::count_if(box.box.begin(), box.box.end() - 1, [](int64_t points) { return points > 1; }) > 1)
      continue;
    store.staged = store.blocks = true;
    store.boxes = {box};
    for (int64_t column = 0; column < width; column += atom.n)
      for (int64_t row = 0; row < roles.fragmentRows; row += atom.m) {
        StagedPiece piece{row, column, atom.m, atom.n, 0, {}};
        BoxUse use{0, shiftTo(rows, row), 0};
        for (const auto &shift : shiftTo(across, column))
          use.shift.push_back(shift);
        piece.stores.push_back(std::move(use));
        store.pieces.push_back(std::move(piece));
      }
  }
}

LaunchPlan DirectParts::launchDirect(PipePlan &plan, int64_t tiles) const {
  RolesPlan &roles = *plan.roles;
  roles.tiles = tiles;
  for (const TiledAxis &axis : plan.batch)
    roles.tiles *= axis.tiles();
  LaunchPlan launch;
  launch.threads = roles.consumers * roles.groupThreads;
  launch.blocks = roles.tiles;
  if (launch.threads > device.maxThreads)
    throw Refusal{fmt::format("warps: {} threads, there are {}", launch.threads, device.maxThreads)};
  return launch;
}

} // namespace tgc
