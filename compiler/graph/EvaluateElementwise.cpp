// Element-wise operations of the graph stage: one table from operation name to scalar function.
#include "compiler/graph/Evaluate.h"
#include "compiler/support/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"
#include <bit>
#include <cmath>

using namespace mlir;

namespace tgc::graph {
namespace {

using FloatUnary = double (*)(double);
using FloatBinary = double (*)(double, double);
using IntBinary = int64_t (*)(int64_t, int64_t);
using WidthBinary = int64_t (*)(int64_t, int64_t, unsigned width);

double propagatingMax(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return NAN;
  return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
}
double propagatingMin(double a, double b) { return -propagatingMax(-a, -b); }

const llvm::StringMap<FloatUnary> &floatUnary() {
  static const llvm::StringMap<FloatUnary> table = {
      {"arith.negf", [](double x) { return -x; }},
      {"math.absf", [](double x) { return std::fabs(x); }},
      {"math.acos", [](double x) { return std::acos(x); }},
      {"math.acosh", [](double x) { return std::acosh(x); }},
      {"math.asin", [](double x) { return std::asin(x); }},
      {"math.asinh", [](double x) { return std::asinh(x); }},
      {"math.atan", [](double x) { return std::atan(x); }},
      {"math.atanh", [](double x) { return std::atanh(x); }},
      {"math.cbrt", [](double x) { return std::cbrt(x); }},
      {"math.ceil", [](double x) { return std::ceil(x); }},
      {"math.cos", [](double x) { return std::cos(x); }},
      {"math.cosh", [](double x) { return std::cosh(x); }},
      {"math.erf", [](double x) { return std::erf(x); }},
      {"math.exp", [](double x) { return std::exp(x); }},
      {"math.exp2", [](double x) { return std::exp2(x); }},
      {"math.expm1", [](double x) { return std::expm1(x); }},
      {"math.floor", [](double x) { return std::floor(x); }},
      {"math.log", [](double x) { return std::log(x); }},
      {"math.log10", [](double x) { return std::log10(x); }},
      {"math.log1p", [](double x) { return std::log1p(x); }},
      {"math.log2", [](double x) { return std::log2(x); }},
      {"math.round", [](double x) { return std::round(x); }},
      {"math.roundeven", [](double x) { return std::nearbyint(x); }},
      {"math.rsqrt", [](double x) { return 1 / std::sqrt(x); }},
      {"math.sin", [](double x) { return std::sin(x); }},
      {"math.sinh", [](double x) { return std::sinh(x); }},
      {"math.sqrt", [](double x) { return std::sqrt(x); }},
      {"math.tan", [](double x) { return std::tan(x); }},
      {"math.tanh", [](double x) { return std::tanh(x); }},
      {"math.trunc", [](double x) { return std::trunc(x); }},
  };
  return table;
}

const llvm::StringMap<FloatBinary> &floatBinary() {
  static const llvm::StringMap<FloatBinary> table = {
      {"arith.addf", [](double a, double b) { return a + b; }},
      {"arith.subf", [](double a, double b) { return a - b; }},
      {"arith.mulf", [](double a, double b) { return a * b; }},
      {"arith.divf", [](double a, double b) { return a / b; }},
      {"arith.remf", [](double a, double b) { return std::fmod(a, b); }},
      {"arith.maximumf", propagatingMax},
      {"arith.minimumf", propagatingMin},
      {"arith.maxnumf", [](double a, double b) { return std::fmax(a, b); }},
      {"arith.minnumf", [](double a, double b) { return std::fmin(a, b); }},
      {"math.atan2", [](double a, double b) { return std::atan2(a, b); }},
      {"math.copysign", [](double a, double b) { return std::copysign(a, b); }},
      {"math.powf", [](double a, double b) { return std::pow(a, b); }},
  };
  return table;
}

/// On operands sign-extended to 64 bits; the result is wrapped by the caller.
const llvm::StringMap<IntBinary> &intBinary() {
  static const llvm::StringMap<IntBinary> table = {
      {"arith.addi", [](int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }},
      {"arith.subi", [](int64_t a, int64_t b) { return int64_t(uint64_t(a) - uint64_t(b)); }},
      {"arith.muli", [](int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }},
      {"arith.andi", [](int64_t a, int64_t b) { return a & b; }},
      {"arith.ori", [](int64_t a, int64_t b) { return a | b; }},
      {"arith.xori", [](int64_t a, int64_t b) { return a ^ b; }},
      {"arith.maxsi", [](int64_t a, int64_t b) { return std::max(a, b); }},
      {"arith.minsi", [](int64_t a, int64_t b) { return std::min(a, b); }},
  };
  return table;
}

uint64_t zeroExtended(int64_t value, unsigned width) {
  return width >= 64 ? uint64_t(value) : uint64_t(value) & ((uint64_t(1) << width) - 1);
}

void requireDivisor(int64_t b) {
  if (b == 0)
    badInput("integer division by zero");
}

/// Operations that look at the width: unsigned readings, shifts, division.
const llvm::StringMap<WidthBinary> &widthBinary() {
  static const llvm::StringMap<WidthBinary> table = {
      {"arith.divsi",
       [](int64_t a, int64_t b, unsigned) {
         requireDivisor(b);
         return b == -1 ? int64_t(-uint64_t(a)) : a / b;
       }},
      {"arith.remsi",
       [](int64_t a, int64_t b, unsigned) {
         requireDivisor(b);
         return b == -1 ? 0 : a % b;
       }},
      {"arith.floordivsi",
       [](int64_t a, int64_t b, unsigned) {
         requireDivisor(b);
         return b == -1 ? int64_t(-uint64_t(a)) : a / b - (a % b != 0 && (a % b < 0) != (b < 0));
       }},
      {"arith.divui",
       [](int64_t a, int64_t b, unsigned width) {
         requireDivisor(b);
         return int64_t(zeroExtended(a, width) / zeroExtended(b, width));
       }},
      {"arith.remui",
       [](int64_t a, int64_t b, unsigned width) {
         requireDivisor(b);
         return int64_t(zeroExtended(a, width) % zeroExtended(b, width));
       }},
      {"arith.maxui", [](int64_t a, int64_t b,
                         unsigned width) { return zeroExtended(a, width) > zeroExtended(b, width) ? a : b; }},
      {"arith.minui", [](int64_t a, int64_t b,
                         unsigned width) { return zeroExtended(a, width) < zeroExtended(b, width) ? a : b; }},
      {"arith.shli",
       [](int64_t a, int64_t b, unsigned width) {
         uint64_t n = zeroExtended(b, width);
         return n >= width ? 0 : int64_t(uint64_t(a) << n);
       }},
      {"arith.shrui",
       [](int64_t a, int64_t b, unsigned width) {
         uint64_t n = zeroExtended(b, width);
         return n >= width ? 0 : int64_t(zeroExtended(a, width) >> n);
       }},
      {"arith.shrsi", [](int64_t a, int64_t b,
                         unsigned width) { return a >> std::min<uint64_t>(zeroExtended(b, width), 63); }},
  };
  return table;
}

bool compareFloats(arith::CmpFPredicate predicate, double a, double b) {
  bool unordered = std::isnan(a) || std::isnan(b);
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::OEQ:
    return a == b;
  case P::OGT:
    return a > b;
  case P::OGE:
    return a >= b;
  case P::OLT:
    return a < b;
  case P::OLE:
    return a <= b;
  case P::ONE:
    return !unordered && a != b;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || a == b;
  case P::UGT:
    return unordered || a > b;
  case P::UGE:
    return unordered || a >= b;
  case P::ULT:
    return unordered || a < b;
  case P::ULE:
    return unordered || a <= b;
  case P::UNE:
    return a != b;
  case P::UNO:
    return unordered;
  case P::AlwaysTrue:
    return true;
  }
  return false;
}

bool compareInts(arith::CmpIPredicate predicate, int64_t a, int64_t b, unsigned width) {
  uint64_t ua = zeroExtended(a, width), ub = zeroExtended(b, width);
  // i1 is held as 0 or 1; its signed reading is 0 or -1.
  if (width == 1) {
    a = -a;
    b = -b;
  }
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return ua == ub;
  case P::ne:
    return ua != ub;
  case P::slt:
    return a < b;
  case P::sle:
    return a <= b;
  case P::sgt:
    return a > b;
  case P::sge:
    return a >= b;
  case P::ult:
    return ua < ub;
  case P::ule:
    return ua <= ub;
  case P::ugt:
    return ua > ub;
  case P::uge:
    return ua >= ub;
  }
  return false;
}

/// Out-of-range and NaN conversions are defined here as saturating and 0, so that no input is undefined.
int64_t floatToInt(double value, unsigned width, bool isUnsigned) {
  if (std::isnan(value))
    return 0;
  value = std::trunc(value);
  double low = isUnsigned ? 0 : -std::ldexp(1.0, width - 1);
  double high = std::ldexp(1.0, isUnsigned ? width : width - 1);
  if (value < low)
    return isUnsigned ? 0 : width >= 64 ? INT64_MIN : -(int64_t(1) << (width - 1));
  if (value >= high)
    return isUnsigned ? int64_t(zeroExtended(-1, width)) : int64_t(zeroExtended(-1, width - 1));
  return isUnsigned ? int64_t(uint64_t(value)) : int64_t(value);
}

bool evaluateConversion(Operation *op, StringRef name, const HostTensor &in, HostTensor &out) {
  unsigned width = in.element.getIntOrFloatBitWidth();
  unsigned outWidth = out.element.getIntOrFloatBitWidth();
  if (name == "arith.extf" || name == "arith.truncf") {
    auto type = cast<FloatType>(out.element);
    for (size_t i = 0; i < out.floats.size(); ++i)
      out.floats[i] = name == "arith.extf" ? in.floats[i] : roundToType(in.floats[i], type);
  } else if (name == "arith.sitofp" || name == "arith.uitofp") {
    bool isSigned = name == "arith.sitofp";
    auto type = cast<FloatType>(out.element);
    for (size_t i = 0; i < out.floats.size(); ++i) {
      int64_t v = width == 1 && isSigned ? -in.ints[i] : in.ints[i];
      out.floats[i] = roundToType(isSigned ? double(v) : double(zeroExtended(v, width)), type);
    }
  } else if (name == "arith.fptosi" || name == "arith.fptoui") {
    for (size_t i = 0; i < out.ints.size(); ++i)
      out.ints[i] = wrapToType(floatToInt(in.floats[i], outWidth, name == "arith.fptoui"), out.element);
  } else if (name == "arith.extsi" || name == "arith.trunci" || name == "arith.extui") {
    for (size_t i = 0; i < out.ints.size(); ++i) {
      int64_t v = in.ints[i];
      if (name == "arith.extui")
        v = int64_t(zeroExtended(v, width));
      else if (name == "arith.extsi" && width == 1)
        v = -v;
      out.ints[i] = wrapToType(v, out.element);
    }
  } else if (name == "arith.bitcast") {
    unsupported("arith.bitcast in the evaluator");
  } else {
    return false;
  }
  return true;
}

} // namespace

bool evaluateElementwise(Operation *op, ArrayRef<HostTensorPtr> operands, HostTensor &result) {
  StringRef name = op->getName().getStringRef();
  size_t count = result.size();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto elements = dyn_cast<ElementsAttr>(constant.getValue());
    if (!elements)
      unsupported("constant that is not a tensor");
    result = fromAttribute(elements);
    return true;
  }
  if (operands.size() == 1) {
    const HostTensor &x = *operands[0];
    if (auto it = floatUnary().find(name); it != floatUnary().end()) {
      for (size_t i = 0; i < count; ++i)
        result.floats[i] = it->second(x.floats[i]);
      return true;
    }
    if (name == "math.absi" || name == "math.ctpop") {
      unsigned width = x.element.getIntOrFloatBitWidth();
      for (size_t i = 0; i < count; ++i) {
        int64_t v = x.ints[i];
        if (name == "math.absi")
          v = v < 0 ? int64_t(-uint64_t(v)) : v;
        else
          v = std::popcount(zeroExtended(v, width));
        result.ints[i] = wrapToType(v, result.element);
      }
      return true;
    }
    return evaluateConversion(op, name, x, result);
  }
  if (operands.size() == 2) {
    const HostTensor &a = *operands[0], &b = *operands[1];
    if (auto it = floatBinary().find(name); it != floatBinary().end()) {
      for (size_t i = 0; i < count; ++i)
        result.floats[i] = it->second(a.floats[i], b.floats[i]);
      return true;
    }
    if (auto it = intBinary().find(name); it != intBinary().end()) {
      for (size_t i = 0; i < count; ++i)
        result.ints[i] = wrapToType(it->second(a.ints[i], b.ints[i]), result.element);
      return true;
    }
    unsigned width = a.element.getIntOrFloatBitWidth();
    if (auto it = widthBinary().find(name); it != widthBinary().end()) {
      for (size_t i = 0; i < count; ++i)
        result.ints[i] = wrapToType(it->second(a.ints[i], b.ints[i], width), result.element);
      return true;
    }
    if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
      for (size_t i = 0; i < count; ++i)
        result.ints[i] = compareFloats(compare.getPredicate(), a.floats[i], b.floats[i]);
      return true;
    }
    if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
      for (size_t i = 0; i < count; ++i)
        result.ints[i] = compareInts(compare.getPredicate(), a.ints[i], b.ints[i], width);
      return true;
    }
    return false;
  }
  if (name == "math.fma") {
    for (size_t i = 0; i < count; ++i)
      result.floats[i] = std::fma(operands[0]->floats[i], operands[1]->floats[i], operands[2]->floats[i]);
    return true;
  }
  if (name == "arith.select") {
    const HostTensor &condition = *operands[0];
    bool whole = condition.size() == 1; // a scalar condition chooses between whole tensors
    for (size_t i = 0; i < count; ++i) {
      const HostTensor &chosen = *operands[condition.ints[whole ? 0 : i] ? 1 : 2];
      if (result.isFloat())
        result.floats[i] = chosen.floats[i];
      else
        result.ints[i] = chosen.ints[i];
    }
    return true;
  }
  return false;
}

} // namespace tgc::graph
