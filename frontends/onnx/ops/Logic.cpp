// Comparisons, logic, bits, selection.
#include "frontends/onnx/ops/Families.h"

using namespace mlir;

namespace tgc::onnx {
namespace {

template <arith::CmpFPredicate floats, arith::CmpIPredicate signedInts, arith::CmpIPredicate unsignedInts>
void comparison(NodeContext &c) {
  c.requireSameTypes(0, 1);
  Shape shape = c.commonShape();
  Value a = c.inAs(0, shape), b = c.inAs(1, shape);
  DType t = c.dtype(0);
  c.out(isFloat(t) ? c.compare(floats, a, b) : c.compare(isSigned(t) ? signedInts : unsignedInts, a, b),
        DType::Bool);
}

template <typename OpT>
void bitwise(NodeContext &c) {
  c.requireSameTypes(0, 1);
  if (isFloat(c.dtype(0)))
    c.bad("a bool or integer type is needed");
  Shape shape = c.commonShape();
  c.out(c.make<OpT>(c.inAs(0, shape), c.inAs(1, shape)), c.dtype(0));
}

void bitwiseNot(NodeContext &c) {
  if (isFloat(c.dtype(0)))
    c.bad("a bool or integer type is needed");
  c.out(c.logicalNot(c.in(0)), c.dtype(0));
}

/// A shift by the width or more, or by less than 0, which the shift operations leave undefined, shifts all
/// bits out.
void bitShift(NodeContext &c) {
  c.requireSameTypes(0, 1);
  DType t = c.dtype(0);
  if (!isInteger(t))
    c.bad("an integer type is needed");
  std::string direction = c.stringAttr("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    c.bad("direction must be LEFT or RIGHT");
  Shape shape = c.commonShape();
  Value x = c.inAs(0, shape), n = c.inAs(1, shape);
  Value beyond = c.splatLike(x, 0), shifted;
  if (direction == "LEFT") {
    shifted = c.make<arith::ShLIOp>(x, n);
  } else if (isUnsigned(t)) {
    shifted = c.make<arith::ShRUIOp>(x, n);
  } else {
    shifted = c.make<arith::ShRSIOp>(x, n);
    beyond = c.make<arith::ShRSIOp>(x, c.splatLike(x, double(dtypeBytes(t) * 8 - 1)));
  }
  Value inRange = c.compare(arith::CmpIPredicate::ult, n, c.splatLike(n, double(dtypeBytes(t) * 8)));
  c.out(c.select(inRange, shifted, beyond), t);
}

void isNan(NodeContext &c) {
  c.requireFloat(0);
  Value x = c.in(0);
  c.out(c.compare(arith::CmpFPredicate::UNO, x, x), DType::Bool);
}

void isInf(NodeContext &c) {
  c.requireFloat(0);
  bool positive = c.intAttr("detect_positive", 1), negative = c.intAttr("detect_negative", 1);
  Value x = c.in(0);
  if (positive && negative)
    x = c.make<math::AbsFOp>(x);
  else if (negative)
    x = c.make<arith::NegFOp>(x);
  else if (!positive)
    return c.out(c.splatInt(c.shape(0), c.i1(), 0), DType::Bool);
  c.out(c.compare(arith::CmpFPredicate::OEQ, x, c.splatLike(x, INFINITY)), DType::Bool);
}

void where(NodeContext &c) {
  c.requireSameTypes(1, 2);
  if (c.dtype(0) != DType::Bool)
    c.bad("the condition must be bool");
  Shape shape = c.commonShape();
  c.out(c.select(c.inAs(0, shape), c.inAs(1, shape), c.inAs(2, shape)), c.dtype(1));
}

using F = arith::CmpFPredicate;
using I = arith::CmpIPredicate;

} // namespace

void addLogic(HandlerTable &table) {
  table["Equal"] = comparison<F::OEQ, I::eq, I::eq>;
  table["Less"] = comparison<F::OLT, I::slt, I::ult>;
  table["LessOrEqual"] = comparison<F::OLE, I::sle, I::ule>;
  table["Greater"] = comparison<F::OGT, I::sgt, I::ugt>;
  table["GreaterOrEqual"] = comparison<F::OGE, I::sge, I::uge>;
  table["And"] = table["BitwiseAnd"] = bitwise<arith::AndIOp>;
  table["Or"] = table["BitwiseOr"] = bitwise<arith::OrIOp>;
  table["Xor"] = table["BitwiseXor"] = bitwise<arith::XOrIOp>;
  table["Not"] = table["BitwiseNot"] = bitwiseNot;
  table["BitShift"] = bitShift;
  table["IsNaN"] = isNan;
  table["IsInf"] = isInf;
  table["Where"] = where;
}

} // namespace tgc::onnx
