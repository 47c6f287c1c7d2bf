// What planners share whose operands go straight from memory to the registers of the group that multiplies them.
#pragma once
#include "search/plan/Boxes.h"
#include "search/plan/FragmentParts.h"

namespace tgc {

class DirectParts : public FragmentParts {
public:
  using FragmentParts::FragmentParts;

protected:
  /// Refuses options that need a ring, or roles.
  void refuseForDirect() const;
  /// Groups of the schedule's warps; `rows` and `columns` are those of one's sums.
  RolesPlan makeRoles(const Atom &atom, int64_t rows, int64_t columns) const;
  /// Gives a thread as many registers as its fragments and what is beside them need. Throws Refusal.
  void planRegisters(RolesPlan &roles, const Atom &atom, int64_t fragments, Plan &result) const;

  /// How one operand's fragments come: its `points` of the side and a step of the depth, padded to the atom's, as blocks
  /// or element by element, as the schedule's copies say. Throws Refusal.
  OperandPlan planOperand(const PipePlan &plan, const Atom &atom, const OperandInfo &operand, bool left,
                          const Side &side, int64_t points, const Side &depth,
                          std::optional<bool> depthInRows = {}) const;
  /// Messages for the cache about the block's tile of an operand that comes as blocks.
  void planPrefetch(const RolesPlan &roles, const OperandInfo &operand, const Side &side, const Side &depth,
                    OperandPlan &made) const;
  /// How the kernel's stores leave: as blocks of the atom's rows and columns where they can.
  void planBlockStores(PipePlan &plan, const Atom &atom, const Side &columns) const;
  /// One launch without block memory.
  LaunchPlan launchDirect(PipePlan &plan, int64_t tiles) const;

private:
  std::string planBlocks(const OperandInfo &operand, bool depthInRows, bool left, const Atom &atom,
                         const Side &side, int64_t points, const Side &depth, OperandPlan &made) const;
  OperandPlan planElements(const Atom &atom, const OperandInfo &operand, bool left, const Side &depth) const;
  std::string planBlock(const Access &access, const Side &rows, int64_t rowPoints, const Side &columns,
                        int64_t columnPoints, BoxPlan &box) const;
  /// Gives the box of a vector `points` rows, of which all but the first lie behind its end; why not, or empty.
  std::string addRows(BoxPlan &box, int64_t points) const;
  /// Why the device has no blocks of it, whose rows are a multiple of `multiple`; empty if it has.
  std::string whyNoBlocks(const BoxPlan &box, int64_t multiple) const;
};

} // namespace tgc
