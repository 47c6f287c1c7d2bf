#include "compiler/loop/Folds.h"

#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <limits>

using namespace mlir;

namespace tgc::loop {

/// Gives folds the generator's private side.
class FoldBase : public Fold {
public:
  FoldBase(Generator &generator, Operation *op, Type type) : g(generator), op(op), type(type) {}

protected:
  /// Operand `i` at the point, as a value of the fold's type; a vector if wanted.
  Value operand(unsigned i, const FoldPoint &point, bool vector) {
    Value value = g.evaluate(op->getOperand(i), point.registers, point.scope);
    g.scopes.insertAt(point.scope);
    return g.toVectorIf(g.convert(value, type), vector);
  }
  Value masked(const FoldPoint &point, Value value, Value otherwise) {
    return point.mask ? g.builder.create<arith::SelectOp>(g.loc, point.mask, value, otherwise).getResult()
                      : value;
  }
  template <typename FloatOp, typename IntegerOp>
  Value combined(Value a, Value b) {
    if (isa<FloatType>(type))
      return g.builder.create<FloatOp>(g.loc, a, b);
    return g.builder.create<IntegerOp>(g.loc, a, b);
  }
  TypedAttr number(double value) {
    if (isa<FloatType>(type))
      return g.builder.getFloatAttr(type, value);
    return g.builder.getIntegerAttr(type, int64_t(value));
  }
  Value constant(TypedAttr attribute, bool vector) { return g.constantOf(attribute, vector); }
  /// The index along the one reduced axis.
  Value place(const FoldPoint &point, Type integer, bool vector) {
    int axis = g.kernel.axisIndex(kernel::reducedAxes(op).front());
    Value value = g.coordinateValue(g.scopes.simplify(g.coordinate(axis, point.registers, point.scope)),
                                    integer, point.scope);
    g.scopes.insertAt(point.scope);
    return g.toVectorIf(value, vector);
  }
  template <typename Op, typename... Args>
  Value make(Args &&...args) {
    return g.builder.create<Op>(g.loc, std::forward<Args>(args)...);
  }
  template <typename Op>
  Value contracted(Value a, Value b) {
    return g.contracted<Op>(a, b);
  }

  Generator &g;
  Operation *op;
  Type type;
};

namespace {

struct Sum : FoldBase {
  using FoldBase::FoldBase;
  FoldState identity(bool vector) override { return {constant(number(0), vector)}; }
  FoldState step(const FoldState &state, const FoldPoint &point, bool vector) override {
    Value value = operand(0, point, vector);
    return combine(state, {masked(point, value, constant(number(0), vector))});
  }
  FoldState combine(const FoldState &a, const FoldState &b) override {
    return {combined<arith::AddFOp, arith::AddIOp>(a[0], b[0])};
  }
};

/// Multiplications and additions may be fused: how sums associate is free anyway.
struct Product : Sum {
  using Sum::Sum;
  FoldState step(const FoldState &state, const FoldPoint &point, bool vector) override {
    Value a = operand(0, point, vector), b = operand(1, point, vector);
    if (!isa<FloatType>(type)) {
      Value product = masked(point, make<arith::MulIOp>(a, b), constant(number(0), vector));
      return combine(state, {product});
    }
    Value product = masked(point, contracted<arith::MulFOp>(a, b), constant(number(0), vector));
    return {contracted<arith::AddFOp>(state[0], product)};
  }
};

struct Extreme : FoldBase {
  Extreme(Generator &generator, kernel::ReduceOp op, Type type)
      : FoldBase(generator, op, type), kind(op.getKind()),
        isUnsigned(op.getIsUnsigned() || type.isInteger(1)) {}

  FoldState identity(bool vector) override { return {constant(start(), vector)}; }
  FoldState step(const FoldState &state, const FoldPoint &point, bool vector) override {
    Value value = operand(0, point, vector);
    return combine(state, {masked(point, value, constant(start(), vector))});
  }
  FoldState combine(const FoldState &a, const FoldState &b) override {
    if (kind == kernel::ReduceKind::Mul)
      return {combined<arith::MulFOp, arith::MulIOp>(a[0], b[0])};
    bool max = kind == kernel::ReduceKind::Max;
    if (isUnsigned)
      return {max ? make<arith::MaxUIOp>(a[0], b[0]) : make<arith::MinUIOp>(a[0], b[0])};
    return {max ? combined<arith::MaximumFOp, arith::MaxSIOp>(a[0], b[0])
                : combined<arith::MinimumFOp, arith::MinSIOp>(a[0], b[0])};
  }

private:
  TypedAttr start() {
    if (kind == kernel::ReduceKind::Mul)
      return number(1);
    bool max = kind == kernel::ReduceKind::Max;
    if (auto floating = dyn_cast<FloatType>(type))
      return g.builder.getFloatAttr(type, APFloat::getInf(floating.getFloatSemantics(), max));
    unsigned bits = type.getIntOrFloatBitWidth();
    APInt least = isUnsigned ? APInt::getZero(bits) : APInt::getSignedMinValue(bits);
    APInt greatest = isUnsigned ? APInt::getMaxValue(bits) : APInt::getSignedMaxValue(bits);
    return g.builder.getIntegerAttr(type, max ? least : greatest);
  }

  kernel::ReduceKind kind;
  bool isUnsigned;
};

/// State: the best value and its index; of equal values the lowest index wins, NaN beats all.
struct ArgExtreme : FoldBase {
  ArgExtreme(Generator &generator, kernel::ReduceOp op, Type value)
      : FoldBase(generator, op, value), max(op.getKind() == kernel::ReduceKind::ArgMax),
        isUnsigned(op.getIsUnsigned() || value.isInteger(1)) {
    int axis = g.kernel.axisIndex(op.getOver().front());
    index = g.axes[axis].extent < std::numeric_limits<int32_t>::max() ? g.builder.getI32Type()
                                                                      : g.builder.getI64Type();
  }
  FoldState identity(bool vector) override {
    APInt last = APInt::getSignedMaxValue(index.getIntOrFloatBitWidth());
    return {constant(worst(), vector), constant(g.builder.getIntegerAttr(index, last), vector)};
  }
  FoldState step(const FoldState &state, const FoldPoint &point, bool vector) override {
    FoldState next{operand(0, point, vector), place(point, index, vector)};
    Value better = betterThan(next, state);
    if (point.mask) {
      Value mask = point.mask;
      if (vector && !isa<VectorType>(mask.getType()))
        mask = g.broadcast(mask);
      better = make<arith::AndIOp>(better, mask);
    }
    return chosen(better, next, state);
  }
  FoldState combine(const FoldState &a, const FoldState &b) override {
    return chosen(betterThan(b, a), b, a);
  }

private:
  FoldState chosen(Value condition, const FoldState &a, const FoldState &b) {
    return {make<arith::SelectOp>(condition, a[0], b[0]), make<arith::SelectOp>(condition, a[1], b[1])};
  }
  Value betterThan(const FoldState &a, const FoldState &b) {
    Value less = make<arith::CmpIOp>(arith::CmpIPredicate::slt, a[1], b[1]);
    if (!isa<FloatType>(type)) {
      using P = arith::CmpIPredicate;
      P predicate = isUnsigned ? (max ? P::ugt : P::ult) : (max ? P::sgt : P::slt);
      Value equal = make<arith::CmpIOp>(P::eq, a[0], b[0]);
      return make<arith::OrIOp>(make<arith::CmpIOp>(predicate, a[0], b[0]), make<arith::AndIOp>(equal, less));
    }
    using P = arith::CmpFPredicate;
    Value bNumber = make<arith::CmpFOp>(P::ORD, b[0], b[0]), aNan = make<arith::CmpFOp>(P::UNO, a[0], a[0]);
    Value bNan = make<arith::CmpFOp>(P::UNO, b[0], b[0]);
    Value beats = make<arith::OrIOp>(make<arith::CmpFOp>(max ? P::OGT : P::OLT, a[0], b[0]),
                                     make<arith::AndIOp>(aNan, bNumber));
    Value equal =
        make<arith::OrIOp>(make<arith::CmpFOp>(P::OEQ, a[0], b[0]), make<arith::AndIOp>(aNan, bNan));
    return make<arith::OrIOp>(beats, make<arith::AndIOp>(equal, less));
  }
  TypedAttr worst() {
    if (auto floating = dyn_cast<FloatType>(type))
      return g.builder.getFloatAttr(type, APFloat::getInf(floating.getFloatSemantics(), max));
    unsigned bits = type.getIntOrFloatBitWidth();
    APInt least = isUnsigned ? APInt::getZero(bits) : APInt::getSignedMinValue(bits);
    APInt greatest = isUnsigned ? APInt::getMaxValue(bits) : APInt::getSignedMaxValue(bits);
    return g.builder.getIntegerAttr(type, max ? least : greatest);
  }

  bool max, isUnsigned;
  Type index;
};

struct Deviations : FoldBase {
  Deviations(Generator &generator, Operation *op, std::vector<Value> means)
      : FoldBase(generator, op, getElementTypeOrSelf(means.front().getType())), means(std::move(means)) {}
  FoldState identity(bool vector) override {
    Value zero = constant(number(0), vector);
    return {zero, zero};
  }
  FoldState step(const FoldState &state, const FoldPoint &point, bool vector) override {
    Value value = operand(0, point, vector);
    Value difference = make<arith::SubFOp>(value, g.toVectorIf(means[point.accumulator], vector));
    difference = masked(point, difference, constant(number(0), vector));
    return {make<arith::AddFOp>(state[0], difference),
            contracted<arith::AddFOp>(state[1], contracted<arith::MulFOp>(difference, difference))};
  }
  FoldState combine(const FoldState &a, const FoldState &b) override {
    return {make<arith::AddFOp>(a[0], b[0]), make<arith::AddFOp>(a[1], b[1])};
  }

private:
  std::vector<Value> means;
};

/// Squares of differences from means that need no correction.
struct Squares : FoldBase {
  Squares(Generator &generator, Operation *op, std::vector<Value> means)
      : FoldBase(generator, op, getElementTypeOrSelf(means.front().getType())), means(std::move(means)) {}
  FoldState identity(bool vector) override { return {constant(number(0), vector)}; }
  FoldState step(const FoldState &state, const FoldPoint &point, bool vector) override {
    Value value = operand(0, point, vector);
    Value difference = make<arith::SubFOp>(value, g.toVectorIf(means[point.accumulator], vector));
    difference = masked(point, difference, constant(number(0), vector));
    return {contracted<arith::AddFOp>(state[0], contracted<arith::MulFOp>(difference, difference))};
  }
  FoldState combine(const FoldState &a, const FoldState &b) override {
    return {make<arith::AddFOp>(a[0], b[0])};
  }

private:
  std::vector<Value> means;
};

} // namespace

std::unique_ptr<Fold> makeFold(Generator &generator, Operation *op, Type type) {
  if (isa<kernel::ContractOp>(op))
    return std::make_unique<Product>(generator, op, type);
  auto reduce = dyn_cast<kernel::ReduceOp>(op);
  if (!reduce)
    return std::make_unique<Sum>(generator, op, type);
  switch (reduce.getKind()) {
  case kernel::ReduceKind::Add:
    return std::make_unique<Sum>(generator, op, type);
  case kernel::ReduceKind::ArgMax:
  case kernel::ReduceKind::ArgMin:
    return std::make_unique<ArgExtreme>(generator, reduce, reduce.getSource().getType());
  default:
    return std::make_unique<Extreme>(generator, reduce, type);
  }
}

std::unique_ptr<Fold> makeDeviations(Generator &generator, Operation *op, std::vector<Value> means) {
  // Elements of 16 bits are no more than some hundred times larger than they differ: the mean in f32 is near enough.
  auto extend = op->getOperand(0).getDefiningOp<arith::ExtFOp>();
  if (extend && extend.getIn().getType().getIntOrFloatBitWidth() <= 16)
    return std::make_unique<Squares>(generator, op, std::move(means));
  return std::make_unique<Deviations>(generator, op, std::move(means));
}

} // namespace tgc::loop
