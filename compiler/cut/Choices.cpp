#include "compiler/cut/Choices.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"
#include "llvm/Support/Format.h"
#include <cmath>

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

static std::string nameOf(Choice choice, Value value, double yes, double no) {
  std::string name;
  llvm::raw_string_ostream stream(name);
  stream << nameOf(choice) << ":";
  auto type = cast<ShapedType>(value.getType());
  for (int64_t extent : type.getShape())
    stream << extent << "x";
  stream << type.getElementType() << llvm::format(":%.2f:%.2f", yes * 1e6, no * 1e6);
  return name;
}

bool Choices::decide(Choice choice, Value value, double yes, double no) {
  bool decided = yes < no;
  // Where one side is impossible there is nothing to turn.
  if (std::isfinite(yes) && std::isfinite(no)) {
    std::string name = nameOf(choice, value, yes, no);
    if (turned.count(name))
      decided = !decided;
    Decision &decision = made[name];
    decision = {decided, decision.count + 1, yes, no};
  }
  if (remarks)
    *remarks << nameOf(choice) << ": " << (decided ? "yes" : "no")
             << llvm::format(" (%.2f against %.2f us) ", yes * 1e6, no * 1e6) << value.getType() << " "
             << value.getLoc() << "\n";
  return decided;
}

} // namespace tgc::cut
