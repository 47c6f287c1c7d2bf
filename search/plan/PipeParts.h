// What all planners of the pipe share: sides of the atom's product, register tiles, operands' ways.
#pragma once
#include "search/Plan.h"

#include <algorithm>

namespace tgc {

/// Thrown inside planners: the schedule is illegal for this reason.
struct Refusal {
  std::string reason;
};

/// The order of a packed operand: side letters, the panel's width after the side that has panels, and the type
/// if it is not the atom's: n32k, n32kbf16.
struct PackOrder {
  char outer = 'n', inner = 'k';
  int64_t panel = 0;
  std::optional<ElementType> type;
};
/// Throws Refusal.
PackOrder parsePackOrder(const std::string &order);

class PipeParts {
public:
  PipeParts(const KernelInfo &kernel, const Schedule &schedule, const DeviceInfo &device)
      : kernel(kernel), schedule(schedule), device(device) {}

  /// The device's atom of the schedule for these sums and operands; throws Refusal.
  const Atom &chooseAtom(ElementType accumulator, std::initializer_list<ElementType> operands) const;
  /// Refuses options that need another kind of device than one with one thread a block.
  void refuseForOneThread() const;

  /// Axes of one side, those with large strides in `guide` first, tiled as the schedule says; where it says
  /// nothing the tile is 1, or everything for axes in `whole`.
  Side makeSide(std::vector<int> axes, const Access *guide, const std::vector<int> &whole) const;
  std::vector<TiledAxis> makeBatch(const std::vector<int> &axes) const;
  /// Refuses a side whose tile is not one piece of the side's row-major numbering.
  void requireOnePiece(const Side &side, const char *what) const;
  /// Refuses a tile of `axis` that is not whole.
  void requireWhole(const PipePlan &plan, const std::vector<int> &axes) const;
  /// Refuses a tile of an axis that the plan does not have; `what` it plans.
  void requireTiledAxes(const PipePlan &plan, const char *what) const;

  /// Attention's axes of the queries: those that keys or values have too are the grid's. Throws Refusal.
  struct QuerySides {
    std::vector<int> batch, rows;
  };
  QuerySides divideQueries() const;

  /// The load that moves most, of the operand; null for an operand without loads.
  const Access *mainAccess(const OperandInfo &operand) const;
  /// Elements the access moves with the axis; nullopt if that is not constant or there is no access.
  std::optional<int64_t> strideOf(const Access *access, int axis) const;
  const Access *mainStore() const;

  /// Register tile: columns (a number of vectors) for `columns` of the block, and rows for `rows` of them.
  int64_t chooseColumns(int64_t columns, int64_t lanes) const;
  int64_t chooseRows(int64_t rows, int64_t columns, int64_t lanes) const;
  int64_t maxRows(int64_t columns, int64_t lanes) const;

  /// The schedule's copy for the operand; empty if it names none.
  std::string copyOf(const OperandInfo &operand) const;
  /// Why the operand cannot be read in place as rows × depth with one stride each; empty if it can. Fills in the
  /// strides.
  std::string planPlain(const OperandInfo &operand, const Side &rows, const Side &depth, ElementType type,
                        OperandPlan &plan) const;
  /// A copy into scratch as [rows][depth] or [depth][rows], as the operand lies in memory.
  void planPackRows(const OperandInfo &operand, const Side &rows, const Side &depth, const Atom &atom,
                    OperandPlan &plan) const;
  /// The operand's way as rows × depth: what the schedule says, else a copy.
  OperandPlan planRows(const OperandInfo &operand, const Side &rows, const Side &depth,
                       const Atom &atom) const;

  /// Grid, epilogue lanes and the checks that both planners end with.
  void finish(PipePlan &plan, const Side &columns) const;
  int64_t lanesOf(ElementType type) const { return std::max<int64_t>(1, device.vectorBytes / bytesOf(type)); }

  const KernelInfo &kernel;
  const Schedule &schedule;
  const DeviceInfo &device;

private:
  /// One stride for the whole side; nullopt where its tiles have none.
  std::optional<int64_t> strideOf(const Access &access, const Side &side) const;
};

/// The extent in parts of at most `most`: one that divides it if there is a large one, else all about equal and
/// multiples of `step`.
int64_t evenPart(int64_t extent, int64_t most, int64_t step);

inline bool contains(const std::vector<int> &axes, int axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

/// Rounds up to a multiple.
inline int64_t roundUp(int64_t number, int64_t multiple) {
  return (number + multiple - 1) / multiple * multiple;
}

} // namespace tgc
