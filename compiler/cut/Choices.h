// The points at which the cutter decides by cost, in one list, with what it decided and why.
#pragma once
#include "compiler/cut/Cost.h"
#include "mlir/IR/Value.h"
#include "llvm/Support/raw_ostream.h"

namespace tgc::cut {

/// Every decision that can cost; everything else that the cutter does is never wrong.
enum class Choice {
  StoreOrSink,   ///< an element-wise end of a kernel: stored there, or computed by each kernel that reads it
  StoreOrInline, ///< a value between kernels: stored by a kernel of its own, or computed by each reader
  Attend,        ///< logits computed inside the kernel of the softmax, or stored
  Assemble,      ///< a piece: its sources store into one buffer, or its readers read the sources
  MergeRows,     ///< independent kernels of one shape: one kernel, or two
};
llvm::StringRef nameOf(Choice choice);

/// The cost model, and where remarks go (null for nowhere).
struct Choices {
  CostModel cost;
  llvm::raw_ostream *remarks = nullptr;

  /// True if `yes` seconds are less than `no` seconds; writes a remark.
  bool decide(Choice choice, mlir::Value value, double yes, double no) const;
};

} // namespace tgc::cut
