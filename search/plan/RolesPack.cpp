// pack(w,nk) for atoms that run beside their threads: the weight transposed ahead, rows of the depth.
// The plan is that of the kernel as it is after packing, so the first step is to say what that kernel reads: a buffer
// [columns][depth][1], panels of one column, whose coordinates are the numbers of the columns and of the depth.
#include "search/plan/RolesPack.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

/// The number of a point of the side: its axes' digits, outermost first.
LinearIndex numberOf(const KernelInfo &kernel, const Side &side) {
  LinearIndex index;
  index.coefficients.assign(kernel.axes.size(), 0);
  int64_t inner = 1;
  for (auto axis = side.axes.rbegin(); axis != side.axes.rend(); ++axis) {
    if (axis->extent > 1)
      index.coefficients[axis->axis] = inner;
    inner *= axis->extent;
  }
  return index;
}

bool same(const LinearIndex &a, const LinearIndex &b) {
  return a.linear && b.linear && a.offset == b.offset && a.coefficients == b.coefficients;
}

int64_t pointsOf(const Side &side) {
  int64_t points = 1;
  for (const TiledAxis &axis : side.axes)
    points *= axis.extent;
  return points;
}

} // namespace

std::optional<PackPlan> packColumns(KernelInfo &kernel, const OperandInfo &operand, const std::string &name,
                                    const std::string &text, char side, const Side &columns,
                                    const Side &depth) {
  PackOrder order = parsePackOrder(text);
  if (order.outer != side || order.inner != 'k' || order.panel != 0 || order.type)
    throw Refusal{
        fmt::format("pack({},{}): the copy engine takes the depth in rows, as in {}k", name, text, side)};
  int buffer = *kernel.bufferNamed(name);
  if (!operand.plain || kernel.accesses[operand.accesses.front()].buffer != buffer)
    throw Refusal{fmt::format("pack({},{}): only the operand on the atom's columns is packed", name, text)};
  for (size_t i = 0; i < kernel.accesses.size(); ++i)
    if (kernel.accesses[i].buffer == buffer && int(i) != operand.accesses.front())
      throw Refusal{fmt::format("pack({},{}): the buffer is read elsewhere too", name, text)};
  Access &access = kernel.accesses[operand.accesses.front()];
  for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
    if (access.uses[axis] && kernel.axes[axis].extent > 1 && !columns.find(int(axis)) &&
        !depth.find(int(axis)))
      throw Refusal{fmt::format("pack({},{}): the weight has a batch", name, text)};

  PackPlan pack{buffer, text, {pointsOf(columns), pointsOf(depth), 1}, kernel.buffers[buffer].type};
  LinearIndex zero;
  zero.coefficients.assign(kernel.axes.size(), 0);
  std::vector<LinearIndex> indices{numberOf(kernel, columns), numberOf(kernel, depth), zero};
  BufferInfo &packed = kernel.buffers[buffer];
  bool already = packed.shape == pack.shape && access.indices.size() == 3 &&
                 same(access.indices[0], indices[0]) && same(access.indices[1], indices[1]);
  if (already)
    return std::nullopt;
  packed.shape = pack.shape;
  packed.strides = {pack.shape[1], 1, 1};
  packed.offset = 0;
  access.indices = std::move(indices);
  access.guarded = access.zeroOutside = false;
  return pack;
}

} // namespace tgc
