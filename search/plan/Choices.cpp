// An operand that is a choice between loads, as boxes: what a tile or a fragment of it is chosen by.
// 1. The box of each choice, as of a load whose only condition is to be inside: what is outside is read as 0.
// 2. To a choice's own conditions come those of its indices' being in range, if there is another one behind it. A
//    dimension that all choices have alike says nothing about which of them an element comes from, and what lies outside
//    of it is in none.
// 3. Conditions that always hold are left out, choices of which one never holds too.
// 4. What is left has one answer for all points of a fragment: its conditions move along one axis at most of which a
//    fragment has several points, and change at multiples of these.
#include "search/plan/Boxes.h"

#include <algorithm>
#include <fmt/format.h>

namespace tgc {
namespace {

class Choices {
public:
  Choices(const KernelInfo &kernel, const OperandInfo &operand) : kernel(kernel), operand(operand) {}

  std::string plan(bool depthInRows, const Side &side, const Side &depth, OperandPlan &plan, int64_t rows,
                   int64_t rowBytes, int64_t points) {
    findPoints(side, depth, points);
    for (size_t i = 0; i < operand.choices.size(); ++i) {
      const ChoiceInfo &choice = operand.choices[i];
      ChoicePlan made;
      std::vector<Condition> conditions = choice.conditions;
      if (std::string reason = addRanges(i, conditions); !reason.empty())
        return reason;
      bool never = false;
      for (const Condition &condition : conditions) {
        auto [least, most] = rangeOf(condition.value);
        if (condition.equal ? least == 0 && most == 0 : least >= 0)
          continue;
        never |= most < 0 || (condition.equal && least > 0);
        made.conditions.push_back(condition);
      }
      if (never)
        continue;
      for (const Condition &condition : made.conditions)
        if (!isUniform(condition))
          return fmt::format("a tile lies across the end of {}",
                             choice.access < 0 ? "0" : nameOf(kernel.accesses[choice.access]));
      if (choice.access >= 0) {
        Access access = kernel.accesses[choice.access];
        access.zeroOutside = true;
        OperandPlan piece;
        std::string reason = depthInRows ? planSideInRow(kernel, access, side, depth, piece, rowBytes)
                                         : planDepthInRow(kernel, access, side, depth, piece, rows, rowBytes);
        if (!reason.empty())
          return reason;
        for (BoxUse &use : piece.fetches)
          use.box += int(plan.boxes.size());
        made.fetches = piece.fetches;
        if (!plan.boxes.empty() && piece.type != plan.type)
          return "its pieces differ in type";
        piece.boxes.insert(piece.boxes.begin(), plan.boxes.begin(), plan.boxes.end());
        piece.choices = std::move(plan.choices);
        plan = std::move(piece);
      }
      bool last = made.conditions.empty();
      plan.choices.push_back(std::move(made));
      if (last)
        break;
    }
    if (plan.boxes.empty())
      return "it is 0";
    if (plan.choices.size() == 1 && plan.choices.front().conditions.empty())
      plan.choices.clear();
    return "";
  }

private:
  const std::string &nameOf(const Access &access) const { return kernel.buffers[access.buffer].name; }

  /// How many neighbours along every axis a fragment has.
  void findPoints(const Side &side, const Side &depth, int64_t points) {
    several.assign(kernel.axes.size(), 1);
    std::vector<int64_t> box = boxOfPoints(side, points);
    for (size_t i = 0; i < side.axes.size(); ++i) {
      const TiledAxis &axis = side.axes[i];
      bool known = !box.empty() && axis.tile % box[i] == 0;
      several[axis.axis] = axis.tile == 1 ? 1 : known ? box[i] : 0;
    }
    for (const TiledAxis &axis : depth.axes)
      several[axis.axis] = axis.tile;
  }

  std::pair<int64_t, int64_t> rangeOf(const LinearIndex &index) const {
    std::pair<int64_t, int64_t> range(index.offset, index.offset);
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis) {
      int64_t last = index.coefficients[axis] * (kernel.axes[axis].extent - 1);
      (last < 0 ? range.first : range.second) += last;
    }
    return range;
  }

  bool isCommon(size_t choice, const LinearIndex &index, int64_t size) const {
    for (size_t i = 0; i < operand.choices.size(); ++i) {
      if (i == choice || operand.choices[i].access < 0)
        continue;
      const Access &other = kernel.accesses[operand.choices[i].access];
      bool found = false;
      for (size_t d = 0; d < other.indices.size(); ++d)
        found |= other.indices[d].linear && other.indices[d].offset == index.offset &&
                 other.indices[d].coefficients == index.coefficients &&
                 kernel.buffers[other.buffer].shape[d] == size;
      if (!found)
        return false;
    }
    return true;
  }

  std::string addRanges(size_t number, std::vector<Condition> &conditions) const {
    const std::vector<ChoiceInfo> &all = operand.choices;
    if (all[number].access < 0 || std::none_of(
                                      all.begin() + std::ptrdiff_t(number) + 1, all.end(),
                                      [](const ChoiceInfo &later) { return later.access >= 0; }))
      return "";
    const Access &access = kernel.accesses[all[number].access];
    if (!access.guarded)
      return "";
    const BufferInfo &buffer = kernel.buffers[access.buffer];
    for (size_t d = 0; d < access.indices.size(); ++d) {
      const LinearIndex &index = access.indices[d];
      if (!index.linear)
        return fmt::format("an index of {} is not linear", buffer.name);
      if (isCommon(number, index, buffer.shape[d]))
        continue;
      conditions.push_back({index});
      LinearIndex behind = index;
      behind.offset = buffer.shape[d] - 1 - index.offset;
      for (int64_t &coefficient : behind.coefficients)
        coefficient = -coefficient;
      conditions.push_back({behind});
    }
    return "";
  }

  bool isUniform(const Condition &condition) const {
    const LinearIndex &value = condition.value;
    int moving = -1;
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis) {
      if (value.coefficients[axis] == 0 || kernel.axes[axis].extent == 1 || several[axis] == 1)
        continue;
      if (several[axis] == 0 || moving >= 0 || condition.equal)
        return false;
      moving = int(axis);
    }
    if (moving < 0)
      return true;
    // From one multiple of `by` to the next the sign is the same: downwards counted from 1.
    int64_t step = value.coefficients[moving], by = std::abs(step) * several[moving];
    int64_t start = value.offset - (step < 0 ? step : 0);
    for (size_t axis = 0; axis < kernel.axes.size(); ++axis)
      if (int(axis) != moving && kernel.axes[axis].extent > 1 && value.coefficients[axis] % by != 0)
        return false;
    return start % by == 0;
  }

  const KernelInfo &kernel;
  const OperandInfo &operand;
  std::vector<int64_t> several; ///< 0: unknown
};

} // namespace

std::string planOperandInBoxes(const KernelInfo &kernel, const OperandInfo &operand, bool depthInRows,
                               const Side &side, const Side &depth, OperandPlan &plan, int64_t rows,
                               int64_t rowBytes, int64_t points) {
  return Choices(kernel, operand)
      .plan(depthInRows, side, depth, plan, rows, rowBytes, points ? points : side.extent());
}

std::string planOperandByEngine(const KernelInfo &kernel, const OperandInfo &operand, bool depthInRows,
                                const Side &side, const Side &depth, OperandPlan &plan, int64_t rows,
                                int64_t rowBytes) {
  std::string reason = planOperandInBoxes(kernel, operand, depthInRows, side, depth, plan, rows, rowBytes);
  for (const BoxPlan &box : plan.boxes)
    if (reason.empty() && box.box.back() * bytesOf(plan.type) != rowBytes)
      reason = fmt::format("{} in a row of block memory, which has {} bytes", box.box.back(), rowBytes);
  return reason;
}

} // namespace tgc
