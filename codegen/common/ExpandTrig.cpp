// sin, cos, tan.
//
// 1. n = round(x·2/π); r = x - n·π/2 with π/2 in three parts. With fused multiply-add the first step is exact and
//    the others round once, so that r has all its bits up to |x| = 2^20 (f64: 2^30). Without it f32 reduces in f64,
//    and f64 uses parts short enough that n times each is exact up to 2^20.
// 2. Larger arguments, where any lane has one, take a branch: f32 multiplies by 2/π in integers, as many bits of it
//    as the exponent asks for (Payne and Hanek); f64 calls the C function, where there is one, else goes by f32.
// 3. sin and cos of r by polynomials; n mod 4 chooses between them and the sign.
#include "codegen/common/ExpandMath.h"
#include "codegen/common/LaneCalls.h"
#include "codegen/common/MathCores.h"
#include <cmath>

using namespace mlir;

namespace tgc {
namespace {

/// x = quadrant·π/2 + r, where the quadrant counts modulo 4 (an integer).
struct Reduced {
  Num r, quadrant;
};

Reduced reduceFused(MathBuilder &m, Num x) {
  auto [n, shifted] = nearestWhole(m, x, m.isDouble() ? 0x1.45f306dc9c883p-1 : 0x1.45f306p-1);
  Num r;
  if (m.isDouble() && m.target.fma) {
    r = m.fma(n, -0x1.921fb54442d18p0, x);
    r = m.fma(n, -0x1.1a62633145c07p-54, r);
    r = m.fma(n, 0x1.f1976b7ed8fbcp-110, r);
  } else if (m.isDouble()) {
    r = m.fma(n, -0x1.921fb544p0, x);
    Num tail = n * 0x1.0b4611a6p-34;
    Num next = r - tail;
    r = next + (((r - next) - tail) - n * 0x1.3198a2e037073p-69);
  } else {
    r = m.fma(n, -0x1.921fb6p0, x);
    r = m.fma(n, 0x1.777a5cp-25, r);
    r = m.fma(n, 0x1.ee59dap-50, r);
  }
  return {r, m.bits(shifted)};
}

Reduced reduceInDouble(MathBuilder &m, Num x) {
  MathBuilder wide(m.builder, m.loc, m.withElement(m.builder.getF64Type()), m.target);
  Num wideX = wide.wrap(m.builder.create<arith::ExtFOp>(m.loc, wide.type(), x.value));
  Reduced reduced = reduceFused(wide, wideX);
  return {m.wrap(m.builder.create<arith::TruncFOp>(m.loc, m.type(), reduced.r.value)),
          m.wrap(m.builder.create<arith::TruncIOp>(m.loc, m.intType(), reduced.quadrant.value))};
}

Num sinPolynomial(MathBuilder &m, Num r, Num z) {
  Num p = m.isDouble() ? m.poly(z, {-0x1.5555555555555p-3, 0x1.111111111108fp-7, -0x1.a01a01a007f31p-13,
                                    0x1.71de3a41d9f97p-19, -0x1.ae643fd562547p-26, 0x1.61166a89c3c87p-33,
                                    -0x1.a64997b4077f3p-41})
                       : m.poly(z, {-0x1.555556p-3, 0x1.111152p-7, -0x1.a03416p-13, 0x1.7279b6p-19});
  return m.fma(r * z, p, r);
}

Num cosPolynomial(MathBuilder &m, Num z) {
  Num p = m.isDouble() ? m.poly(z, {0x1.5555555555555p-5, -0x1.6c16c16c16b4ep-10, 0x1.a01a01a0031ffp-16,
                                    -0x1.27e4fb626d401p-22, 0x1.1eed79cd21709p-29, -0x1.9380a78f60dc8p-37,
                                    0x1.a368f0a9f49a8p-45})
                       : m.poly(z, {0x1.555544p-5, -0x1.6c0884p-10, 0x1.98e478p-16});
  // 1 - z/2 rounds; what it loses is added to the rest.
  Num half = z * 0.5;
  Num head = 1.0 - half;
  return head + m.fma(z * z, p, (1.0 - head) - half);
}

/// Reduction of one f32 of at least 2^20: quadrant and r, from 96 bits of 2/π around the binary point.
Value reduceLarge(OpBuilder &builder, Location loc, const MathTarget &target, Value argument,
                  Value &quadrantOut) {
  MathBuilder m(builder, loc, argument.getType(), target);
  Type i64 = builder.getI64Type(), i32 = builder.getI32Type();
  auto constant = [&](int64_t value) {
    return builder.create<arith::ConstantOp>(loc, builder.getI64IntegerAttr(value));
  };
  auto add = [&](Value a, Value b) -> Value { return builder.create<arith::AddIOp>(loc, a, b); };
  auto multiply = [&](Value a, Value b) -> Value { return builder.create<arith::MulIOp>(loc, a, b); };
  auto right = [&](Value a, Value b) -> Value { return builder.create<arith::ShRUIOp>(loc, a, b); };
  auto left = [&](Value a, Value b) -> Value { return builder.create<arith::ShLIOp>(loc, a, b); };
  auto both = [&](Value a, Value b) -> Value { return builder.create<arith::AndIOp>(loc, a, b); };

  Value bits = builder.create<arith::ExtUIOp>(loc, i64, builder.create<arith::BitcastOp>(loc, i32, argument));
  // |x| = mantissa·2^e with a mantissa of 24 bits and e ≥ -3.
  Value mantissa = builder.create<arith::OrIOp>(loc, both(bits, constant(0x7fffff)), constant(0x800000));
  Value e =
      builder.create<arith::SubIOp>(loc, both(right(bits, constant(23)), constant(0xff)), constant(150));
  // The bits of 2/π behind ten zeros: bit i has the weight 2^(9-i). Those before bit e + 8 make multiples of
  // 4 quadrants with 2^e; the 96 from there on are wanted.
  static const int64_t table[] = {0x0028be60, 0xdb939105, 0x4a7f09d5, 0xf47d4d37,
                                  0x7036d8a5, 0x664f10e4, 0x107f9458, 0xeaf7aef1};
  Value from = add(e, constant(8));
  Value word = right(from, constant(5)), shift = both(from, constant(31));
  SmallVector<Value> words;
  for (int w = 0; w < 4; ++w) {
    Value pick = constant(0);
    for (int t = 0; t < 8; ++t) {
      Value here =
          builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, add(word, constant(w)), constant(t));
      pick = builder.create<arith::SelectOp>(loc, here, constant(table[t]), pick);
    }
    words.push_back(pick);
  }
  // Three words of 32 bits, shifted into place.
  SmallVector<Value> piece;
  for (int w = 0; w < 3; ++w) {
    Value pair = builder.create<arith::OrIOp>(loc, left(words[w], constant(32)), words[w + 1]);
    piece.push_back(right(left(pair, shift), constant(32)));
  }
  // mantissa·(piece0·2^64 + piece1·2^32 + piece2) modulo 2^96, upper 64 bits: 2 of quadrant, 62 of fraction.
  Value lowest = multiply(mantissa, piece[2]);
  Value middle = add(multiply(mantissa, piece[1]), right(lowest, constant(32)));
  Value product = add(left(multiply(mantissa, piece[0]), constant(32)), middle);
  // Round to the nearest quadrant; the rest is a signed fraction of a quadrant.
  Value quadrant = right(add(product, constant(int64_t(1) << 61)), constant(62));
  Value fraction = builder.create<arith::SubIOp>(loc, product, left(quadrant, constant(62)));
  // Times π/2, both as sums of two floats.
  auto toFloat = [&](Value a) { return m.wrap(builder.create<arith::SIToFPOp>(loc, m.type(), a)); };
  Num high = toFloat(fraction);
  Value whole = builder.create<arith::FPToSIOp>(loc, i64, high.value);
  Num low = toFloat(builder.create<arith::SubIOp>(loc, fraction, whole));
  Value angle = m.fma(high, 0x1.921fb6p-62, m.fma(high, -0x1.777a5cp-87, low * 0x1.921fb6p-62)).value;
  Value negative =
      builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OLT, argument,
                                    builder.create<arith::ConstantOp>(loc, builder.getF32FloatAttr(0)));
  quadrant = builder.create<arith::TruncIOp>(loc, i32, quadrant);
  Value zero = builder.create<arith::ConstantOp>(loc, builder.getI32IntegerAttr(0));
  quadrantOut = builder.create<arith::SelectOp>(loc, negative,
                                                builder.create<arith::SubIOp>(loc, zero, quadrant), quadrant);
  return builder.create<arith::SelectOp>(loc, negative, builder.create<arith::NegFOp>(loc, angle), angle);
}

/// sin (turn = 0) or cos (turn = 1) or tan from the reduced argument.
Num sinFrom(MathBuilder &m, const Reduced &reduced, int turn) {
  Num z = reduced.r * reduced.r;
  Num quadrant = turn ? reduced.quadrant + double(turn) : reduced.quadrant;
  Num odd = m.ne(quadrant & m.i(1), 0.0);
  Num y = m.select(odd, cosPolynomial(m, z), sinPolynomial(m, reduced.r, z));
  Num sign = (quadrant & m.i(2)) << (m.bitWidth() - 2);
  return m.fromBits(m.bits(y) ^ sign);
}

Num tanFrom(MathBuilder &m, const Reduced &reduced) {
  Num z = reduced.r * reduced.r;
  Num s = sinPolynomial(m, reduced.r, z), c = cosPolynomial(m, z);
  Num odd = m.ne(reduced.quadrant & m.i(1), 0.0);
  return m.select(odd, -c, s) / m.select(odd, s, c);
}

Reduced reduce(MathBuilder &m, Num x) {
  if (m.isDouble() || m.target.fma)
    return reduceFused(m, x);
  return reduceInDouble(m, x);
}

/// `self` is the function itself, for f32.
template <typename Finish>
Num circular(MathBuilder &m, Num x, const char *import, Num (*self)(MathBuilder &, Num), Finish finish) {
  double limit = m.isDouble() && m.target.fma ? 0x1p30 : 0x1p20;
  Num large = m.gt(m.abs(x), limit);
  if (m.isDouble()) {
    Num y = finish(reduce(m, m.select(large, 0.0, x)));
    Value fixed = replaceLanes(m.builder, m.loc, large.value, {x.value}, {y.value},
                               [&](OpBuilder &builder, Location loc, ValueRange lane) {
                                 if (m.target.imports)
                                   return SmallVector<Value>{callImport(builder, loc, import, lane)};
                                 MathBuilder single(builder, loc, builder.getF32Type(), m.target);
                                 Value narrow = builder.create<arith::TruncFOp>(loc, single.type(), lane[0]);
                                 Value found = self(single, single.wrap(narrow)).value;
                                 return SmallVector<Value>{
                                     builder.create<arith::ExtFOp>(loc, builder.getF64Type(), found)};
                               })[0];
    return m.wrap(fixed);
  }
  Reduced reduced = reduce(m, x);
  SmallVector<Value> fixed = replaceLanes(
      m.builder, m.loc, large.value, {x.value}, {reduced.r.value, reduced.quadrant.value},
      [&](OpBuilder &builder, Location loc, ValueRange lane) {
        return callShared(builder, loc, "tgc.trig.reduce", lane, {builder.getF32Type(), builder.getI32Type()},
                          [&](OpBuilder &inner, Location at, ValueRange arguments) {
                            Value quadrant;
                            Value r = reduceLarge(inner, at, m.target, arguments[0], quadrant);
                            return SmallVector<Value>{r, quadrant};
                          });
      });
  Num y = finish(Reduced{m.wrap(fixed[0]), m.wrap(fixed[1])});
  // NaN for infinities: x - x is NaN for them and 0 otherwise, which leaves all but -0 as it is.
  return m.select(m.lt(m.abs(x), m.infinity()), y, x - x);
}

Num sin(MathBuilder &m, Num x) {
  Num y = circular(m, x, "sin", sin, [&](const Reduced &reduced) { return sinFrom(m, reduced, 0); });
  return m.select(m.eq(x, 0.0), x, y);
}

Num cos(MathBuilder &m, Num x) {
  return circular(m, x, "cos", cos, [&](const Reduced &reduced) { return sinFrom(m, reduced, 1); });
}

Num tan(MathBuilder &m, Num x) {
  Num y = circular(m, x, "tan", tan, [&](const Reduced &reduced) { return tanFrom(m, reduced); });
  return m.select(m.eq(x, 0.0), x, y);
}

} // namespace

llvm::ArrayRef<Expansion> trigonometricExpansions() {
  static const Expansion table[] = {
      {"math.sin", unary<sin>, unary<sin>, nullptr},
      {"math.cos", unary<cos>, unary<cos>, nullptr},
      {"math.tan", unary<tan>, unary<tan>, nullptr},
  };
  return table;
}

} // namespace tgc
