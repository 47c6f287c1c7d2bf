// The table of element-wise operations. Reals carry the size of what was summed: a sum adds the sizes of its
// operands, every other function passes them on times its derivative. An operand that was computed is off by a part
// of itself too, which a function that is steep there makes a larger part of its result (a sine near 0).
#include "compiler/kernel/evaluate/Scalar.h"

#include "compiler/kernel/Elements.h"
#include "compiler/kernel/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringMap.h"

#include <limits>

using namespace mlir;
using namespace tgc::kernel;
using namespace tgc::kernel::evaluator;

namespace {

using Context = const ScalarContext &;

template <auto F>
void row1(int64_t n, const Cell *const *in, const int64_t *step, Cell *out, Context context) {
  const Cell *a = in[0];
  for (int64_t i = 0; i < n; ++i, a += step[0])
    out[i] = F(*a, context);
}
template <auto F>
void row2(int64_t n, const Cell *const *in, const int64_t *step, Cell *out, Context context) {
  const Cell *a = in[0], *b = in[1];
  for (int64_t i = 0; i < n; ++i, a += step[0], b += step[1])
    out[i] = F(*a, *b, context);
}
template <auto F>
void row3(int64_t n, const Cell *const *in, const int64_t *step, Cell *out, Context context) {
  const Cell *a = in[0], *b = in[1], *c = in[2];
  for (int64_t i = 0; i < n; ++i, a += step[0], b += step[1], c += step[2])
    out[i] = F(*a, *b, *c, context);
}

struct Derived {
  double value, derivative;
};

/// A real function given with its derivative.
template <auto F>
constexpr RowFunction smooth() {
  return row1<[](const Cell &a, Context context) {
    Derived y = F(a.real);
    double size = std::max(a.scale, context.rounding * std::abs(a.real));
    return Cell::ofReal(y.value, size == 0 ? 0 : size * std::abs(y.derivative));
  }>;
}
/// A function whose steps make a derivative meaningless; its operands are rounded as the graph says.
template <auto F>
constexpr RowFunction stepwise() {
  return row1<[](const Cell &a, Context) { return Cell::ofReal(F(a.real)); }>;
}
template <auto F>
constexpr RowFunction integers() {
  return row2<[](const Cell &a, const Cell &b, Context context) {
    return Cell::ofInteger(wrapTo(F(a.integer, b.integer, context), context.resultType));
  }>;
}
template <auto F>
constexpr RowFunction convert() {
  return row1<[](const Cell &a, Context context) { return F(a, context); }>;
}

uint64_t asUnsigned(int64_t value, Context context) {
  unsigned width = context.operandType.getIntOrFloatBitWidth();
  return width >= 64 ? uint64_t(value) : uint64_t(value) & ((uint64_t(1) << width) - 1);
}
/// i1 is 0 or 1 here and 0 or -1 to signed operations.
int64_t asSigned(int64_t value, Context context) { return context.operandType.isInteger(1) ? -value : value; }

Cell sum(const Cell &a, const Cell &b, double value) {
  return Cell::ofReal(value, a.scale + b.scale + std::max(std::abs(a.real), std::abs(b.real)));
}
double larger(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }
double smaller(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }

template <auto F>
constexpr RowFunction choice() {
  return row2<[](const Cell &a, const Cell &b, Context) {
    return Cell::ofReal(F(a.real, b.real), std::max(a.scale, b.scale));
  }>;
}

bool compareReals(double a, double b, int64_t predicate) {
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (arith::CmpFPredicate(predicate)) {
  case arith::CmpFPredicate::AlwaysFalse:
    return false;
  case arith::CmpFPredicate::OEQ:
    return a == b;
  case arith::CmpFPredicate::OGT:
    return a > b;
  case arith::CmpFPredicate::OGE:
    return a >= b;
  case arith::CmpFPredicate::OLT:
    return a < b;
  case arith::CmpFPredicate::OLE:
    return a <= b;
  case arith::CmpFPredicate::ONE:
    return !unordered && a != b;
  case arith::CmpFPredicate::ORD:
    return !unordered;
  case arith::CmpFPredicate::UEQ:
    return unordered || a == b;
  case arith::CmpFPredicate::UGT:
    return unordered || a > b;
  case arith::CmpFPredicate::UGE:
    return unordered || a >= b;
  case arith::CmpFPredicate::ULT:
    return unordered || a < b;
  case arith::CmpFPredicate::ULE:
    return unordered || a <= b;
  case arith::CmpFPredicate::UNE:
    return unordered || a != b;
  case arith::CmpFPredicate::UNO:
    return unordered;
  case arith::CmpFPredicate::AlwaysTrue:
    return true;
  }
  return false;
}

bool compareIntegers(int64_t a, int64_t b, Context context) {
  uint64_t ua = asUnsigned(a, context), ub = asUnsigned(b, context);
  a = asSigned(a, context);
  b = asSigned(b, context);
  switch (arith::CmpIPredicate(context.predicate)) {
  case arith::CmpIPredicate::eq:
    return a == b;
  case arith::CmpIPredicate::ne:
    return a != b;
  case arith::CmpIPredicate::slt:
    return a < b;
  case arith::CmpIPredicate::sle:
    return a <= b;
  case arith::CmpIPredicate::sgt:
    return a > b;
  case arith::CmpIPredicate::sge:
    return a >= b;
  case arith::CmpIPredicate::ult:
    return ua < ub;
  case arith::CmpIPredicate::ule:
    return ua <= ub;
  case arith::CmpIPredicate::ugt:
    return ua > ub;
  case arith::CmpIPredicate::uge:
    return ua >= ub;
  }
  return false;
}

/// Out of range is undefined in arith; here it is the nearest value, and 0 for NaN.
template <typename Limit>
Cell toInteger(double value, Limit low, Limit high, Context context) {
  if (std::isnan(value))
    return Cell::ofInteger(0);
  value = std::trunc(value);
  Limit clamped = value <= double(low) ? low : value >= double(high) ? high : Limit(value);
  return Cell::ofInteger(wrapTo(int64_t(clamped), context.resultType));
}

Cell power(const Cell &a, const Cell &b, Context) {
  double y = std::pow(a.real, b.real), scale = 0;
  if (a.scale != 0)
    scale += a.scale * std::abs(b.real * std::pow(a.real, b.real - 1));
  if (b.scale != 0)
    scale += b.scale * std::abs(y * std::log(std::abs(a.real)));
  return Cell::ofReal(y, scale);
}

uint64_t divideUnsigned(uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; }
int64_t divideSigned(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? int64_t(0 - uint64_t(a)) : a / b; }
int64_t remainderSigned(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
int64_t shiftLeft(int64_t a, int64_t b) { return b < 0 || b > 63 ? 0 : int64_t(uint64_t(a) << b); }

const llvm::StringMap<RowFunction> &table() {
  using std::abs;
  static const llvm::StringMap<RowFunction> functions = {
      // arith on reals
      {"arith.addf", row2<[](const Cell &a, const Cell &b, Context) { return sum(a, b, a.real + b.real); }>},
      {"arith.subf", row2<[](const Cell &a, const Cell &b, Context) { return sum(a, b, a.real - b.real); }>},
      {"arith.mulf", row2<[](const Cell &a, const Cell &b, Context) {
         double scale = 0;
         if (a.scale != 0)
           scale += a.scale * abs(b.real);
         if (b.scale != 0)
           scale += b.scale * abs(a.real);
         return Cell::ofReal(a.real * b.real, scale);
       }>},
      {"arith.divf", row2<[](const Cell &a, const Cell &b, Context) {
         double y = a.real / b.real, scale = 0;
         if (a.scale != 0)
           scale += a.scale / abs(b.real);
         if (b.scale != 0)
           scale += b.scale * abs(y / b.real);
         return Cell::ofReal(y, scale);
       }>},
      {"arith.remf",
       row2<[](const Cell &a, const Cell &b, Context) { return Cell::ofReal(std::fmod(a.real, b.real)); }>},
      {"arith.negf", row1<[](const Cell &a, Context) { return Cell::ofReal(-a.real, a.scale); }>},
      {"arith.maximumf", choice<[](double a, double b) { return larger(a, b); }>()},
      {"arith.minimumf", choice<[](double a, double b) { return smaller(a, b); }>()},
      {"arith.maxnumf", choice<[](double a, double b) { return std::fmax(a, b); }>()},
      {"arith.minnumf", choice<[](double a, double b) { return std::fmin(a, b); }>()},
      {"arith.cmpf", row2<[](const Cell &a, const Cell &b, Context context) {
         return Cell::ofInteger(compareReals(a.real, b.real, context.predicate));
       }>},
      {"arith.extf", row1<[](const Cell &a, Context) { return a; }>},
      {"arith.truncf", row1<[](const Cell &a, Context) { return a; }>},
      {"arith.select",
       row3<[](const Cell &a, const Cell &b, const Cell &c, Context) { return a.integer ? b : c; }>},
      // conversions
      {"arith.sitofp", convert<[](const Cell &a, Context context) {
         return Cell::ofReal(double(asSigned(a.integer, context)));
       }>()},
      {"arith.uitofp", convert<[](const Cell &a, Context context) {
         return Cell::ofReal(double(asUnsigned(a.integer, context)));
       }>()},
      {"arith.fptosi", convert<[](const Cell &a, Context context) {
         unsigned width = context.resultType.getIntOrFloatBitWidth();
         int64_t high = std::numeric_limits<int64_t>::max() >> (64 - width);
         return toInteger<int64_t>(a.real, -high - 1, high, context);
       }>()},
      {"arith.fptoui", convert<[](const Cell &a, Context context) {
         unsigned width = context.resultType.getIntOrFloatBitWidth();
         return toInteger<uint64_t>(a.real, 0, std::numeric_limits<uint64_t>::max() >> (64 - width), context);
       }>()},
      {"arith.extsi", convert<[](const Cell &a, Context context) {
         return Cell::ofInteger(asSigned(a.integer, context));
       }>()},
      {"arith.extui", convert<[](const Cell &a, Context context) {
         return Cell::ofInteger(int64_t(asUnsigned(a.integer, context)));
       }>()},
      {"arith.trunci", convert<[](const Cell &a, Context context) {
         return Cell::ofInteger(wrapTo(a.integer, context.resultType));
       }>()},
      {"arith.bitcast", convert<[](const Cell &a, Context context) {
         char bytes[8] = {};
         bool fromReal = isa<FloatType>(context.operandType), toReal = isa<FloatType>(context.resultType);
         if (fromReal)
           writeReal(bytes, a.real, context.operandType);
         else
           writeInteger(bytes, a.integer, context.operandType);
         return toReal ? Cell::ofReal(readReal(bytes, context.resultType))
                       : Cell::ofInteger(readInteger(bytes, context.resultType));
       }>()},
      // integers
      {"arith.addi",
       integers<[](int64_t a, int64_t b, Context) { return int64_t(uint64_t(a) + uint64_t(b)); }>()},
      {"arith.subi",
       integers<[](int64_t a, int64_t b, Context) { return int64_t(uint64_t(a) - uint64_t(b)); }>()},
      {"arith.muli",
       integers<[](int64_t a, int64_t b, Context) { return int64_t(uint64_t(a) * uint64_t(b)); }>()},
      {"arith.divsi", integers<[](int64_t a, int64_t b, Context) { return divideSigned(a, b); }>()},
      {"arith.floordivsi", integers<[](int64_t a, int64_t b, Context) {
         return divideSigned(a, b) - (remainderSigned(a, b) != 0 && (a < 0) != (b < 0));
       }>()},
      {"arith.ceildivsi", integers<[](int64_t a, int64_t b, Context) {
         return divideSigned(a, b) + (remainderSigned(a, b) != 0 && (a < 0) == (b < 0));
       }>()},
      {"arith.divui", integers<[](int64_t a, int64_t b, Context c) {
         return int64_t(divideUnsigned(asUnsigned(a, c), asUnsigned(b, c)));
       }>()},
      {"arith.remsi", integers<[](int64_t a, int64_t b, Context) { return remainderSigned(a, b); }>()},
      {"arith.remui", integers<[](int64_t a, int64_t b, Context c) {
         uint64_t divisor = asUnsigned(b, c);
         return divisor == 0 ? 0 : int64_t(asUnsigned(a, c) % divisor);
       }>()},
      {"arith.andi", integers<[](int64_t a, int64_t b, Context) { return a & b; }>()},
      {"arith.ori", integers<[](int64_t a, int64_t b, Context) { return a | b; }>()},
      {"arith.xori", integers<[](int64_t a, int64_t b, Context) { return a ^ b; }>()},
      {"arith.shli", integers<[](int64_t a, int64_t b, Context) { return shiftLeft(a, b); }>()},
      {"arith.shrsi",
       integers<[](int64_t a, int64_t b, Context) { return a >> (b < 0 || b > 63 ? 63 : b); }>()},
      {"arith.shrui", integers<[](int64_t a, int64_t b, Context c) {
         return b < 0 || b > 63 ? 0 : int64_t(asUnsigned(a, c) >> b);
       }>()},
      {"arith.maxsi", integers<[](int64_t a, int64_t b, Context) { return std::max(a, b); }>()},
      {"arith.minsi", integers<[](int64_t a, int64_t b, Context) { return std::min(a, b); }>()},
      {"arith.maxui", integers<[](int64_t a, int64_t b, Context c) {
         return asUnsigned(a, c) > asUnsigned(b, c) ? a : b;
       }>()},
      {"arith.minui", integers<[](int64_t a, int64_t b, Context c) {
         return asUnsigned(a, c) < asUnsigned(b, c) ? a : b;
       }>()},
      {"arith.cmpi", row2<[](const Cell &a, const Cell &b, Context context) {
         return Cell::ofInteger(compareIntegers(a.integer, b.integer, context));
       }>},
      {"math.absi", convert<[](const Cell &a, Context context) {
         return Cell::ofInteger(
             wrapTo(a.integer < 0 ? int64_t(0 - uint64_t(a.integer)) : a.integer, context.resultType));
       }>()},
      // math
      {"math.absf", row1<[](const Cell &a, Context) { return Cell::ofReal(abs(a.real), a.scale); }>},
      {"math.exp", smooth<[](double x) {
         double y = std::exp(x);
         return Derived{y, y};
       }>()},
      {"math.exp2", smooth<[](double x) {
         double y = std::exp2(x);
         return Derived{y, y * M_LN2};
       }>()},
      {"math.expm1", smooth<[](double x) {
         double y = std::expm1(x);
         return Derived{y, y + 1};
       }>()},
      {"math.log", smooth<[](double x) { return Derived{std::log(x), 1 / x}; }>()},
      {"math.log2", smooth<[](double x) { return Derived{std::log2(x), 1 / (x * M_LN2)}; }>()},
      {"math.log10", smooth<[](double x) { return Derived{std::log10(x), 1 / (x * M_LN10)}; }>()},
      {"math.log1p", smooth<[](double x) { return Derived{std::log1p(x), 1 / (1 + x)}; }>()},
      // Near 0 an error e of the operand shows as √e, not as a multiple of e.
      {"math.sqrt", row1<[](const Cell &a, Context) {
         double scale = a.scale == 0 ? 0 : a.scale * 0.5 / std::sqrt(std::max(a.real, a.scale * 1e-6));
         return Cell::ofReal(std::sqrt(a.real), scale);
       }>},
      {"math.rsqrt", smooth<[](double x) {
         double y = 1 / std::sqrt(x);
         return Derived{y, 0.5 * y / x};
       }>()},
      {"math.cbrt", smooth<[](double x) {
         double y = std::cbrt(x);
         return Derived{y, y / (3 * x)};
       }>()},
      {"math.sin", smooth<[](double x) { return Derived{std::sin(x), std::cos(x)}; }>()},
      {"math.cos", smooth<[](double x) { return Derived{std::cos(x), std::sin(x)}; }>()},
      {"math.tan", smooth<[](double x) {
         double y = std::tan(x);
         return Derived{y, 1 + y * y};
       }>()},
      {"math.asin", smooth<[](double x) { return Derived{std::asin(x), 1 / std::sqrt(1 - x * x)}; }>()},
      {"math.acos", smooth<[](double x) { return Derived{std::acos(x), 1 / std::sqrt(1 - x * x)}; }>()},
      {"math.atan", smooth<[](double x) { return Derived{std::atan(x), 1 / (1 + x * x)}; }>()},
      {"math.sinh", smooth<[](double x) { return Derived{std::sinh(x), std::cosh(x)}; }>()},
      {"math.cosh", smooth<[](double x) { return Derived{std::cosh(x), std::sinh(x)}; }>()},
      {"math.tanh", smooth<[](double x) {
         double y = std::tanh(x);
         return Derived{y, 1 - y * y};
       }>()},
      {"math.asinh", smooth<[](double x) { return Derived{std::asinh(x), 1 / std::sqrt(x * x + 1)}; }>()},
      {"math.acosh", smooth<[](double x) { return Derived{std::acosh(x), 1 / std::sqrt(x * x - 1)}; }>()},
      {"math.atanh", smooth<[](double x) { return Derived{std::atanh(x), 1 / (1 - x * x)}; }>()},
      {"math.erf", smooth<[](double x) { return Derived{std::erf(x), M_2_SQRTPI * std::exp(-x * x)}; }>()},
      {"math.floor", stepwise<[](double x) { return std::floor(x); }>()},
      {"math.ceil", stepwise<[](double x) { return std::ceil(x); }>()},
      {"math.trunc", stepwise<[](double x) { return std::trunc(x); }>()},
      {"math.round", stepwise<[](double x) { return std::round(x); }>()},
      {"math.roundeven", stepwise<[](double x) { return std::nearbyint(x); }>()},
      {"math.powf", row2<power>},
      {"math.fpowi", row2<[](const Cell &a, const Cell &b, Context context) {
         return power(a, Cell::ofReal(double(b.integer)), context);
       }>},
      {"math.ipowi", integers<[](int64_t a, int64_t b, Context) {
         if (b < 0)
           return a == 1 ? int64_t(1) : a == -1 ? int64_t(b % 2 ? -1 : 1) : int64_t(0);
         uint64_t result = 1, base = uint64_t(a);
         for (; b > 0; b >>= 1, base *= base)
           if (b & 1)
             result *= base;
         return int64_t(result);
       }>()},
      {"math.atan2", row2<[](const Cell &a, const Cell &b, Context) {
         double square = a.real * a.real + b.real * b.real;
         return Cell::ofReal(std::atan2(a.real, b.real),
                             square == 0 ? 0 : (a.scale * abs(b.real) + b.scale * abs(a.real)) / square);
       }>},
      {"math.copysign", row2<[](const Cell &a, const Cell &b, Context) {
         return Cell::ofReal(std::copysign(a.real, b.real), a.scale);
       }>},
      {"math.fma", row3<[](const Cell &a, const Cell &b, const Cell &c, Context) {
         Cell product = Cell::ofReal(a.real * b.real, a.scale * abs(b.real) + b.scale * abs(a.real));
         return sum(product, c, std::fma(a.real, b.real, c.real));
       }>},
  };
  return functions;
}

} // namespace

RowFunction tgc::kernel::evaluator::rowFunction(Operation *op) {
  return table().lookup(op->getName().getStringRef());
}

/// Whether a value is the result of arithmetic that rounds, not one that was loaded or only moved.
static bool isComputed(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<LoadOp, GatherOp, CoordOp>(op) || op->hasTrait<OpTrait::ConstantLike>())
    return false;
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op))
    return false;
  if (isa<arith::ExtFOp, arith::TruncFOp, arith::NegFOp, math::AbsFOp, arith::SelectOp, RemapOp>(op))
    return llvm::any_of(op->getOperands(), [](Value operand) {
      return isa<FloatType>(operand.getType()) && isComputed(operand);
    });
  return isa<FloatType>(value.getType());
}

ScalarContext tgc::kernel::evaluator::scalarContext(Operation *op) {
  ScalarContext context;
  if (op->getNumOperands() > 0) {
    context.operandType = op->getOperand(0).getType();
    context.rounding = isComputed(op->getOperand(0));
  }
  context.resultType = op->getResult(0).getType();
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    context.predicate = int64_t(compare.getPredicate());
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    context.predicate = int64_t(compare.getPredicate());
  return context;
}
