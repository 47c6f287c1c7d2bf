// What planners share whose sums stay in the registers of groups of threads, whether the groups have roles or all copy
// and multiply alike.
#pragma once
#include "search/plan/PipeParts.h"

namespace tgc {

class FragmentParts : public PipeParts {
public:
  using PipeParts::PipeParts;

  static void refuse(bool there, const char *option, const char *reason);
  /// Refuses options that no such plan has; `prefetches`: it asks the cache ahead.
  void refuseForFragments(bool prefetches = false) const;
  /// The schedule's atom for operands of exactly these types; throws Refusal.
  const Atom &exactAtom(ElementType accumulator, ElementType operand) const;

  /// The operands as the atom's rows and columns.
  const OperandInfo &left() const { return schedule.flip ? kernel.contract->rhs : kernel.contract->lhs; }
  const OperandInfo &right() const { return schedule.flip ? kernel.contract->lhs : kernel.contract->rhs; }
  /// The atom of a product without another reduction beside it, and the sides of its tile; `depth` orders the axes that
  /// are summed.
  const Atom &planProduct(PipePlan &plan, const Side &depth) const;
  /// Puts a packed weight into `packed`, as the kernel reads it after packing; what is packed.
  std::vector<PackPlan> packRight(KernelInfo &packed, const PipePlan &plan) const;

  /// The atom of attention by two products of the same types, and the sides of its tile. Keys may end inside of a tile
  /// along their outermost axis. With `tiledColumns` a block need not have all value columns.
  const Atom &planAttention(PipePlan &plan, bool tiledColumns = false) const;
  /// Whether the schedule keeps the queries in registers.
  bool holdsQueries() const;

  /// The name of the first buffer of an operand that is fetched by such copies; throws Refusal.
  const std::string &requireFetched(const OperandInfo &operand, const char *kind) const;
  /// Axes that the main store does not have come first, the others by its strides, or by the order of the kernel.
  Side storedSide(std::vector<int> axes, const std::vector<int> &whole) const;
  /// The depth, axes with small strides in the operand's load last: weights that are packed follow that order.
  Side depthSide(const std::vector<int> &axes, const OperandInfo &operand) const;
  /// Puts axes of the depth outermost that only say from where the operand comes.
  void choosersFirst(Side &depth, const OperandInfo &operand) const;

  /// Registers of `roles.consumers` and one producer that keeps `producers` at most; gives those of a thread at entry.
  int64_t divideRegisters(RolesPlan &roles, int64_t producers) const;
  /// Registers that a thread may have where all groups are alike.
  int64_t registersOfGroups(const RolesPlan &roles) const;
  /// Bytes of a tile in block memory, where tiles begin at multiples of 1024.
  static int64_t inBlock(int64_t bytes) { return (bytes + 1023) / 1024 * 1024; }
  /// Tiles, blocks and threads of roles whose tiles (rings, held operands) and barriers take these bytes.
  LaunchPlan launchRoles(PipePlan &plan, int64_t tiles, int64_t tileBytes, int64_t barrierBytes) const;

private:
  /// As makeSide, but a tile may be larger than its axis: what is behind it is read as 0.
  Side openSide(const std::vector<int> &axes, const Access *guide, const std::vector<int> &whole) const;
};

} // namespace tgc
