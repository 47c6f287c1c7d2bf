// The cores that several families of functions share.
#pragma once
#include "codegen/common/MathBuilder.h"

namespace tgc {

/// 2^n·(1 + q) = e^x with n whole and q = e^r - 1, |r| ≤ ln 2 / 2. `shifted` has n in its low bits.
struct ExpParts {
  Num shifted, n, q;
};

/// For |x| < 2^20, with q to the last bit also where x is small.
ExpParts expParts(MathBuilder &m, Num x);

/// Whole n nearest to x·factor: n and the float that has n in its low bits.
std::pair<Num, Num> nearestWhole(MathBuilder &m, Num x, double factor);

/// 2^n for n (in the low bits of `shifted`) plus `add` within the exponents of normal numbers.
Num powerOfTwo(MathBuilder &m, Num shifted, int add = 0);

/// p·2^n, correct into the denormal numbers; `shifted` has n in its low bits, `low` says n may be below the
/// normal exponents, and it is at least -200 (f64: -1200). The result must not overflow.
Num scale(MathBuilder &m, Num p, Num shifted, Num low);

/// x = 2^e·(1 + f), 1 + f in [√½, √2), for positive finite x, denormal included.
struct LogParts {
  Num e, f;
};
LogParts logParts(MathBuilder &m, Num x);

/// log(1 + f) for 1 + f in [√½, √2].
Num logOnePlus(MathBuilder &m, Num f);

/// log(1 + x) for x ≥ -1, infinity and NaN included.
Num log1p(MathBuilder &m, Num x);
/// log(x) for all x.
Num log(MathBuilder &m, Num x);
Num exp(MathBuilder &m, Num x);
Num expm1(MathBuilder &m, Num x);

/// Expansions are called with operands as a range; these make functions of one and two numbers fit.
template <Num (*function)(MathBuilder &, Num)>
Num unary(MathBuilder &m, llvm::ArrayRef<Num> operands) {
  return function(m, operands[0]);
}
template <Num (*function)(MathBuilder &, Num, Num)>
Num binary(MathBuilder &m, llvm::ArrayRef<Num> operands) {
  return function(m, operands[0], operands[1]);
}

} // namespace tgc
