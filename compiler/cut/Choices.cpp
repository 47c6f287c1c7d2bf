#include "compiler/cut/Choices.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace tgc::cut {

StringRef nameOf(Choice choice) {
  switch (choice) {
  case Choice::StoreOrSink:
    return "store-or-sink";
  case Choice::StoreOrInline:
    return "store-or-inline";
  case Choice::Attend:
    return "attend";
  case Choice::Assemble:
    return "assemble";
  case Choice::MergeRows:
    return "merge-rows";
  }
  return "";
}

bool Choices::decide(Choice choice, Value value, double yes, double no) const {
  if (remarks)
    *remarks << nameOf(choice) << ": " << (yes < no ? "yes" : "no")
             << llvm::format(" (%.2f against %.2f us) ", yes * 1e6, no * 1e6) << value.getType() << " "
             << value.getLoc() << "\n";
  return yes < no;
}

} // namespace tgc::cut
