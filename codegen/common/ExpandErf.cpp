// erf.
//
// Below 1 an odd polynomial added to x; beyond, 1 - p(x)^-8, where the polynomial p grows so that its eighth
// power is 1 / erfc: the error of p matters only as far as erfc does. From 4 on the result rounds to 1.
#include "codegen/common/ExpandMath.h"
#include "codegen/common/MathCores.h"

namespace tgc {
namespace {

Num erf(MathBuilder &m, Num x) {
  Num a = m.atMost(m.abs(x), 4);
  Num z = a * a;
  Num p = m.poly(z, {0x1.06eba6p-3, -0x1.812726p-2, 0x1.ce2a2ap-4, -0x1.b7d406p-6, 0x1.531452p-8,
                     -0x1.9e034p-11, 0x1.3ae1b2p-14});
  Num small = m.fma(a, p, a);
  Num q = m.poly(a, {0x1.fe2584p-1, 0x1.47162cp-3, 0x1.8cc768p-5, 0x1.3255aep-4, -0x1.1406cep-5,
                     0x1.26dbe8p-6, -0x1.0989bcp-8, 0x1.1f3d86p-11});
  Num square = q * q;
  Num fourth = square * square;
  Num large = 1.0 - 1.0 / (fourth * fourth);
  return m.copySign(m.select(m.lt(a, 1.0), small, large), x);
}

} // namespace

llvm::ArrayRef<Expansion> errorFunctionExpansions() {
  static const Expansion table[] = {{"math.erf", unary<erf>, nullptr, "erf"}};
  return table;
}

} // namespace tgc
