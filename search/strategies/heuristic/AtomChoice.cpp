#include "search/strategies/heuristic/AtomChoice.h"

#include <algorithm>
#include <numeric>

namespace tgc::heuristic {

bool hasCopy(const DeviceInfo &device, const char *kind) {
  return std::find(device.copyKinds.begin(), device.copyKinds.end(), kind) != device.copyKinds.end();
}

const Atom *groupAtom(const DeviceInfo &device, bool asynchronous, ElementType operand, ElementType sums,
                      bool tf32) {
  for (const Atom &atom : device.atoms)
    if (device.maxThreads > 1 && atom.asynchronous == asynchronous && atom.a == operand &&
        atom.b == operand && atom.accumulator == sums && (tf32 || !atom.tf32))
      return &atom;
  return nullptr;
}

const Atom *directAtom(const DeviceInfo &device, ElementType operand, ElementType sums, bool tf32) {
  return hasCopy(device, "async") ? nullptr : groupAtom(device, /*asynchronous=*/false, operand, sums, tf32);
}

int64_t pointsOf(const KernelInfo &kernel, const std::vector<int> &axes) {
  int64_t points = 1;
  for (int axis : axes)
    points *= kernel.axes[axis].extent;
  return points;
}

const Access *largestAccess(const KernelInfo &kernel, const OperandInfo &operand) {
  const Access *best = nullptr;
  for (int position : operand.accesses)
    if (const Access &access = kernel.accesses[position];
        !best || kernel.buffers[access.buffer].elements() > kernel.buffers[best->buffer].elements())
      best = &access;
  return best;
}

bool hasVector(const KernelInfo &kernel) {
  return kernel.contract &&
         (pointsOf(kernel, kernel.contract->m) == 1) != (pointsOf(kernel, kernel.contract->n) == 1);
}

void copyAll(const KernelInfo &kernel, const OperandInfo &operand, const char *kind, Schedule &schedule) {
  for (int access : operand.accesses)
    schedule.copies[kernel.buffers[kernel.accesses[access].buffer].name] = kind;
}

int longestAxis(const KernelInfo &kernel, const std::vector<int> &axes) {
  return *std::max_element(axes.begin(), axes.end(),
                           [&](int a, int b) { return kernel.axes[a].extent < kernel.axes[b].extent; });
}

ContractTiles::ContractTiles(const KernelInfo &kernel)
    : kernel(kernel), strides(kernel.axes.size(), int64_t(1) << 62) {
  auto store = std::find_if(kernel.accesses.begin(), kernel.accesses.end(),
                            [](const Access &access) { return access.store; });
  if (store == kernel.accesses.end())
    return;
  for (size_t axis = 0; axis < strides.size(); ++axis)
    if (store->uses[axis])
      strides[axis] = std::abs(store->strideOf(int(axis), kernel.buffers[store->buffer]).value_or(1));
}

std::optional<double> ContractTiles::tile(int64_t rows, int64_t columns, Schedule &schedule) const {
  const ContractInfo &contract = *kernel.contract;
  double tiles = 1;
  if (!tileSide(schedule.flip ? contract.n : contract.m, rows, schedule, tiles) ||
      !tileSide(schedule.flip ? contract.m : contract.n, columns, schedule, tiles))
    return std::nullopt;
  for (int axis : contract.batch)
    tiles *= double(kernel.axes[axis].extent);
  return tiles;
}

/// Whether a load's index has a quotient that moves with the axis: no copy has several of its points.
static bool isDivided(const KernelInfo &kernel, int axis) {
  for (const Access &access : kernel.accesses)
    for (const LinearIndex &index : access.indices)
      for (const FloorTerm &term : index.floors)
        if (term.coefficients[axis] != 0)
          return true;
  return false;
}

namespace {

/// The ways to give the axes, innermost first, tiles whose product is `points`.
class SideTiles {
public:
  struct Choice {
    std::vector<int64_t> tiles;
    double count = 0; ///< tiles that cover the axes
  };

  SideTiles(std::vector<int64_t> extents, std::vector<bool> whole)
      : extents(std::move(extents)), whole(std::move(whole)) {}

  /// The choice with the widest inner tiles unless another one has fewer tiles by more than `tolerance`.
  std::optional<Choice> best(int64_t points) {
    std::optional<Choice> first, least;
    visit(0, points, 1, {}, [&](const Choice &choice) {
      if (!first)
        first = choice;
      if (!least || choice.count < least->count)
        least = choice;
    });
    return first && least->count * tolerance < first->count ? least : first;
  }

private:
  static constexpr double tolerance = 1.03;

  template <typename Take>
  void visit(size_t axis, int64_t left, double count, std::vector<int64_t> tiles, const Take &take) {
    if (axis == extents.size()) {
      if (left == 1)
        take({tiles, count});
      return;
    }
    bool last = axis + 1 == extents.size();
    for (int64_t tile = left; tile >= 1; --tile) {
      // An axis is rounded up to less than twice what it has, unless no other can take the points.
      if (left % tile != 0 || (whole[axis] && tile != extents[axis]) || (last && tile != left) ||
          (!last && !whole[axis] && tile >= 2 * extents[axis]))
        continue;
      tiles.push_back(tile);
      visit(axis + 1, left / tile, count * double((extents[axis] + tile - 1) / tile), tiles, take);
      tiles.pop_back();
    }
  }

  std::vector<int64_t> extents;
  std::vector<bool> whole;
};

} // namespace

/// Tiles of the side's axes whose product is `points`; false if there are none.
bool ContractTiles::tileSide(std::vector<int> axes, int64_t points, Schedule &schedule, double &tiles) const {
  const std::vector<int> &complete = kernel.contract->complete;
  std::erase_if(axes, [&](int axis) {
    bool divided = isDivided(kernel, axis);
    if (divided)
      tiles *= double(kernel.axes[axis].extent);
    return divided;
  });
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return strides[a] < strides[b]; });
  std::vector<int64_t> extents;
  std::vector<bool> whole;
  for (int axis : axes) {
    extents.push_back(kernel.axes[axis].extent);
    whole.push_back(std::find(complete.begin(), complete.end(), axis) != complete.end());
  }
  std::optional<SideTiles::Choice> choice = SideTiles(extents, whole).best(points);
  if (!choice)
    return false;
  for (size_t i = 0; i < axes.size(); ++i)
    if (choice->tiles[i] > 1)
      schedule.tile[kernel.axes[axes[i]].name] = choice->tiles[i];
  tiles *= choice->count;
  return true;
}

void copyAttention(const KernelInfo &kernel, const char *kind, bool hold, Schedule &schedule) {
  const AttendInfo &attend = *kernel.attend;
  copyAll(kernel, attend.scores->lhs, kind, schedule);
  copyAll(kernel, attend.scores->rhs, kind, schedule);
  copyAll(kernel, attend.values, kind, schedule);
  if (const std::vector<int> &queries = attend.scores->lhs.accesses; hold && queries.size() == 1)
    schedule.hold = {kernel.buffers[kernel.accesses[queries[0]].buffer].name};
}

std::optional<Schedule> firstLegalSlots(const KernelInfo &kernel, const DeviceInfo &device, Schedule schedule,
                                        std::initializer_list<int64_t> slots) {
  for (int64_t count : slots) {
    schedule.slots.reset();
    if (count > 0)
      schedule.slots = count;
    if (isLegal(kernel, schedule, device))
      return schedule;
  }
  return std::nullopt;
}

} // namespace tgc::heuristic
