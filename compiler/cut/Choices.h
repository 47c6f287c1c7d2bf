// The points at which the cutter decides by cost, in one list, with what it decided and why.
#pragma once
#include "compiler/cut/Cost.h"
#include "mlir/IR/Value.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <set>
#include <string>

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

/// One kind of decision: all of one name are made alike, as equal parts of a model (its blocks) are.
struct Decision {
  bool yes = false;
  size_t count = 0;                     ///< how often it came up
  double yesSeconds = 0, noSeconds = 0; ///< by the cost model, each time
};

/// The cost model, what is decided against it, what was decided, and where remarks go (null for nowhere).
struct Choices {
  CostModel cost;
  std::set<std::string> turned;         ///< names of decisions that are made the other way
  std::map<std::string, Decision> made; ///< those that could be turned, by name
  llvm::raw_ostream *remarks = nullptr;

  /// True if `yes` seconds are less than `no` seconds, or the contrary where that is turned; notes it and writes a
  /// remark. The name is the choice, the value's type and both costs in µs: store-or-sink:2x64x64xf32:5.74:10.99.
  bool decide(Choice choice, mlir::Value value, double yes, double no);
};

} // namespace tgc::cut
