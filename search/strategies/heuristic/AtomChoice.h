// What the rules of contractions and attention share, most of it for atoms that keep sums in registers of groups.
#pragma once
#include "search/Plan.h"

namespace tgc::heuristic {

bool hasCopy(const DeviceInfo &device, const char *kind);

/// The device's first atom of these types that runs beside its threads, or that they wait for; null if there is none.
/// Where operands of f32 may be rounded, `tf32` ones count.
const Atom *groupAtom(const DeviceInfo &device, bool asynchronous, ElementType operand, ElementType sums,
                      bool tf32);

/// The same of a device whose threads start no copies into block memory.
const Atom *directAtom(const DeviceInfo &device, ElementType operand, ElementType sums, bool tf32);

int64_t pointsOf(const KernelInfo &kernel, const std::vector<int> &axes);

/// The operand's load from the largest buffer; null if it has none.
const Access *largestAccess(const KernelInfo &kernel, const OperandInfo &operand);

/// Whether one side of the kernel's contraction is one point: a product of a matrix and a vector.
bool hasVector(const KernelInfo &kernel);

/// Every load of the operand by that kind of copy.
void copyAll(const KernelInfo &kernel, const OperandInfo &operand, const char *kind, Schedule &schedule);

/// The axis with most points.
int longestAxis(const KernelInfo &kernel, const std::vector<int> &axes);

/// Tiles of a contraction's two sides.
class ContractTiles {
public:
  explicit ContractTiles(const KernelInfo &kernel);

  /// Tiles of so many of the atom's rows and columns; how many there are, over batches too, or nothing.
  std::optional<double> tile(int64_t rows, int64_t columns, Schedule &schedule) const;

private:
  bool tileSide(std::vector<int> axes, int64_t points, Schedule &schedule, double &tiles) const;

  const KernelInfo &kernel;
  /// Elements that the first store moves with each axis; axes that are not stored count as far apart.
  std::vector<int64_t> strides;
};

/// For attention: copies of its operands by that kind, and with `hold` the queries in registers.
void copyAttention(const KernelInfo &kernel, const char *kind, bool hold, Schedule &schedule);

/// The schedule with the first of these numbers of slots that is legal; nothing if none is.
std::optional<Schedule> firstLegalSlots(const KernelInfo &kernel, const DeviceInfo &device, Schedule schedule,
                                        std::initializer_list<int64_t> slots);

} // namespace tgc::heuristic
