// What the planners of groups that copy for themselves share.
#pragma once
#include "search/plan/Boxes.h"
#include "search/plan/FragmentParts.h"

namespace tgc {

class GroupsParts : public FragmentParts {
public:
  using FragmentParts::FragmentParts;

  /// Refuses options that need atoms beside their threads.
  void refuseForGroups() const;
  /// Rows of block memory, of 32, 64 or 128 bytes, for so many contiguous ones.
  static int64_t rowBytesOf(int64_t bytes);
  /// The operand in boxes that threads can copy; empty, or why not.
  std::string planAsync(const PipePlan &plan, const OperandInfo &operand, bool depthInRows, const Side &side,
                        const Side &depth, int64_t rowBytes, OperandPlan &made) const;
};

} // namespace tgc
