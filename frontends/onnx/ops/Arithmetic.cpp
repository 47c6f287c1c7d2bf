// Arithmetic, rounding, exponential and trigonometric operators.
#include "frontends/onnx/ops/Families.h"

using namespace mlir;

namespace tgc::onnx {
namespace {

template <typename OpT>
void floatUnary(NodeContext &c) {
  c.outFloat(c.make<OpT>(c.wide(0)), c.dtype(0));
}

void neg(NodeContext &c) {
  Value x = c.in(0);
  Value y =
      isFloat(c.dtype(0)) ? c.make<arith::NegFOp>(x) : c.sub(c.splatInt(c.shape(0), c.elementOf(x), 0), x);
  c.out(y, c.dtype(0));
}

void abs(NodeContext &c) {
  Value x = c.in(0);
  if (isFloat(c.dtype(0)))
    x = c.make<math::AbsFOp>(x);
  else if (!isUnsigned(c.dtype(0)))
    x = c.make<math::AbsIOp>(x);
  c.out(x, c.dtype(0));
}

void sign(NodeContext &c) {
  Value x = c.in(0);
  DType t = c.dtype(0);
  Value zero = c.splatLike(x, 0), one = c.splatLike(x, 1), minusOne = c.splatLike(x, -1);
  Value y;
  if (isFloat(t)) { // zeros and NaN give themselves
    y = c.select(c.compare(arith::CmpFPredicate::OLT, x, zero), minusOne, x);
    y = c.select(c.compare(arith::CmpFPredicate::OGT, x, zero), one, y);
  } else if (isUnsigned(t)) {
    y = c.select(c.compare(arith::CmpIPredicate::eq, x, zero), zero, one);
  } else {
    y = c.select(c.compare(arith::CmpIPredicate::slt, x, zero), minusOne, zero);
    y = c.select(c.compare(arith::CmpIPredicate::sgt, x, zero), one, y);
  }
  c.out(y, t);
}

void reciprocal(NodeContext &c) {
  Value x = c.wide(0);
  c.outFloat(c.div(c.splatLike(x, 1), x), c.dtype(0));
}

Value addValues(NodeContext &c, Value a, Value b, DType) { return c.add(a, b); }
Value subValues(NodeContext &c, Value a, Value b, DType) { return c.sub(a, b); }
Value mulValues(NodeContext &c, Value a, Value b, DType) { return c.mul(a, b); }
Value divValues(NodeContext &c, Value a, Value b, DType t) {
  if (isFloat(t))
    return c.div(a, b);
  return isUnsigned(t) ? c.make<arith::DivUIOp>(a, b) : c.make<arith::DivSIOp>(a, b);
}
Value maxValues(NodeContext &c, Value a, Value b, DType t) {
  if (isFloat(t))
    return c.maximum(a, b);
  return isSigned(t) ? c.make<arith::MaxSIOp>(a, b) : c.make<arith::MaxUIOp>(a, b);
}
Value minValues(NodeContext &c, Value a, Value b, DType t) {
  if (isFloat(t))
    return c.minimum(a, b);
  return isSigned(t) ? c.make<arith::MinSIOp>(a, b) : c.make<arith::MinUIOp>(a, b);
}

/// Input i in the type that arithmetic is done in.
Value operand(NodeContext &c, size_t i, ArrayRef<int64_t> shape) {
  return isFloat(c.dtype(i)) ? c.wideAs(i, shape) : c.inAs(i, shape);
}

void finish(NodeContext &c, Value value, DType t) {
  if (isFloat(t))
    c.outFloat(value, t);
  else
    c.out(value, t);
}

template <Value (*combine)(NodeContext &, Value, Value, DType)>
void binary(NodeContext &c) {
  c.requireSameTypes(0, 1);
  if (c.opset() < 7 && c.shape(0) != c.shape(1))
    c.fail("broadcasting by attributes (before opset 7)");
  Shape shape = c.commonShape();
  finish(c, combine(c, operand(c, 0, shape), operand(c, 1, shape), c.dtype(0)), c.dtype(0));
}

template <Value (*combine)(NodeContext &, Value, Value, DType)>
Value combineAll(NodeContext &c) {
  Shape shape = c.commonShape();
  Value result = operand(c, 0, shape);
  for (size_t i = 1; i < c.inputCount(); ++i) {
    c.requireSameTypes(0, i);
    result = combine(c, result, operand(c, i, shape), c.dtype(0));
  }
  return result;
}

template <Value (*combine)(NodeContext &, Value, Value, DType)>
void variadic(NodeContext &c) {
  finish(c, combineAll<combine>(c), c.dtype(0));
}

void mean(NodeContext &c) {
  Value sum = combineAll<addValues>(c);
  c.outFloat(c.div(sum, c.splatLike(sum, double(c.inputCount()))), c.dtype(0));
}

void mod(NodeContext &c) {
  c.requireSameTypes(0, 1);
  Shape shape = c.commonShape();
  DType t = c.dtype(0);
  bool truncated = c.intAttr("fmod", 0) != 0;
  Value a = operand(c, 0, shape), b = operand(c, 1, shape);
  if (isFloat(t)) {
    Value r = c.make<arith::RemFOp>(a, b);
    if (!truncated) { // as for integers; a zero has the divisor's sign
      Value zero = c.splatLike(r, 0), unlike = c.compare(arith::CmpFPredicate::OLT, c.mul(r, b), zero);
      Value isZero = c.compare(arith::CmpFPredicate::OEQ, r, zero);
      r = c.select(unlike, c.add(r, b), r);
      r = c.select(isZero, c.make<math::CopySignOp>(zero, b), r);
    }
    return c.outFloat(r, t);
  }
  if (isUnsigned(t))
    return c.out(c.make<arith::RemUIOp>(a, b), t);
  Value r = c.make<arith::RemSIOp>(a, b);
  if (!truncated) { // the divisor's sign: add the divisor where the remainder has the other sign
    Value zero = c.splatLike(r, 0);
    Value otherSign = c.compare(arith::CmpIPredicate::slt, c.make<arith::XOrIOp>(r, b), zero);
    Value nonZero = c.compare(arith::CmpIPredicate::ne, r, zero);
    r = c.select(c.make<arith::AndIOp>(otherSign, nonZero), c.add(r, b), r);
  }
  c.out(r, t);
}

/// base^n by repeated squaring.
Value integerPower(NodeContext &c, Value base, int64_t n) {
  Value result;
  for (; n > 0; n >>= 1) {
    if (n & 1)
      result = result ? c.mul(result, base) : base;
    if (n > 1)
      base = c.mul(base, base);
  }
  return result ? result : c.splatLike(base, 1);
}

Value toFloat(NodeContext &c, Value v, DType from, Type element) {
  if (isFloat(from))
    return c.convertFloat(v, element);
  auto type = c.tensorType(c.shapeOf(v), element);
  return isSigned(from) ? c.make<arith::SIToFPOp>(type, v) : c.make<arith::UIToFPOp>(type, v);
}

void pow(NodeContext &c) {
  Shape shape = c.commonShape();
  DType t = c.dtype(0);
  Value base = operand(c, 0, shape);
  graph::HostTensorPtr exponent = c.isKnown(1) ? c.tensor(1).known : nullptr;
  if (exponent && exponent->isSplat()) {
    double e = exponent->asDouble(0);
    if (e >= 0 && e <= (isFloat(t) ? 4 : 63) && e == std::floor(e))
      return finish(c, integerPower(c, base, int64_t(e)), t);
    if (isFloat(t) && e == 0.5)
      return c.outFloat(c.make<math::SqrtOp>(base), t);
    if (isFloat(t) && e == -1)
      return c.outFloat(c.div(c.splatLike(base, 1), base), t);
    if (isFloat(t) && e == -0.5)
      return c.outFloat(c.make<math::RsqrtOp>(base), t);
  }
  if (isFloat(t)) {
    Value power = toFloat(c, c.inAs(1, shape), c.dtype(1), c.elementOf(base));
    return c.outFloat(c.make<math::PowFOp>(base, power), t);
  }
  // Integer bases are exact up to 2^53.
  Type f64 = c.builder.getF64Type();
  Value result =
      c.make<math::PowFOp>(toFloat(c, base, t, f64), toFloat(c, c.inAs(1, shape), c.dtype(1), f64));
  auto type = c.tensorType(shape, c.typeOf(t));
  c.out(isUnsigned(t) ? c.make<arith::FPToUIOp>(type, result) : c.make<arith::FPToSIOp>(type, result), t);
}

/// Bounds are attributes before opset 11 and inputs since.
void clip(NodeContext &c) {
  DType t = c.dtype(0);
  Value x = operand(c, 0, c.shape(0));
  auto bound = [&](StringRef name, size_t i) -> Value {
    if (c.hasAttr(name))
      return c.splatLike(x, c.floatAttr(name, 0));
    return c.has(i) ? operand(c, i, c.shape(0)) : Value();
  };
  if (Value low = bound("min", 1))
    x = maxValues(c, x, low, t);
  if (Value high = bound("max", 2))
    x = minValues(c, x, high, t);
  finish(c, x, t);
}

} // namespace

void addArithmetic(HandlerTable &table) {
  table["Neg"] = neg;
  table["Abs"] = abs;
  table["Sign"] = sign;
  table["Reciprocal"] = reciprocal;
  table["Add"] = binary<addValues>;
  table["Sub"] = binary<subValues>;
  table["Mul"] = binary<mulValues>;
  table["Div"] = binary<divValues>;
  table["Mod"] = mod;
  table["Pow"] = pow;
  table["Sum"] = variadic<addValues>;
  table["Max"] = variadic<maxValues>;
  table["Min"] = variadic<minValues>;
  table["Mean"] = mean;
  table["Clip"] = clip;
  table["Exp"] = floatUnary<math::ExpOp>;
  table["Log"] = floatUnary<math::LogOp>;
  table["Sqrt"] = floatUnary<math::SqrtOp>;
  table["Erf"] = floatUnary<math::ErfOp>;
  table["Floor"] = floatUnary<math::FloorOp>;
  table["Ceil"] = floatUnary<math::CeilOp>;
  table["Round"] = floatUnary<math::RoundEvenOp>;
  table["Sin"] = floatUnary<math::SinOp>;
  table["Cos"] = floatUnary<math::CosOp>;
  table["Tan"] = floatUnary<math::TanOp>;
  table["Asin"] = floatUnary<math::AsinOp>;
  table["Acos"] = floatUnary<math::AcosOp>;
  table["Atan"] = floatUnary<math::AtanOp>;
  table["Sinh"] = floatUnary<math::SinhOp>;
  table["Cosh"] = floatUnary<math::CoshOp>;
  table["Tanh"] = floatUnary<math::TanhOp>;
  table["Asinh"] = floatUnary<math::AsinhOp>;
  table["Acosh"] = floatUnary<math::AcoshOp>;
  table["Atanh"] = floatUnary<math::AtanhOp>;
}

} // namespace tgc::onnx
