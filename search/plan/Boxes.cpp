// In: an access and the points of a box along every axis. Out: the buffer's dimensions as the engine sees them.
// 1. A buffer dimension whose axes are digits of it becomes one dimension an axis: what lies beyond an axis's end
//    is then outside, though the buffer goes on. Where axes overlap (taps of a convolution), or the access may
//    leave the buffer, the dimension stays whole and its coordinate is the sum. So it does where quotients take part
//    (a tensor that is enlarged as it is read), none of whose axes may have more than one point in a box.
// 2. Dimensions whose boxes are one point merge where they nest, unless boxes lie behind the inner one's end.
// 3. The engine wants: rank up to 5, the last dimension contiguous, other strides and the start multiples of 16
//    bytes, up to 256 points a dimension (of the last one a row of tiles says it), up to 8 elements between them.
#include "search/plan/Boxes.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {

namespace {

struct Dim {
  int64_t size, stride, box = 1, step = 1;
  LinearIndex coord;
  int axis = -1; ///< with more than one point in the box
};

LinearIndex coordOf(size_t axes, int axis) {
  LinearIndex index;
  index.coefficients.assign(axes, 0);
  if (axis >= 0)
    index.coefficients[axis] = 1;
  return index;
}

/// Axes are digits of the index: each step is at least as large as all smaller digits together.
bool areDigits(const KernelInfo &kernel, const LinearIndex &index, const std::vector<int> &axes) {
  int64_t below = 0;
  for (int axis : axes) { // ascending coefficients
    int64_t coefficient = index.coefficients[axis];
    if (coefficient <= below)
      return false;
    below += coefficient * (kernel.axes[axis].extent - 1);
  }
  return true;
}

} // namespace

std::vector<int64_t> boxOfPoints(const Side &side, int64_t points) {
  std::vector<int64_t> box(side.axes.size(), 1);
  int64_t left = points;
  for (size_t i = side.axes.size(); i-- > 0 && left > 1;) {
    int64_t tile = side.axes[i].tile;
    box[i] = std::min(tile, left);
    // A piece of the outermost tiled axis may leave a rest behind it.
    bool outermost = std::none_of(side.axes.begin(), side.axes.begin() + i,
                                  [](const TiledAxis &axis) { return axis.tile > 1; });
    if (left % box[i] != 0 || (left < tile && tile % left != 0 && !outermost))
      return {};
    left /= box[i];
  }
  return left == 1 ? box : std::vector<int64_t>();
}

std::vector<int> axesBeyond(const Side &side, const std::vector<int64_t> &points) {
  std::vector<int> beyond;
  for (size_t i = 0; i < side.axes.size(); ++i)
    if (const TiledAxis &axis = side.axes[i]; points[i] == 1 && axis.ragged())
      beyond.push_back(axis.axis);
  return beyond;
}

std::vector<std::pair<int, int64_t>> shiftTo(const Side &side, int64_t point) {
  std::vector<std::pair<int, int64_t>> shift;
  for (auto axis = side.axes.rbegin(); axis != side.axes.rend(); ++axis) {
    if (int64_t digit = point % axis->tile; digit != 0)
      shift.emplace_back(axis->axis, digit);
    point /= axis->tile;
  }
  return shift;
}

std::string planBox(const KernelInfo &kernel, const Access &access, const std::vector<int64_t> &box,
                    const std::vector<int> &order, const std::vector<int> &beyond, BoxPlan &plan) {
  const BufferInfo &buffer = kernel.buffers[access.buffer];
  int64_t bytes = bytesOf(buffer.type);
  if (access.guarded && !(access.store ? access.clipped : access.zeroOutside))
    return fmt::format("{} has a condition or another fill than 0", buffer.name);
  std::vector<Dim> dims;
  plan.buffer = access.buffer;
  plan.offset = buffer.offset;
  for (size_t d = 0; d < access.indices.size(); ++d) {
    const LinearIndex &index = access.indices[d];
    if (!index.linear && (index.floors.empty() || access.store))
      return fmt::format("an index of {} is not linear", buffer.name);
    for (const FloorTerm &term : index.floors)
      for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
        if (term.coefficients[axis] != 0 && box[axis] > 1)
          return fmt::format("an index of {} is not linear along {}", buffer.name, kernel.axes[axis].name);
    LinearIndex coord = index;
    if (!index.linear)
      coord.coefficients = index.direct;
    std::vector<int> axes;
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
      if (coord.coefficients[axis] != 0 && kernel.axes[axis].extent > 1)
        axes.push_back(int(axis));
    std::stable_sort(axes.begin(), axes.end(),
                     [&](int a, int b) { return coord.coefficients[a] < coord.coefficients[b]; });
    if (!access.guarded && index.linear && areDigits(kernel, index, axes)) {
      plan.offset += index.offset * buffer.strides[d];
      for (int axis : axes)
        dims.push_back({kernel.axes[axis].extent, index.coefficients[axis] * buffer.strides[d], box[axis], 1,
                        coordOf(kernel.axes.size(), axis), box[axis] > 1 ? axis : -1});
      continue;
    }
    Dim dim{buffer.shape[d], buffer.strides[d], 1, 1, coord, -1};
    if (access.store) { // what lies beyond the axis's end must be outside
      if (axes.size() > 1)
        return fmt::format("{} is stored under a condition along several axes of one dimension", buffer.name);
      if (!axes.empty())
        dim.size = std::min(
            dim.size, index.offset + index.coefficients[axes[0]] * (kernel.axes[axes[0]].extent - 1) + 1);
    }
    for (int axis : axes) {
      if (box[axis] == 1)
        continue;
      if (dim.axis >= 0)
        return fmt::format("{} has two tiled axes in one dimension", buffer.name);
      dim.axis = axis;
      dim.box = box[axis];
      dim.step = coord.coefficients[axis];
      if (dim.step < 1 || dim.step > 8)
        return fmt::format("{} is read {} elements apart along {}", buffer.name, dim.step,
                           kernel.axes[axis].name);
    }
    dims.push_back(std::move(dim));
  }
  std::vector<Dim> placed;
  for (int axis : order) {
    auto at = std::find_if(dims.begin(), dims.end(), [&](const Dim &dim) { return dim.axis == axis; });
    if (at == dims.end())
      return fmt::format("{} does not depend on {}", buffer.name, kernel.axes[axis].name);
    placed.push_back(*at);
    dims.erase(at);
  }
  // What is left has one point in the box; nested dimensions are one.
  std::erase_if(dims,
                [](const Dim &dim) { return dim.size == 1 && dim.coord.offset == 0 && dim.coord.linear; });
  std::stable_sort(dims.begin(), dims.end(), [](const Dim &a, const Dim &b) { return a.stride > b.stride; });
  for (size_t i = 0; !access.guarded && i + 1 < dims.size();) {
    Dim &outer = dims[i], &inner = dims[i + 1];
    // Behind its end a digit of a larger dimension is the next one's beginning.
    bool leaves = std::any_of(beyond.begin(), beyond.end(),
                              [&](int axis) { return inner.coord.coefficients[axis] != 0; });
    if (leaves || !outer.coord.linear || !inner.coord.linear || outer.stride != inner.stride * inner.size) {
      ++i;
      continue;
    }
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
      inner.coord.coefficients[axis] += outer.coord.coefficients[axis] * inner.size;
    inner.coord.offset += outer.coord.offset * inner.size;
    inner.size *= outer.size;
    dims.erase(dims.begin() + i);
  }
  dims.insert(dims.end(), placed.begin(), placed.end());
  if (dims.size() < 2) // the engine's smallest rank that has strides
    dims.insert(dims.begin(), {1, std::max<int64_t>(dims.empty() ? 1 : dims[0].size, 16) / 16 * 16 + 16, 1, 1,
                               coordOf(kernel.axes.size(), -1), -1});
  if (dims.size() > 5)
    return fmt::format("{} has {} dimensions, the engine takes 5", buffer.name, dims.size());
  if (dims.back().stride != 1 || dims.back().step != 1)
    return fmt::format("{} is not contiguous along {}", buffer.name,
                       dims.back().axis < 0 ? "its last axis" : kernel.axes[dims.back().axis].name);
  if (plan.offset * bytes % 16 != 0)
    return fmt::format("{} begins at {} bytes, no multiple of 16", buffer.name, plan.offset * bytes);
  for (size_t i = 0; i < dims.size(); ++i) {
    const Dim &dim = dims[i];
    if (i + 1 < dims.size() && dim.stride * bytes % 16 != 0)
      return fmt::format("{} has a stride of {} bytes, no multiple of 16", buffer.name, dim.stride * bytes);
    if (dim.box > 256 && i + 1 < dims.size())
      return fmt::format("{} has a box of {} points, the engine takes 256", buffer.name, dim.box);
    plan.sizes.push_back(dim.size);
    plan.strides.push_back(dim.stride);
    plan.box.push_back(dim.box);
    plan.steps.push_back(dim.step);
    plan.coords.push_back(dim.coord);
  }
  return "";
}

namespace {

/// Adds axes with more than one point in a box of the side.
void addBox(const Side &side, const std::vector<int64_t> &points, std::vector<int64_t> &box,
            std::vector<int> &order) {
  for (size_t i = 0; i < side.axes.size(); ++i)
    if (points[i] > 1) {
      box[side.axes[i].axis] = points[i];
      order.push_back(side.axes[i].axis);
    }
}

/// Rows outermost, one row of block memory of the columns innermost.
std::string planTile(const KernelInfo &kernel, const Access &access, const Side &rows, const Side &columns,
                     int64_t rowPoints, int64_t rowBytes, OperandPlan &plan) {
  int64_t elements = rowBytes / bytesOf(kernel.buffers[access.buffer].type);
  std::optional<Side> padded = paddedSide(columns, elements);
  if (!padded)
    return fmt::format("{} points of several axes are no rows of {}", columns.extent(), elements);
  std::vector<int64_t> down = boxOfPoints(rows, rowPoints), across = boxOfPoints(*padded, elements);
  bool vector = rows.axes.empty() && rowPoints == 1; // which is a box of one row
  if ((down.empty() && !vector) || across.empty())
    return "its tile is no number of boxes";
  std::vector<int64_t> box(kernel.axes.size(), 1);
  std::vector<int> order;
  addBox(rows, down, box, order);
  addBox(*padded, across, box, order);
  std::vector<int> beyond = axesBeyond(rows, down), also = axesBeyond(*padded, across);
  beyond.insert(beyond.end(), also.begin(), also.end());
  BoxPlan made;
  if (std::string reason = planBox(kernel, access, box, order, beyond, made); !reason.empty())
    return reason;
  made.swizzle = rowBytes;
  plan.copy = "tma";
  plan.type = kernel.buffers[access.buffer].type;
  plan.boxes = {made};
  plan.tileRows = rows.extent();
  plan.tileColumns = padded->extent();
  plan.tileBytes = plan.tileRows * plan.tileColumns * bytesOf(plan.type);
  for (int64_t row = 0; row < plan.tileRows; row += rowPoints)
    for (int64_t column = 0; column < plan.tileColumns; column += elements) {
      BoxUse use{0, shiftTo(rows, row), (column / elements * plan.tileRows + row) * rowBytes};
      for (const auto &shift : shiftTo(*padded, column))
        use.shift.push_back(shift);
      plan.fetches.push_back(std::move(use));
    }
  return "";
}

} // namespace

std::optional<Side> paddedSide(const Side &side, int64_t points) {
  Side padded = side;
  if (side.extent() % points == 0)
    return padded;
  auto tiled = [](const TiledAxis &axis) { return axis.tile > 1; };
  if (std::count_if(side.axes.begin(), side.axes.end(), tiled) != 1)
    return std::nullopt;
  int64_t &tile = std::find_if(padded.axes.begin(), padded.axes.end(), tiled)->tile;
  tile = (tile + points - 1) / points * points;
  return padded;
}

std::string planDepthInRow(const KernelInfo &kernel, const Access &access, const Side &side,
                           const Side &depth, OperandPlan &plan, int64_t rows, int64_t rowBytes) {
  return planTile(kernel, access, side, depth, rows ? rows : side.extent(), rowBytes, plan);
}

std::string planSideInRow(const KernelInfo &kernel, const Access &access, const Side &side, const Side &depth,
                          OperandPlan &plan, int64_t rowBytes) {
  plan.depthInRows = true;
  return planTile(kernel, access, depth, side, depth.extent(), rowBytes, plan);
}

std::string planPieces(const KernelInfo &kernel, const PipePlan &plan, const BoxPlan &box) {
  int64_t piece = 16 / bytesOf(kernel.buffers[box.buffer].type);
  if (box.box.back() % piece != 0)
    return fmt::format("{} is read in pieces of {} elements", kernel.buffers[box.buffer].name,
                       box.box.back());
  const LinearIndex &inner = box.coords.back();
  bool between = inner.offset % piece != 0 || !inner.linear;
  for (size_t axis = 0; axis < inner.coefficients.size(); ++axis)
    if (const TiledAxis *tiled = plan.find(int(axis)))
      between |= inner.coefficients[axis] * tiled->tile % piece != 0 && tiled->tiles() > 1;
  return between
             ? fmt::format("{} is read from between multiples of 16 bytes", kernel.buffers[box.buffer].name)
             : "";
}

} // namespace tgc
