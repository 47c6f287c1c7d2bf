// The pipe's plan of a contraction by atoms that run beside their threads: producers fetch boxes into a ring,
// consumers hold the sums in registers and store them through slots.
// 1. Sides as for other atoms; tiles may be larger than their axes, as the copy engine fills with 0. A side's order
//    follows the store, axes that are not stored outermost.
// 2. Each operand is a load that the engine can move, contiguous along the depth (side × depth in block memory)
//    or along its side (depth × side, where the atom can transpose).
// 3. Sums of a consumer: its rows (all of the tile with pingpong, else its share) × the tile's columns. They and what
//    the epilogue needs fit the registers that producers leave.
// 4. Stores: staged where a piece of 64 rows is a box of the buffer and the type has 16 bits; else from registers.
// 5. Ring, slots and barriers fit block memory. Grid: one block a multiprocessor, or one a tile.
#include "search/plan/Boxes.h"
#include "search/plan/PipeParts.h"
#include "search/plan/Planners.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

/// Registers of a consumer beside its sums, and at entry of the instruction's operands.
constexpr int64_t spareRegisters = 40, entryRegisters = 26;
/// Bytes of a row in block memory: the widest swizzle.
constexpr int64_t rowBytes = 128;

class RolesPlanner : PipeParts {
public:
  using PipeParts::PipeParts;

  Plan run() {
    const ContractInfo &contract = *kernel.contract;
    const OperandInfo &left = schedule.flip ? contract.rhs : contract.lhs;
    const OperandInfo &right = schedule.flip ? contract.lhs : contract.rhs;
    refuseOptions();
    if (left.type != right.type)
      throw Refusal{fmt::format("tc({}): operands of {} and {}", *schedule.atom, nameOf(left.type), nameOf(right.type))};
    atom = &exactAtom(kernel.reductions[contract.reduction].accumulator, left.type);
    if (kernel.reductions.size() > 1)
      throw Refusal{"tc: another reduction beside the product"};

    plan.atom = atom->name;
    plan.flip = schedule.flip;
    plan.batch = makeBatch(contract.batch);
    plan.m = tiledSide(schedule.flip ? contract.n : contract.m, contract.complete);
    plan.n = tiledSide(schedule.flip ? contract.m : contract.n, contract.complete);
    plan.k = tiledSide(contract.k, {});
    requireWhole(plan, contract.complete);
    for (const auto &[name, tile] : schedule.tile)
      if (!plan.find(*kernel.axisNamed(name)))
        throw Refusal{fmt::format("tile({},{}): the product does not have the axis", name, tile)};
    planGroups();
    plan.a = planOperand(left, plan.m);
    plan.b = planOperand(right, plan.n);
    finish(plan, plan.n);
    planStores();
    return planLaunch();
  }

private:
  void refuseOptions() const {
    auto refuse = [](bool there, const char *option, const char *reason) {
      if (there)
        throw Refusal{fmt::format("{}: {}", option, reason)};
    };
    refuse(schedule.producers != 1, "warps", "one group produces, as in 2+1");
    refuse(schedule.warpsN != 1, "warps", "consumers divide the rows");
    refuse(schedule.overlap, "overlap", "there is no second product");
    refuse(!schedule.cluster.empty(), "cluster", "operands are fetched by each block");
    refuse(!schedule.split.empty(), "split", "the pipe walks a sum in one block");
    refuse(!schedule.hold.empty(), "hold", "operands come through the ring");
    refuse(!schedule.padTo.empty(), "padto", "tiles need not divide the extent");
    refuse(schedule.prefetch.has_value(), "prefetch", "the ring fetches ahead");
    refuse(!schedule.packs.empty(), "pack", "the copy engine takes weights as they lie");
    refuse(schedule.pingpong && schedule.warpsM != 2, "pingpong", "two consumers take turns");
  }

  const Atom &exactAtom(ElementType accumulator, ElementType operand) const {
    for (const Atom &candidate : device.atoms)
      if (candidate.name == *schedule.atom && candidate.accumulator == accumulator && candidate.a == operand &&
          candidate.b == operand)
        return candidate;
    throw Refusal{fmt::format("tc({}): no such atom multiplies {} into {}", *schedule.atom, nameOf(operand),
                              nameOf(accumulator))};
  }

  /// Axes that the main store does not have come first, the others by its strides, or by the order of the kernel.
  Side tiledSide(std::vector<int> axes, const std::vector<int> &whole) const {
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
      bool all = std::find(whole.begin(), whole.end(), axis) != whole.end();
      side.axes.push_back({axis, info.extent, tile != schedule.tile.end() ? tile->second : all ? info.extent : 1});
    }
    return side;
  }

  void planGroups() {
    RolesPlan roles;
    roles.consumers = schedule.warpsM;
    roles.groupThreads = atom->threads;
    roles.pingpong = schedule.pingpong;
    int64_t rows = plan.m.extent(), columns = plan.n.extent(), share = roles.pingpong ? 1 : roles.consumers;
    if (rows % (atom->m * share) != 0)
      throw Refusal{fmt::format("tile: {} rows, {} consumers take multiples of {}", rows, share, atom->m * share)};
    if (columns % atom->nStep != 0 || columns > atom->nMax)
      throw Refusal{fmt::format("tile: {} columns, the atom has multiples of {} up to {}", columns, atom->nStep,
                                atom->nMax)};
    roles.fragmentRows = rows / share;
    int64_t groups = roles.consumers + 1, sums = roles.fragmentRows * columns / atom->threads;
    auto floor8 = [](int64_t number) { return number / 8 * 8; };
    int64_t entry = std::min<int64_t>(248, floor8(device.blockRegisters / (groups * atom->threads)));
    // With few groups every thread has as many as it can name; else producers leave theirs to consumers.
    roles.producerRegisters = roles.consumerRegisters = entry;
    if (entry < 248) {
      roles.producerRegisters = roles.consumers > 2 ? 32 : 40;
      roles.consumerRegisters =
          std::min<int64_t>(240, floor8((entry * groups - roles.producerRegisters) / roles.consumers));
    }
    if (sums + spareRegisters > roles.consumerRegisters)
      throw Refusal{fmt::format("tile: {} sums a thread, of {} registers", sums, roles.consumerRegisters)};
    if (atom->m * columns / atom->threads + entryRegisters > entry)
      throw Refusal{fmt::format("tile: an instruction of {} columns needs more than {} registers at entry", columns,
                                entry)};
    roles.stages = schedule.stages.value_or(4);
    if (roles.stages < 2)
      throw Refusal{"stage: asynchronous products need two fills"};
    roles.slots = schedule.slots.value_or(0);
    plan.atomM = atom->m;
    plan.atomN = columns;
    result.registers = roles.consumerRegisters;
    plan.roles = roles;
  }

  OperandPlan planOperand(const OperandInfo &operand, const Side &side) {
    if (!operand.plain || operand.reduced)
      throw Refusal{"tc: an operand is computed, the copy engine moves loads only"};
    const Access &access = kernel.accesses[operand.accesses.front()];
    const BufferInfo &buffer = kernel.buffers[access.buffer];
    auto copy = schedule.copies.find(buffer.name);
    if (copy == schedule.copies.end() || copy->second != "tma")
      throw Refusal{fmt::format("copy({}): the ring is filled by tma", buffer.name)};
    OperandPlan made;
    made.copy = "tma";
    made.stages = plan.roles->stages;
    made.type = buffer.type;
    int64_t rowElements = rowBytes / bytesOf(buffer.type), depth = plan.k.extent();
    if (depth % rowElements != 0)
      throw Refusal{fmt::format("tile: the depth is {}, rows of block memory have {}", depth, rowElements)};
    std::string reason = planDepthRows(access, side, rowElements, made);
    if (!reason.empty()) {
      std::string other = bytesOf(buffer.type) == 2 ? planSideRows(access, side, rowElements, made)
                                                    : "the atom takes it only so";
      if (!other.empty())
        throw Refusal{fmt::format("copy({},tma): along the depth: {}; along its side: {}", buffer.name, reason, other)};
    }
    for (BoxPlan &box : made.boxes)
      box.swizzle = rowBytes;
    made.tileBytes = made.tileRows * made.tileColumns * bytesOf(buffer.type);
    return made;
  }

  /// side × depth: rows are points of the side.
  std::string planDepthRows(const Access &access, const Side &side, int64_t rowElements, OperandPlan &made) const {
    std::vector<int64_t> box(kernel.axes.size(), 1);
    std::vector<int> order;
    for (const TiledAxis &axis : side.axes)
      if (axis.tile > 1) {
        box[axis.axis] = axis.tile;
        order.push_back(axis.axis);
      }
    std::vector<int64_t> chunk = boxOfPoints(plan.k, rowElements);
    if (chunk.empty())
      return "a row of block memory is no box of the depth";
    addBox(plan.k, chunk, box, order);
    BoxPlan plan0;
    if (std::string reason = planBox(kernel, access, box, order, plan0); !reason.empty())
      return reason;
    made.boxes = {plan0};
    made.tileRows = side.extent();
    made.tileColumns = plan.k.extent();
    for (int64_t at = 0; at < made.tileColumns; at += rowElements)
      made.fetches.push_back({0, shiftTo(plan.k, at), at / rowElements * made.tileRows * rowBytes});
    return "";
  }

  /// depth × side: rows are steps of the depth.
  std::string planSideRows(const Access &access, const Side &side, int64_t rowElements, OperandPlan &made) const {
    std::vector<int64_t> box(kernel.axes.size(), 1);
    std::vector<int> order;
    for (const TiledAxis &axis : plan.k.axes)
      if (axis.tile > 1) {
        box[axis.axis] = axis.tile;
        order.push_back(axis.axis);
      }
    int64_t columns = roundUp(side.extent(), rowElements);
    Side padded = side;
    if (columns != side.extent()) {
      auto tiled = [](const TiledAxis &axis) { return axis.tile > 1; };
      if (std::count_if(side.axes.begin(), side.axes.end(), tiled) != 1)
        return fmt::format("{} points of several axes are no rows of {}", side.extent(), rowElements);
      std::find_if(padded.axes.begin(), padded.axes.end(), tiled)->tile = columns;
    }
    std::vector<int64_t> chunk = boxOfPoints(padded, rowElements);
    if (chunk.empty())
      return "a row of block memory is no box of the side";
    addBox(padded, chunk, box, order);
    BoxPlan plan0;
    if (std::string reason = planBox(kernel, access, box, order, plan0); !reason.empty())
      return reason;
    made.boxes = {plan0};
    made.depthInRows = true;
    made.tileRows = plan.k.extent();
    made.tileColumns = columns;
    for (int64_t at = 0; at < columns; at += rowElements)
      made.fetches.push_back({0, shiftTo(padded, at), at / rowElements * made.tileRows * rowBytes});
    return "";
  }

  static void addBox(const Side &side, const std::vector<int64_t> &points, std::vector<int64_t> &box,
                     std::vector<int> &order) {
    for (size_t i = 0; i < side.axes.size(); ++i)
      if (points[i] > 1) {
        box[side.axes[i].axis] = points[i];
        order.push_back(side.axes[i].axis);
      }
  }

  void planStores() {
    int64_t pieces = 0;
    for (size_t i = 0; i < kernel.accesses.size(); ++i) {
      const Access &access = kernel.accesses[i];
      if (!access.store)
        continue;
      StorePlan store;
      store.access = int(i);
      store.columns = storedColumns(access);
      for (const TiledAxis &axis : plan.m.axes)
        if (axis.tile > 1 && !access.uses[axis.axis])
          throw Refusal{fmt::format("tile({},{}): {} is not stored along it", kernel.axes[axis.axis].name, axis.tile,
                                    kernel.buffers[access.buffer].name)};
      if (plan.roles->slots > 0)
        planStaged(access, store);
      pieces += int64_t(store.pieces.size());
      plan.stores.push_back(std::move(store));
    }
    if (pieces == 0)
      plan.roles->slots = 0;
    else if (pieces % plan.roles->slots != 0)
      throw Refusal{fmt::format("slots({}): a tile is stored in {} pieces", plan.roles->slots, pieces)};
  }

  /// Where outer axes of the columns are not stored, their first points are.
  int64_t storedColumns(const Access &access) const {
    int64_t columns = plan.n.extent();
    bool stored = false;
    for (const TiledAxis &axis : plan.n.axes) {
      if (access.uses[axis.axis] || axis.tile == 1) {
        stored |= axis.tile > 1;
        continue;
      }
      if (stored)
        throw Refusal{fmt::format("tile({},{}): an axis outside of it is stored", kernel.axes[axis.axis].name, axis.tile)};
      columns /= axis.tile;
    }
    return columns;
  }

  Side storedSide(const Side &side, const Access &access) const {
    Side stored;
    for (const TiledAxis &axis : side.axes)
      if (access.uses[axis.axis])
        stored.axes.push_back(axis);
    return stored;
  }

  /// Pieces of 64 rows and up to 64 columns; nothing where they are no boxes.
  void planStaged(const Access &access, StorePlan &store) const {
    const BufferInfo &buffer = kernel.buffers[access.buffer];
    int64_t bytes = bytesOf(buffer.type);
    if (bytes != 2 || (buffer.type != ElementType::BF16 && buffer.type != ElementType::F16))
      return;
    Side rows = storedSide(plan.m, access), columns = storedSide(plan.n, access);
    for (bool transposed : {false, true}) {
      StorePlan made = store;
      made.transposed = transposed;
      bool fits = true;
      for (int64_t row = 0; row < plan.roles->fragmentRows && fits; row += 64)
        for (int64_t column = 0; column < store.columns && fits; column += 64)
          fits = addPieces(access, rows, columns, row, std::min<int64_t>(64, store.columns - column), column, made);
      if (!fits)
        continue;
      made.staged = true;
      store = std::move(made);
      return;
    }
  }

  /// The boxes of one piece. Contiguous columns: a row of block memory is a row of the piece, so that widths that
  /// are no swizzle's come in several boxes. Contiguous rows: a row of block memory is a column.
  bool addPieces(const Access &access, const Side &rows, const Side &columns, int64_t row, int64_t width,
                 int64_t column, StorePlan &store) const {
    if (width % 16 != 0)
      return false;
    StagedPiece piece{row, column, 64, width, rowBytes, {}};
    int64_t step = store.transposed ? width : width == 64 ? 64 : width % 32 == 0 ? 32 : 16;
    if (!store.transposed)
      piece.swizzle = step * 2;
    for (int64_t at = 0; at < width; at += step) {
      std::vector<int64_t> down = boxOfPoints(rows, 64), across = boxOfPoints(columns, step);
      if (down.empty() || across.empty())
        return false;
      std::vector<int64_t> box(kernel.axes.size(), 1);
      std::vector<int> order;
      if (store.transposed) {
        addBox(columns, across, box, order);
        addBox(rows, down, box, order);
      } else {
        addBox(rows, down, box, order);
        addBox(columns, across, box, order);
      }
      BoxPlan made;
      if (!planBox(kernel, access, box, order, made).empty())
        return false;
      made.swizzle = piece.swizzle;
      size_t known = 0;
      while (known < store.boxes.size() && (store.boxes[known].box != made.box || store.boxes[known].swizzle != made.swizzle))
        ++known;
      if (known == store.boxes.size())
        store.boxes.push_back(made);
      BoxUse use{int(known), shiftTo(rows, row), at * 64 * 2};
      for (const auto &shift : shiftTo(columns, column + at))
        use.shift.push_back(shift);
      piece.stores.push_back(std::move(use));
    }
    store.pieces.push_back(std::move(piece));
    return true;
  }

  Plan planLaunch() {
    RolesPlan &roles = *plan.roles;
    roles.tiles = plan.m.tiles() * plan.n.tiles();
    for (const TiledAxis &axis : plan.batch)
      roles.tiles *= axis.tiles();
    LaunchPlan launch;
    launch.threads = (roles.consumers + 1) * roles.groupThreads;
    launch.blocks = schedule.persistent ? std::min(roles.tiles, device.units) : roles.tiles;
    // Tiles of block memory begin at multiples of 1024 bytes.
    auto tile = [](int64_t bytes) { return roundUp(bytes, 1024); };
    launch.scratchBytes = 1024 + roles.stages * (tile(plan.a.tileBytes) + tile(plan.b.tileBytes)) +
                          roles.consumers * roles.slots * 64 * rowBytes + 16 * roles.stages;
    if (launch.scratchBytes > device.sharedBytes)
      throw Refusal{fmt::format("{} bytes of block memory, there are {}", launch.scratchBytes, device.sharedBytes)};
    if (launch.threads > device.maxThreads)
      throw Refusal{fmt::format("warps: {} threads, there are {}", launch.threads, device.maxThreads)};
    result.launches = {launch};
    result.body = std::move(plan);
    return std::move(result);
  }

  PipePlan plan;
  Plan result;
  const Atom *atom = nullptr;
};

} // namespace

Plan planRolesContract(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device) {
  return RolesPlanner(kernel, schedule, device).run();
}

} // namespace tgc
