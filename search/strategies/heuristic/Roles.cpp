// Contractions and attention by atoms that run beside their threads.
// Contraction: some tiles, both orientations, are estimated in cycles of a multiprocessor:
// 1. A step of the depth takes as long as its products, or as its tiles take to arrive from the second cache.
// 2. Consumers in turn hide the epilogue of one tile behind the products of the next; others wait for it.
// 3. Every multiprocessor works through as many tiles as the one that has most (the waves).
// Of equal ones the first: one consumer before two in turn, wide tiles before narrow ones. Then as many fills as fit
// behind two or three slots. tests/pipe/gpu/sweep.py measures the tiles.
// Attention: the largest of a few measured shapes that is legal for the value columns.
#include "search/plan/Boxes.h"
#include "search/plan/PipeParts.h"
#include "search/strategies/heuristic/AtomChoice.h"
#include "search/strategies/heuristic/Heuristic.h"

#include <algorithm>
#include <cmath>

namespace tgc::heuristic {

namespace {

// Measured on an H200 over the products of Flux and Wan: the tiles chosen so are within 1% of the best ones but for
// sums of one step. Only their ratios matter.
constexpr double sumsACycle = 32;       // of 128 bytes of depth: rows × columns an instruction finishes
constexpr double arrivingBytes = 62;    // a cycle and multiprocessor, from the second cache
constexpr double leastColumns = 32;     // an instruction of fewer takes as long
constexpr double sharedProducts = 1.07; // consumers that share a tile start and end together
constexpr double widerBoxes = 1.45;     // boxes bring more columns than the tile has
constexpr double epilogueColumn = 28;   // cycles for 64 sums of a column
constexpr double loadsOfResult =
    1.5; // as much longer where it loads something for every sum, such as a residual,
constexpr double loadsAcross = 2; //   and again where that lies across the columns
constexpr double storesAlone = 3; // as much longer without staging: every thread stores what it holds

class ContractChoice {
public:
  ContractChoice(const KernelInfo &kernel, const DeviceInfo &device, const Atom &atom)
      : kernel(kernel), device(device), contract(*kernel.contract), tiles(kernel), atom(atom) {}

  std::optional<Schedule> run() {
    for (bool flip : {false, true}) {
      for (int64_t columns : {192, 128, 96, 64})
        consider(flip, 64, columns, 1, false);
      for (int64_t columns : {128, 96, 64})
        consider(flip, 128, columns, 1, false);
      for (int64_t columns : {192, 176, 160, 144, 128, 96, 64})
        consider(flip, 128, columns, 2, true);
      for (int64_t columns : {192, 160, 128})
        consider(flip, 192, columns, 3, false);
      // Narrow ones, whose tiles arrive later than their products are done: twice the rows.
      for (int64_t columns : {96, 64})
        consider(flip, 256, columns, 2, true);
      int64_t all = roundUp(pointsOf(kernel, flip ? contract.m : contract.n), atom.nStep);
      for (int64_t rows : {128, 256})
        if (all < 64)
          consider(flip, rows, all, 2, true);
    }
    return best;
  }

private:
  void consider(bool flip, int64_t rows, int64_t columns, int64_t consumers, bool pingpong) {
    Schedule schedule;
    schedule.atom = atom.name;
    schedule.flip = flip;
    std::optional<double> count = tiles.tile(rows, columns, schedule);
    if (!count)
      return;
    int axis = longestAxis(kernel, contract.k);
    for (int64_t depth : depthsOf(kernel.axes[axis].extent)) {
      schedule.tile[kernel.axes[axis].name] = depth;
      considerDepth(schedule, *count, consumers, pingpong);
    }
  }

  /// Of a step: a row of block memory; where that has much more than is left at the end, rows of half of it, three at
  /// once if that is all.
  std::vector<int64_t> depthsOf(int64_t extent) const {
    int64_t row = boxRowBytes / bytesOf(atom.a), half = row / 2;
    if (extent < row || extent % row == 0 || extent % half != 0)
      return {row};
    return {row, extent == 3 * half ? extent : half};
  }

  void considerDepth(Schedule schedule, double count, int64_t consumers, bool pingpong) {
    bool flip = schedule.flip;
    schedule.warpsM = consumers;
    schedule.producers = 1;
    schedule.pingpong = pingpong;
    schedule.persistent = true;
    copyAll(kernel, contract.lhs, "tma", schedule);
    copyAll(kernel, contract.rhs, "tma", schedule);
    raster(flip ? contract.n : contract.m, schedule);
    // Five fills where two slots are left, else four behind as many slots as fit.
    constexpr std::pair<int64_t, int64_t> depths[] = {{8, 3}, {8, 2}, {7, 3}, {7, 2}, {6, 3}, {5, 3}, {6, 2},
                                                      {5, 2}, {4, 3}, {4, 2}, {8, 1}, {7, 1}, {6, 1}, {5, 1},
                                                      {4, 1}, {3, 1}, {6, 0}, {5, 0}, {4, 0}, {3, 0}};
    auto tryDepths = [&] {
      for (auto [stages, slots] : depths) {
        Schedule tried = schedule;
        tried.stages = stages;
        if (slots > 0)
          tried.slots = slots;
        for (bool rastered : {true, false}) {
          if (!rastered)
            tried.raster.reset();
          if (PlanResult made = makePlan(kernel, tried, device)) {
            double cost = cyclesOf(std::get<PipePlan>(made.plan->body), count);
            if (!best || cost < leastCost * 0.999) {
              best = tried;
              leastCost = cost;
            }
            return true;
          }
        }
      }
      return false;
    };
    // A weight that the atom does not take as it lies is transposed ahead.
    const OperandInfo &right = flip ? contract.lhs : contract.rhs;
    if (tryDepths() || !right.plain)
      return;
    if (const BufferInfo &weight = kernel.buffers[kernel.accesses[right.accesses.front()].buffer];
        weight.free) {
      schedule.packs[weight.name] = flip ? "mk" : "nk";
      tryDepths();
    }
  }

  /// Of a multiprocessor.
  double cyclesOf(const PipePlan &plan, double count) const {
    const RolesPlan &roles = *plan.roles;
    double rows = double(plan.m.extent()), columns = double(plan.n.extent()), steps = 1;
    int64_t depth = plan.k.extent() * bytesOf(plan.b.type);
    for (const TiledAxis &axis : plan.k.axes)
      steps *= double(axis.tiles());
    double products = rows * std::max(columns, leastColumns) / sumsACycle * double(depth) / boxRowBytes;
    double step = std::max(products, double(plan.a.tileBytes + plan.b.tileBytes) / arrivingBytes);
    if (roles.consumers > 1 && !roles.pingpong)
      step *= sharedProducts;
    if (plan.b.tileBytes > plan.n.extent() * depth || plan.a.tileBytes > plan.m.extent() * depth)
      step *= widerBoxes;
    double epilogue = double(roles.fragmentRows) / double(atom.m) * columns * epilogueColumn;
    if (loadsResult())
      epilogue *= loadsOfResult * (plan.flip ? loadsAcross : 1);
    bool alone = std::any_of(plan.stores.begin(), plan.stores.end(), [&](const StorePlan &store) {
      return !store.staged && bytesOf(kernel.buffers[kernel.accesses[store.access].buffer].type) == 2;
    });
    if (alone)
      epilogue *= storesAlone;
    double waves = std::max(1.0, std::ceil(count / double(device.units)));
    double main = steps * step;
    return roles.pingpong ? waves * std::max(main, (main + epilogue) / 2) + epilogue
                          : waves * (main + epilogue);
  }

  /// Whether the epilogue loads something for every point of the result, such as a residual.
  bool loadsResult() const {
    auto along = [](const Access &access, const std::vector<int> &axes) {
      return std::any_of(axes.begin(), axes.end(), [&](int axis) { return access.uses[axis]; });
    };
    return std::any_of(kernel.accesses.begin(), kernel.accesses.end(), [&](const Access &access) {
      return !access.store && along(access, contract.m) && along(access, contract.n);
    });
  }

  /// Blocks that run together share rows and columns.
  void raster(const std::vector<int> &rows, Schedule &schedule) const {
    for (int axis : rows)
      if (auto tile = schedule.tile.find(kernel.axes[axis].name);
          tile != schedule.tile.end() && kernel.axes[axis].extent > 2 * tile->second)
        schedule.raster = {kernel.axes[axis].name, 16};
  }

  const KernelInfo &kernel;
  const DeviceInfo &device;
  const ContractInfo &contract;
  ContractTiles tiles;
  const Atom &atom;
  std::optional<Schedule> best;
  double leastCost = 0;
};

} // namespace

std::optional<Schedule> rolesContractSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (!kernel.contract || kernel.contract->k.empty())
    return std::nullopt;
  const ContractInfo &contract = *kernel.contract;
  const Atom *atom = groupAtom(device, /*asynchronous=*/true, contract.lhs.type,
                               kernel.reductions[contract.reduction].accumulator, contract.tf32);
  return atom ? ContractChoice(kernel, device, *atom).run() : std::nullopt;
}

std::optional<Schedule> rolesAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device) {
  if (!kernel.attend || !kernel.attend->scores || kernel.attend->m.empty() || kernel.attend->n.empty())
    return std::nullopt;
  const AttendInfo &attend = *kernel.attend;
  const Atom *atom = groupAtom(device, /*asynchronous=*/true, attend.values.type,
                               kernel.reductions[attend.reduction].accumulator,
                               /*tf32=*/false);
  if (!atom)
    return std::nullopt;
  int queries = longestAxis(kernel, attend.m), keys = longestAxis(kernel, attend.n);
  int64_t columns = pointsOf(kernel, attend.e);
  struct Shape {
    int64_t consumers, keys;
    bool hold;
  };
  // Measured: small heads have registers for three consumers; queries in registers spare block memory's bandwidth.
  std::vector<Shape> shapes;
  if (columns <= 64)
    shapes = {{3, 128, false}, {2, 128, true}};
  else if (columns <= 80)
    shapes = {{3, 112, false}, {2, 128, true}, {2, 128, false}, {2, 96, false}};
  else if (columns <= 128)
    shapes = {{2, 128, true}, {2, 128, false}, {2, 96, false}};
  else
    shapes = {{2, 96, false}, {2, 80, false}, {2, 64, false}, {2, 48, false}};
  for (Shape shape : shapes) {
    shape.consumers = std::min(shape.consumers, (kernel.axes[queries].extent + atom->m - 1) / atom->m);
    Schedule schedule;
    schedule.atom = atom->name;
    schedule.tile[kernel.axes[queries].name] = atom->m * shape.consumers;
    schedule.tile[kernel.axes[keys].name] = std::min(shape.keys, roundUp(kernel.axes[keys].extent, atom->k));
    schedule.warpsM = shape.consumers;
    schedule.producers = 1;
    schedule.pingpong = shape.consumers > 1;
    schedule.overlap = true;
    schedule.persistent = true;
    schedule.stages = 2;
    copyAttention(kernel, "tma", shape.hold, schedule);
    if (std::optional<Schedule> legal = firstLegalSlots(kernel, device, schedule, {2, 1, 0}))
      return legal;
  }
  return std::nullopt;
}

} // namespace tgc::heuristic
