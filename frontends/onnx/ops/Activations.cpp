// Activation functions, as arithmetic in f32.
#include "frontends/onnx/ops/Families.h"

#include <cmath>

using namespace mlir;

namespace tgc::onnx {
namespace {

using Predicate = arith::CmpFPredicate;

template <Value (*activation)(NodeContext &, Value)>
void unary(NodeContext &c) {
  c.outFloat(activation(c, c.wide(0)), c.dtype(0));
}

Value scaled(NodeContext &c, Value x, double factor) { return c.mul(x, c.splatLike(x, factor)); }
Value shifted(NodeContext &c, Value x, double term) { return c.add(x, c.splatLike(x, term)); }
Value isNegative(NodeContext &c, Value x) { return c.compare(Predicate::OLT, x, c.splatLike(x, 0)); }

Value sigmoid(NodeContext &c, Value x) { return c.sigmoid(x); }

Value leakyRelu(NodeContext &c, Value x) {
  return c.select(isNegative(c, x), scaled(c, x, c.floatAttr("alpha", 0.01f)), x);
}

Value elu(NodeContext &c, Value x) {
  return c.select(isNegative(c, x), scaled(c, c.make<math::ExpM1Op>(x), c.floatAttr("alpha", 1)), x);
}

Value selu(NodeContext &c, Value x) {
  double alpha = c.floatAttr("alpha", 1.67326319217681884765625);
  double gamma = c.floatAttr("gamma", 1.05070102214813232421875);
  return scaled(c, c.select(isNegative(c, x), scaled(c, c.make<math::ExpM1Op>(x), alpha), x), gamma);
}

Value celu(NodeContext &c, Value x) {
  double alpha = c.floatAttr("alpha", 1);
  Value curve = scaled(c, c.make<math::ExpM1Op>(c.div(x, c.splatLike(x, alpha))), alpha);
  return c.select(isNegative(c, x), curve, x);
}

Value gelu(NodeContext &c, Value x) {
  std::string form = c.stringAttr("approximate", "none");
  Value inner;
  if (form == "tanh") {
    Value cube = scaled(c, c.mul(c.mul(x, x), x), 0.044715);
    inner = c.make<math::TanhOp>(scaled(c, c.add(x, cube), std::sqrt(2 / M_PI)));
  } else if (form == "none") {
    inner = c.make<math::ErfOp>(scaled(c, x, std::sqrt(0.5)));
  } else {
    c.bad("approximate = \"{}\" is not known", form);
  }
  return c.mul(scaled(c, x, 0.5), shifted(c, inner, 1));
}

/// log(1 + e^x) without overflow.
Value softplus(NodeContext &c, Value x) {
  Value tail = c.make<math::Log1pOp>(c.exp(c.make<arith::NegFOp>(c.make<math::AbsFOp>(x))));
  return c.add(c.maximum(x, c.splatLike(x, 0)), tail);
}

Value mish(NodeContext &c, Value x) { return c.mul(x, c.make<math::TanhOp>(softplus(c, x))); }

Value clampToUnit(NodeContext &c, Value x) {
  return c.minimum(c.maximum(x, c.splatLike(x, 0)), c.splatLike(x, 1));
}

Value hardSigmoid(NodeContext &c, Value x) {
  return clampToUnit(c, shifted(c, scaled(c, x, c.floatAttr("alpha", 0.2f)), c.floatAttr("beta", 0.5)));
}

Value hardSwish(NodeContext &c, Value x) {
  return c.mul(x, clampToUnit(c, shifted(c, scaled(c, x, 1.0 / 6), 0.5)));
}

Value softsign(NodeContext &c, Value x) { return c.div(x, shifted(c, c.make<math::AbsFOp>(x), 1)); }

Value thresholdedRelu(NodeContext &c, Value x) {
  Value above = c.compare(Predicate::OGT, x, c.splatLike(x, c.floatAttr("alpha", 1)));
  return c.select(above, x, c.splatLike(x, 0));
}

Value swish(NodeContext &c, Value x) {
  double alpha = c.floatAttr("alpha", 1);
  return c.mul(x, c.sigmoid(alpha == 1 ? x : scaled(c, x, alpha)));
}

/// The gate a·σ(α·a) times the second input.
void swiglu(NodeContext &c) {
  c.requireSameTypes(0, 1);
  if (c.shape(0) != c.shape(1))
    c.bad("the inputs have different shapes");
  c.outFloat(c.mul(swish(c, c.wide(0)), c.wide(1)), c.dtype(0));
}

Value shrink(NodeContext &c, Value x) {
  double bias = c.floatAttr("bias", 0), lambda = c.floatAttr("lambd", 0.5);
  Value y =
      c.select(c.compare(Predicate::OGT, x, c.splatLike(x, lambda)), shifted(c, x, -bias), c.splatLike(x, 0));
  return c.select(c.compare(Predicate::OLT, x, c.splatLike(x, -lambda)), shifted(c, x, bias), y);
}

void relu(NodeContext &c) {
  DType t = c.dtype(0);
  if (isFloat(t)) {
    Value x = c.wide(0);
    c.outFloat(c.maximum(x, c.splatLike(x, 0)), t);
  } else {
    Value x = c.in(0);
    c.out(isSigned(t) ? c.make<arith::MaxSIOp>(x, c.splatLike(x, 0)) : x, t);
  }
}

void prelu(NodeContext &c) {
  c.requireSameTypes(0, 1);
  DType t = c.dtype(0);
  if (isFloat(t)) {
    Value x = c.wide(0);
    c.outFloat(c.select(isNegative(c, x), c.mul(x, c.wideAs(1, c.shape(0))), x), t);
  } else {
    Value x = c.in(0);
    Value product = c.mul(x, c.inAs(1, c.shape(0)));
    Value negative = c.compare(arith::CmpIPredicate::slt, x, c.splatLike(x, 0));
    c.out(isSigned(t) ? c.select(negative, product, x) : x, t);
  }
}

} // namespace

void addActivations(HandlerTable &table) {
  table["Relu"] = relu;
  table["PRelu"] = prelu;
  table["Sigmoid"] = unary<sigmoid>;
  table["LeakyRelu"] = unary<leakyRelu>;
  table["Elu"] = unary<elu>;
  table["Selu"] = unary<selu>;
  table["Celu"] = unary<celu>;
  table["Gelu"] = unary<gelu>;
  table["Softplus"] = unary<softplus>;
  table["Mish"] = unary<mish>;
  table["HardSigmoid"] = unary<hardSigmoid>;
  table["HardSwish"] = unary<hardSwish>;
  table["Softsign"] = unary<softsign>;
  table["ThresholdedRelu"] = unary<thresholdedRelu>;
  table["Swish"] = unary<swish>;
  table["SwiGLU"] = swiglu;
  table["Shrink"] = unary<shrink>;
}

} // namespace tgc::onnx
