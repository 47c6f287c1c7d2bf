// round (half away from zero) everywhere; floor, ceil, trunc and roundeven where the target has no
// instruction.
#include "codegen/common/ExpandMath.h"
#include "codegen/common/MathCores.h"

namespace tgc {
namespace {

Num roundAway(MathBuilder &m, Num x) {
  // The largest number below ½: ½ itself would carry numbers just below ½ up to 1.
  Num half = m.f(m.isDouble() ? 0x1.fffffffffffffp-2 : 0x1.fffffep-2);
  return m.trunc(x + m.copySign(half, x));
}

Num roundEven(MathBuilder &m, Num x) { return m.roundEven(x); }
Num trunc(MathBuilder &m, Num x) { return m.trunc(x); }
Num floor(MathBuilder &m, Num x) { return m.floor(x); }
Num ceil(MathBuilder &m, Num x) { return m.ceil(x); }

} // namespace

llvm::ArrayRef<Expansion> roundingExpansions() {
  static const Expansion table[] = {
      {"math.round", unary<roundAway>, unary<roundAway>, nullptr},
      {"math.roundeven", unary<roundEven>, unary<roundEven>, nullptr},
      {"math.trunc", unary<trunc>, unary<trunc>, nullptr},
      {"math.floor", unary<floor>, unary<floor>, nullptr},
      {"math.ceil", unary<ceil>, unary<ceil>, nullptr},
  };
  return table;
}

} // namespace tgc
