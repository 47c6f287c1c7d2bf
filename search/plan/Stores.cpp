// How stores leave consumers: staged in block memory where the copy engine (or a warp) can take pieces of 64 (16) rows
// and the type has 16 bits, else from registers. A piece whose rows are contiguous in memory is staged transposed. The last
// piece of an axis that the tile covers may be wider than the axis: the engine clips it.
#include "search/plan/Boxes.h"
#include "search/plan/PipeParts.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

class StorePlanner {
public:
  StorePlanner(const KernelInfo &kernel, const PipePlan &plan, const Access &access, const Side &columns)
      : kernel(kernel), plan(plan), access(access), rows(stored(plan.m)), columns(stored(columns)) {}

  /// Pieces of 64 rows and up to 64 columns; false where they are no boxes.
  bool stage(StorePlan &store) const {
    ElementType type = kernel.buffers[access.buffer].type;
    if (type != ElementType::BF16 && type != ElementType::F16)
      return false;
    int64_t pieceRows = plan.roles->pieceRows();
    int64_t width = plan.roles->columnGroups > 1 ? plan.roles->fragmentColumns : store.columns;
    for (bool transposed : {false, true}) {
      if (transposed && plan.roles->producers == 0) // pieces of a warp are too few to be rows
        continue;
      StorePlan made = store;
      made.transposed = transposed;
      made.staged = true;
      bool fits = true;
      for (int64_t row = 0; row < plan.roles->fragmentRows && fits; row += pieceRows)
        for (int64_t column = 0; column < width && fits; column += 64)
          fits = addPiece(row, column, std::min<int64_t>(64, width - column), made);
      if (fits) {
        store = std::move(made);
        return true;
      }
    }
    return false;
  }

private:
  Side stored(const Side &side) const {
    Side made;
    for (const TiledAxis &axis : side.axes)
      if (access.uses[axis.axis])
        made.axes.push_back(axis);
    return made;
  }

  /// Whether nothing of the kernel lies behind these columns along their one axis.
  bool isLast(int64_t end) const {
    auto tiled = [](const TiledAxis &axis) { return axis.tile > 1; };
    auto only = std::find_if(columns.axes.begin(), columns.axes.end(), tiled);
    return std::count_if(columns.axes.begin(), columns.axes.end(), tiled) == 1 &&
           only->extent == only->tile && end == only->tile;
  }

  bool addPiece(int64_t row, int64_t column, int64_t width, StorePlan &store) const {
    if (width % 8 != 0)
      return false;
    int64_t pieceRows = plan.roles->pieceRows();
    StagedPiece piece{row, column, pieceRows, width, boxRowBytes, {}};
    Side across = columns;
    int64_t step = width;
    if (!store.transposed && width != 64) {
      if (plan.roles->columnGroups == 1 && isLast(column + width)) {
        across = *paddedSide(columns, 64);
        step = 64;
      } else {
        step = width % 32 == 0 ? 32 : 16; // widths of a swizzle
        piece.swizzle = step * 2;
      }
    }
    if (step != 64 && width % 16 != 0)
      return false;
    std::vector<int64_t> downBox = boxOfPoints(rows, pieceRows), acrossBox = boxOfPoints(across, step);
    if (downBox.empty() || acrossBox.empty())
      return false;
    std::vector<int64_t> box(kernel.axes.size(), 1);
    std::vector<int> order;
    auto add = [&](const Side &side, const std::vector<int64_t> &points) {
      for (size_t i = 0; i < side.axes.size(); ++i)
        if (points[i] > 1) {
          box[side.axes[i].axis] = points[i];
          order.push_back(side.axes[i].axis);
        }
    };
    add(store.transposed ? across : rows, store.transposed ? acrossBox : downBox);
    add(store.transposed ? rows : across, store.transposed ? downBox : acrossBox);
    std::vector<int> beyond = axesBeyond(rows, downBox), also = axesBeyond(across, acrossBox);
    beyond.insert(beyond.end(), also.begin(), also.end());
    BoxPlan made;
    if (!planBox(kernel, access, box, order, beyond, made).empty())
      return false;
    made.swizzle = piece.swizzle;
    if (plan.roles->producers == 0 && !planPieces(kernel, plan, made).empty())
      return false;
    size_t known = 0;
    while (known < store.boxes.size() &&
           (store.boxes[known].box != made.box || store.boxes[known].swizzle != made.swizzle))
      ++known;
    if (known == store.boxes.size())
      store.boxes.push_back(made);
    for (int64_t at = 0; at < width; at += step) {
      BoxUse use{int(known), shiftTo(rows, row), at * 2 * pieceRows};
      for (const auto &shift : shiftTo(across, column + at))
        use.shift.push_back(shift);
      piece.stores.push_back(std::move(use));
    }
    store.pieces.push_back(std::move(piece));
    return true;
  }

  const KernelInfo &kernel;
  const PipePlan &plan;
  const Access &access;
  Side rows, columns;
};

/// Where outer axes of the columns are not stored, their first points are.
int64_t storedColumns(const KernelInfo &kernel, const Access &access, const Side &side) {
  int64_t columns = side.extent();
  bool stored = false;
  for (const TiledAxis &axis : side.axes) {
    if (access.uses[axis.axis] || axis.tile == 1) {
      stored |= axis.tile > 1;
      continue;
    }
    if (stored)
      throw Refusal{fmt::format("tile({},{}): an axis outside of it is stored", kernel.axes[axis.axis].name,
                                axis.tile)};
    columns /= axis.tile;
  }
  return columns;
}

} // namespace

int64_t planStores(const KernelInfo &kernel, PipePlan &plan, const Side &columns) {
  int64_t pieces = 0;
  for (size_t i = 0; i < kernel.accesses.size(); ++i) {
    const Access &access = kernel.accesses[i];
    if (!access.store)
      continue;
    StorePlan store;
    store.access = int(i);
    store.columns = storedColumns(kernel, access, columns);
    for (const TiledAxis &axis : plan.m.axes)
      if (axis.tile > 1 && !access.uses[axis.axis])
        throw Refusal{fmt::format("tile({},{}): {} is not stored along it", kernel.axes[axis.axis].name,
                                  axis.tile, kernel.buffers[access.buffer].name)};
    if (plan.roles->slots > 0)
      StorePlanner(kernel, plan, access, columns).stage(store);
    // The engine clips what lies behind a buffer's end, but takes no place before its beginning.
    for (const LinearIndex &index : access.indices)
      for (const Side *side : {static_cast<const Side *>(&plan.m), &columns})
        for (const TiledAxis &axis : side->axes)
          if (store.staged && plan.roles->producers > 0 && index.offset < 0 &&
              index.coefficients[axis.axis] != 0 && index.offset % axis.tile != 0)
            throw Refusal{fmt::format("tile({},{}): {} begins inside of a tile", kernel.axes[axis.axis].name,
                                      axis.tile, kernel.buffers[access.buffer].name)};
    // Tiles that lie outside are passed over, which must not change whose turn it is among the slots.
    if (access.guarded && store.staged && int64_t(store.pieces.size()) % plan.roles->slots != 0)
      throw Refusal{fmt::format("slots({}): {} is stored in {} pieces", plan.roles->slots,
                                kernel.buffers[access.buffer].name, store.pieces.size())};
    pieces += int64_t(store.pieces.size());
    plan.stores.push_back(std::move(store));
  }
  if (pieces == 0)
    return 0;
  if (pieces % plan.roles->slots != 0)
    throw Refusal{fmt::format("slots({}): a tile is stored in {} pieces", plan.roles->slots, pieces)};
  return plan.roles->slots;
}

} // namespace tgc
