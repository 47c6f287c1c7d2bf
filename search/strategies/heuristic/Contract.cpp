// Contractions by a register-tiled outer product, on a device with one thread a block.
// 1. Both ways round: the operand on the atom's columns is packed ahead if it is a free weight, else by each
//    block; the one on its rows is read in place where it lies as rows of the atom's type, else copied.
// 2. The depth: as much of it as keeps a panel in the first cache, in parts of one size.
// 3. Every pair of row and column tiles of some sizes is estimated in cycles: multiply-adds by the register
//    tile, copies, panels from the third cache, sums, epilogue, and the last wave of tasks. The least wins.
// 4. Nothing where plain loops are as good: one row (bound by memory) and tiny problems.
// A search starts from the best few of every panel by the same estimate, with other depths too.
#include "search/plan/PipeParts.h"
#include "search/plan/Planners.h"
#include "search/strategies/heuristic/Heuristic.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <set>

namespace tgc::heuristic {
namespace {

// Cycles, measured on cores with 512-bit vectors; their ratios are what matters.
constexpr double copyRow = 0.35;    // an element of a tile copied in vectors
constexpr double copyGather = 1.5;  // one gathered
constexpr double storeVector = 1.5; // the epilogue, a vector
constexpr double storeScatter = 16; // a vector scattered
constexpr double sumsVector = 1.0;  // sums out of and back into registers, a vector
constexpr double perTask = 1000;
constexpr double farBytes = 10;  // bytes a cycle from beyond the second cache
constexpr double plainLoops = 4; // how much slower plain loops multiply

class ContractChoice : PipeParts {
public:
  ContractChoice(const KernelInfo &kernel, const DeviceInfo &device)
      : PipeParts(kernel, none, device), contract(*kernel.contract) {}

  /// Sets atom and lanes; false where the product is not the atom's.
  bool prepare() {
    ElementType sums = kernel.reductions[contract.reduction].accumulator;
    auto found = std::find_if(device.atoms.begin(), device.atoms.end(), [&](const Atom &candidate) {
      return candidate.accumulator == sums && candidate.threads == 1;
    });
    if (found == device.atoms.end())
      return false;
    atom = found->name;
    lanes = lanesOf(sums);
    return product(contract.m) > 1 && product(contract.n) > 1;
  }

  std::optional<Schedule> run() {
    if (!prepare())
      return std::nullopt;
    for (bool flip : {false, true})
      tryWay(flip, 0, 1, /*parts=*/false);
    double products =
        product(contract.batch) * product(contract.m) * product(contract.n) * product(contract.k);
    double loops = std::ceil(products / double(lanes) / 2 * plainLoops / double(device.units));
    if (!best || leastCost >= loops)
      return std::nullopt;
    return best;
  }

  /// The best few of every panel and depth: the best of each panel, then the second best of each, and so on.
  std::vector<Schedule> several(size_t count) {
    if (!prepare())
      return {};
    std::vector<std::vector<std::pair<double, Schedule>>> ways; // by panel: the estimate is surest within one
    for (bool flip : {false, true})
      for (int64_t vectors : {2, 1, 3, 4}) {
        std::vector<std::pair<double, Schedule>> &kept = ways.emplace_back();
        for (auto [deeper, parts] :
             {std::pair(1.0, false), {1.0, true}, {0.5, true}, {0.5, false}, {2.0, false}}) {
          all.emplace();
          best.reset();
          tryWay(flip, vectors * lanes, deeper, parts);
          std::stable_sort(all->begin(), all->end(),
                           [](const auto &a, const auto &b) { return a.first < b.first; });
          kept.insert(kept.end(), all->begin(),
                      all->begin() + std::ptrdiff_t(std::min<size_t>(all->size(), 4)));
        }
        std::stable_sort(kept.begin(), kept.end(),
                         [](const auto &a, const auto &b) { return a.first < b.first; });
        // Where the depth's inner axes fill the cache, some ways are one.
        std::set<std::string> texts;
        std::erase_if(kept, [&](const auto &way) { return !texts.insert(printSchedule(way.second)).second; });
      }
    std::erase_if(ways, [](const auto &kept) { return kept.empty(); });
    std::stable_sort(ways.begin(), ways.end(),
                     [](const auto &a, const auto &b) { return a.front().first < b.front().first; });
    std::vector<Schedule> schedules;
    for (size_t rank = 0; rank < count; ++rank)
      for (auto &kept : ways)
        if (schedules.size() < count && rank < kept.size() &&
            kept[rank].first < 1.5 * ways.front().front().first)
          schedules.push_back(kept[rank].second);
    return schedules;
  }

  /// Seconds that a plan may take.
  double seconds(const Plan &plan) {
    prepare();
    const PipePlan &pipe = std::get<PipePlan>(plan.body);
    double cyclesASecond = device.plainRate / double(device.units) / double(4 * lanes);
    return cost(pipe, plan) / cyclesASecond;
  }

private:
  static inline const Schedule none;

  double product(const std::vector<int> &axes) const {
    double points = 1;
    for (int axis : axes)
      points *= double(kernel.axes[axis].extent);
    return points;
  }
  bool complete(int axis) const {
    return std::find(contract.complete.begin(), contract.complete.end(), axis) != contract.complete.end();
  }

  /// Tiles for about `target` points of a side: axes from the inside, each whole while that fits, then a part
  /// of the next one; complete axes are whole whatever their size.
  std::vector<int64_t> tilesFor(const Side &side, int64_t target, int64_t multiple) const {
    std::vector<int64_t> tiles(side.axes.size(), 1);
    int64_t points = 1;
    for (size_t i = 0; i < side.axes.size(); ++i)
      if (complete(side.axes[i].axis))
        points *= tiles[i] = side.axes[i].extent;
    bool open = true;
    for (size_t i = side.axes.size(); i-- > 0;) {
      const TiledAxis &axis = side.axes[i];
      if (complete(axis.axis) || !open)
        continue;
      int64_t room = std::max<int64_t>(1, target / points);
      tiles[i] =
          evenPart(axis.extent, room, points % multiple == 0 ? 1 : multiple / std::gcd(multiple, points));
      points *= tiles[i];
      open = tiles[i] == axis.extent;
    }
    return tiles;
  }
  /// Panels of that many columns (0: the best for their number), and the first cache's depth times `deeper`; with `parts`
  /// also a part of an axis outside others that fit whole: the channels of a convolution's taps.
  void tryWay(bool flip, int64_t panel, double deeper, bool parts) {
    const OperandInfo &left = flip ? contract.rhs : contract.lhs, &right = flip ? contract.lhs : contract.rhs;
    Side rows = makeSide(flip ? contract.n : contract.m, mainAccess(left), {});
    Side columns = makeSide(flip ? contract.m : contract.n, mainStore(), {});
    Side depth = makeSide(contract.k, mainAccess(left), {});
    int64_t allColumns = int64_t(product(flip ? contract.m : contract.n));
    if (panel == 0)
      panel = chooseColumns(allColumns, lanes);
    std::string weight = freeWeight(right);

    // The depth: inner axes whole. Parts of several taps' channels pay off or not; searches try both.
    auto fits = int64_t(deeper * double(std::max<int64_t>(64, device.l1Bytes * 7 / 8 / (panel * 4))));
    Schedule schedule;
    schedule.atom = atom;
    schedule.flip = flip;
    int64_t deep = 1;
    for (size_t i = depth.axes.size(); i-- > 0;) {
      const TiledAxis &axis = depth.axes[i];
      int64_t part =
          deep == 1 || parts ? evenPart(axis.extent, std::max<int64_t>(1, fits / deep), 1) : axis.extent;
      if (deep * part > fits && deep > 1)
        break;
      schedule.tile[kernel.axes[axis.axis].name] = part;
      deep *= part;
      if (part != axis.extent)
        break;
    }
    if (!weight.empty())
      schedule.packs[weight] = fmt::format("{}{}k", flip ? 'm' : 'n', panel);

    std::vector<int64_t> rowTargets{8, 16, 32, 48, 64, 96, 128, 192, 256}, columnTargets;
    for (int64_t target = panel; target < 2 * allColumns && target <= 4096; target *= 2) {
      columnTargets.push_back(target);
      columnTargets.push_back(target * 5 / 4 / panel * panel);
    }
    for (int64_t rowTarget : rowTargets)
      for (int64_t columnTarget : columnTargets)
        if (columnTarget > 0)
          tryTiles(schedule, rows, tilesFor(rows, rowTarget, 1), columns,
                   tilesFor(columns, columnTarget, panel), left);
  }

  void tryTiles(Schedule schedule, const Side &rows, const std::vector<int64_t> &rowTiles,
                const Side &columns, const std::vector<int64_t> &columnTiles, const OperandInfo &left) {
    for (auto [side, tiles] : {std::pair(&rows, &rowTiles), {&columns, &columnTiles}})
      for (size_t i = 0; i < side->axes.size(); ++i)
        if ((*tiles)[i] > 1)
          schedule.tile[kernel.axes[side->axes[i].axis].name] = (*tiles)[i];
    std::string buffer = kernel.buffers[kernel.accesses[left.accesses.front()].buffer].name;
    for (const char *copy : {"plain", "pack"}) {
      schedule.copies[buffer] = copy;
      Plan plan;
      try {
        plan = planContractPipe(kernel, schedule, device);
      } catch (const Refusal &) {
        continue;
      }
      PipePlan &pipe = std::get<PipePlan>(plan.body);
      if (plan.launches[0].scratchBytes > device.sharedBytes * 2 / 3)
        return;
      double cycles = cost(pipe, plan);
      bool least = !best || cycles < leastCost * 0.999;
      if (!least && !all)
        return;
      // Neighbouring tasks share the columns' panels if these stay in the second cache.
      schedule.order.clear();
      double depthOf = product(contract.k);
      if (depthOf * double(pipe.paddedColumns()) * 4 < double(device.l2Bytes) / 2)
        for (auto axis = pipe.m.axes.rbegin(); axis != pipe.m.axes.rend(); ++axis)
          if (axis->tiles() > 1)
            schedule.order.push_back(kernel.axes[axis->axis].name);
      if (all)
        all->push_back({cycles, schedule});
      if (least) {
        best = schedule;
        leastCost = cycles;
      }
      return;
    }
  }

  double cost(const PipePlan &plan, const Plan &whole) const {
    double rows = double(plan.m.extent()), columns = double(plan.paddedColumns()),
           depth = product(contract.k);
    double vectors = double(plan.atomN) / double(lanes);
    auto step = [&](double tile) { return tile == 0 ? 0 : std::max(0.5 * tile * vectors, 4.0) + 0.5; };
    double tile = double(plan.atomM), full = std::floor(rows / tile);
    double multiply = columns / double(plan.atomN) * depth * (full * step(tile) + step(rows - full * tile));
    double blocks = depth / double(plan.k.extent());
    double copies = 0;
    if (plan.a.copy == "pack")
      copies += rows * depth * (plan.a.laneAxis >= 0 ? copyRow : copyGather);
    if (plan.b.copy == "pack") {
      const OperandInfo &right = plan.flip ? contract.lhs : contract.rhs;
      bool contiguous = plan.b.laneAxis >= 0 && strideOf(mainAccess(right), plan.b.laneAxis) == 1;
      copies += columns * depth * (contiguous ? copyRow : copyGather);
    }
    // Panels from far away are fetched while the rows pass by the one before, as far as that takes long
    // enough; the left operand is not fetched ahead.
    double panels = columns * depth * double(bytesOf(plan.b.type)) / farBytes;
    double waiting = plan.b.copy == "packed" ? 0.25 * panels + std::max(0.0, panels - 0.7 * multiply) : 0;
    waiting += 0.5 * rows * depth * double(bytesOf(plan.a.type)) / farBytes;
    double sums = rows * columns / double(lanes) * sumsVector * blocks;
    bool scattered = plan.laneAxis < 0 || strideOf(mainStore(), plan.laneAxis) != 1;
    double epilogue = rows * columns / double(lanes) * (scattered ? storeScatter : storeVector);
    double task = multiply + copies + waiting + sums + epilogue + perTask;
    double tasks = double(whole.launches[0].blocks);
    double waves = std::ceil(tasks / double(device.units));
    // A few tasks a unit even out what else the machine does.
    double even = 1 + 0.25 / waves;
    return waves * task * even;
  }

  /// The buffer, if the operand is one free weight that nothing else reads.
  std::string freeWeight(const OperandInfo &operand) const {
    std::string name;
    for (int position : operand.accesses) {
      const BufferInfo &buffer = kernel.buffers[kernel.accesses[position].buffer];
      if (!buffer.free || (!name.empty() && name != buffer.name))
        return "";
      name = buffer.name;
    }
    for (size_t i = 0; i < kernel.accesses.size(); ++i)
      if (kernel.buffers[kernel.accesses[i].buffer].name == name &&
          std::find(operand.accesses.begin(), operand.accesses.end(), int(i)) == operand.accesses.end())
        return "";
    return name;
  }

  const ContractInfo &contract;
  std::string atom;
  int64_t lanes = 1;
  std::optional<Schedule> best;
  std::optional<std::vector<std::pair<double, Schedule>>>
      all; ///< what was tried, with its cycles; kept where it is set
  double leastCost = 0;
};

bool fitsContract(const KernelInfo &kernel, const DeviceInfo &device) {
  return device.maxThreads == 1 && kernel.contract && !kernel.contract->lhs.accesses.empty() &&
         !kernel.contract->rhs.accesses.empty();
}

} // namespace

std::optional<Schedule> contractSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (!fitsContract(kernel, device))
    return std::nullopt;
  return ContractChoice(kernel, device).run();
}

std::vector<Schedule> contractSchedules(const KernelInfo &kernel, const DeviceInfo &device, size_t count) {
  if (!fitsContract(kernel, device))
    return {};
  return ContractChoice(kernel, device).several(count);
}

double contractSeconds(const KernelInfo &kernel, const DeviceInfo &device, const Plan &plan) {
  return ContractChoice(kernel, device).seconds(plan);
}

} // namespace tgc::heuristic
