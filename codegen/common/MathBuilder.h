// Arithmetic on values of one floating-point width, scalar or vector, written like arithmetic on numbers.
#pragma once
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include <cstdint>
#include <initializer_list>

namespace tgc {

class MathBuilder;

/// A value in an expansion: a float, an integer of the same width, or an i1, each perhaps a vector. Operators
/// on integers wrap; a double operand becomes a constant of the other operand's type.
struct Num {
  MathBuilder *math = nullptr;
  mlir::Value value;

  bool isFloat() const { return mlir::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(value.getType())); }
};

/// What a device has, as far as expansions care.
struct MathTarget {
  /// Fused multiply-add is one instruction. Without it `fma` below multiplies, rounds and adds.
  bool fma = true;
  /// floor, ceil, trunc and roundeven are one instruction.
  bool rounding = true;
  /// f32 ↔ f16 is one instruction.
  bool half = true;
  /// f32 → bf16 is one instruction.
  bool brain = false;
  /// C functions can be called. Without them f64 functions that have no expansion are computed in f32.
  bool imports = true;
};

class MathBuilder {
public:
  /// Emits at `builder`'s insertion point; `type` is the float type (f32, f64 or a vector) of `f` and `bits`.
  MathBuilder(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type, const MathTarget &target);

  mlir::OpBuilder &builder;
  const mlir::Location loc;
  const MathTarget target;

  bool isDouble() const { return mlir::getElementTypeOrSelf(floatType).isF64(); }
  mlir::Type type() const { return floatType; }
  mlir::Type intType() const { return wordType; }
  int bitWidth() const { return isDouble() ? 64 : 32; }
  int mantissaBits() const { return isDouble() ? 52 : 23; }
  int bias() const { return isDouble() ? 1023 : 127; }

  Num wrap(mlir::Value value) { return {this, value}; }
  /// Constants: of the float type, of the integer type, of another value's type.
  Num f(double value);
  Num i(int64_t value);
  Num like(Num other, double value);
  /// The type with another element, of the same shape.
  mlir::Type withElement(mlir::Type element) const;

  /// a·b + c; see MathTarget::fma.
  Num fma(Num a, Num b, Num c);
  Num fma(Num a, double b, Num c) { return fma(a, f(b), c); }
  Num fma(Num a, double b, double c) { return fma(a, f(b), f(c)); }
  Num fma(Num a, Num b, double c) { return fma(a, b, f(c)); }
  /// c0 + x·(c1 + x·(c2 + …)).
  Num poly(Num x, std::initializer_list<double> coefficients);

  Num bits(Num x);     // float → integer, same bits
  Num fromBits(Num x); // integer → float, same bits
  Num toFloat(Num x);  // signed integer → float
  Num toInt(Num x);    // float → signed integer; the value must be in range
  Num select(Num condition, Num a, Num b);
  Num select(Num condition, double a, Num b) { return select(condition, like(b, a), b); }
  Num select(Num condition, Num a, double b) { return select(condition, a, like(a, b)); }
  /// Float comparisons are ordered (false on NaN) but `ne` and `ugt`; integer ones signed.
  Num lt(Num a, Num b);
  Num le(Num a, Num b);
  Num gt(Num a, Num b);
  Num ge(Num a, Num b);
  Num eq(Num a, Num b);
  Num ne(Num a, Num b);
  Num ugt(Num a, Num b);
  Num isNan(Num a) { return unordered(a, a); }
  /// Either is NaN.
  Num unordered(Num a, Num b);
  Num lt(Num a, double b) { return lt(a, like(a, b)); }
  Num le(Num a, double b) { return le(a, like(a, b)); }
  Num gt(Num a, double b) { return gt(a, like(a, b)); }
  Num ge(Num a, double b) { return ge(a, like(a, b)); }
  Num eq(Num a, double b) { return eq(a, like(a, b)); }
  Num ne(Num a, double b) { return ne(a, like(a, b)); }
  Num ugt(Num a, double b) { return ugt(a, like(a, b)); }

  Num abs(Num x);
  /// |x| with the sign of y.
  Num copySign(Num x, Num y);
  /// The smaller and larger; NaN in `x` stays, the bound must not be NaN.
  Num atMost(Num x, double bound);
  Num atLeast(Num x, double bound);
  Num sqrt(Num x);
  Num roundEven(Num x);
  Num trunc(Num x);
  Num floor(Num x);
  Num ceil(Num x);
  /// a·b = product + error, exactly, unless something overflows or underflows (|a|, |b| < 2^100).
  std::pair<Num, Num> exactProduct(Num a, Num b);
  /// a + b = sum + error, exactly, if |a| ≥ |b| or a is 0.
  std::pair<Num, Num> exactSum(Num a, Num b);

  Num infinity();
  Num nan();

private:
  mlir::Value constant(mlir::Type type, double value);
  Num compare(mlir::arith::CmpFPredicate floats, mlir::arith::CmpIPredicate integers, Num a, Num b);

  mlir::Type floatType, wordType;
};

Num operator+(Num a, Num b);
Num operator-(Num a, Num b);
Num operator*(Num a, Num b);
Num operator/(Num a, Num b);
Num operator&(Num a, Num b);
Num operator|(Num a, Num b);
Num operator^(Num a, Num b);
Num operator-(Num a);
/// Shifts of integers: left, right with sign, right with zeros.
Num operator<<(Num a, int bits);
Num operator>>(Num a, int bits);
Num shiftRightZeros(Num a, int bits);

inline Num operator+(Num a, double b) { return a + a.math->like(a, b); }
inline Num operator-(Num a, double b) { return a - a.math->like(a, b); }
inline Num operator*(Num a, double b) { return a * a.math->like(a, b); }
inline Num operator/(Num a, double b) { return a / a.math->like(a, b); }
inline Num operator+(double a, Num b) { return b.math->like(b, a) + b; }
inline Num operator-(double a, Num b) { return b.math->like(b, a) - b; }
inline Num operator*(double a, Num b) { return b.math->like(b, a) * b; }
inline Num operator/(double a, Num b) { return b.math->like(b, a) / b; }

} // namespace tgc
