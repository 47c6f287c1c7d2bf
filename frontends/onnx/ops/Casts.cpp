// Conversions between element types.
#include "frontends/onnx/ops/Families.h"

using namespace mlir;

namespace tgc::onnx {
namespace {

constexpr double kMaxF8 = 448; // the greatest finite e4m3

Value convert(NodeContext &c, Value x, DType from, DType to) {
  Type element = c.typeOf(to);
  auto type = c.tensorType(c.shapeOf(x), element);
  if (to == DType::Bool) {
    Value zero = c.splatLike(x, 0);
    return isFloat(from) ? c.compare(arith::CmpFPredicate::UNE, x, zero)
                         : c.compare(arith::CmpIPredicate::ne, x, zero);
  }
  if (isFloat(from) && to == DType::F8E4M3 && c.intAttr("saturate", 1)) {
    x = c.widen(x);
    x = c.minimum(c.maximum(x, c.splatLike(x, -kMaxF8)), c.splatLike(x, kMaxF8));
  }
  if (isFloat(from) && isFloat(to))
    return c.convertFloat(x, element);
  if (isFloat(from)) {
    x = c.widen(x);
    return isUnsigned(to) ? c.make<arith::FPToUIOp>(type, x) : c.make<arith::FPToSIOp>(type, x);
  }
  if (isFloat(to)) {
    auto wide = c.tensorType(c.shapeOf(x), c.computeType(element));
    Value y = isSigned(from) ? c.make<arith::SIToFPOp>(wide, x) : c.make<arith::UIToFPOp>(wide, x);
    return c.convertFloat(y, element);
  }
  unsigned fromWidth = c.elementOf(x).getIntOrFloatBitWidth(), toWidth = element.getIntOrFloatBitWidth();
  if (fromWidth == toWidth)
    return x;
  if (fromWidth > toWidth)
    return c.make<arith::TruncIOp>(type, x);
  return isSigned(from) ? c.make<arith::ExtSIOp>(type, x) : c.make<arith::ExtUIOp>(type, x);
}

void castTo(NodeContext &c, DType to) {
  if (c.dtype(0) == to)
    return c.outTensor(0, c.inputTensor(0));
  c.out(convert(c, c.in(0), c.dtype(0), to), to);
}

void cast(NodeContext &c) {
  if (!c.hasAttr("to"))
    c.bad("attribute to is missing");
  castTo(c, c.recast(DType(c.intAttr("to", 0))));
}

void castLike(NodeContext &c) { castTo(c, c.dtype(1)); }

} // namespace

void addCasts(HandlerTable &table) {
  table["Cast"] = cast;
  table["CastLike"] = castLike;
}

} // namespace tgc::onnx
