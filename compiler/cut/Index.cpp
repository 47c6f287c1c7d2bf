// Unification of an access with a placement, in digits.
//
// 1. The dimensions of the domain are split into mixed-radix digits until the access is linear in them.
// 2. Every result of the access, constant + Σ stride · digit, is compared with the same result of the target's
//    placement, constant + Σ stride · axis, from the smallest stride up. Digits and axes of equal stride and extent
//    are the same; where extents differ the longer one is split and the comparison starts again; axes without a
//    digit are pinned to a value; a digit on part of an axis becomes axis - offset under a condition.
// 3. Digits put together give the dimensions as functions of the axes.
#include "compiler/cut/Index.h"

#include "compiler/affine/Ranges.h"
#include <algorithm>
#include <numeric>
#include <set>

using namespace mlir;
using llvm::SmallVector;

namespace tgc::cut {

void Conditions::add(AffineExpr expr, bool equality) {
  for (auto [known, equal] : llvm::zip(exprs, equalities))
    if (known == expr && equal == equality)
      return;
  exprs.push_back(expr);
  equalities.push_back(equality);
}

void Conditions::add(const Conditions &other) {
  for (auto [expr, equality] : llvm::zip(other.exprs, other.equalities))
    add(expr, equality);
}

void Conditions::add(IntegerSet set, ArrayRef<AffineExpr> index) {
  if (!set)
    return;
  for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags()))
    add(expr.replaceDims(index), equality);
}

Conditions Conditions::replaced(ArrayRef<AffineExpr> dims) const {
  return {replaceDims(exprs, dims), equalities};
}

void Conditions::simplify(Extents extents) {
  if (exprs.empty())
    return;
  MLIRContext *context = exprs.front().getContext();
  IntegerSet set = affine::simplify(toSet(context, extents.size()), extents);
  *this = {};
  for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags()))
    if (!equality || expr != 0)
      add(expr, equality);
}

bool Conditions::neverHold() const {
  return exprs.size() == 1 && !equalities[0] && isa<AffineConstantExpr>(exprs[0]) &&
         cast<AffineConstantExpr>(exprs[0]).getValue() < 0;
}

IntegerSet Conditions::toSet(MLIRContext *context, unsigned dims) const {
  if (exprs.empty())
    return IntegerSet::get(dims, 0, getAffineConstantExpr(0, context), /*eqFlags=*/true);
  return IntegerSet::get(dims, 0, exprs, equalities);
}

Exprs applySplit(Split split, SmallVectorImpl<int64_t> &extents, MLIRContext *context) {
  Exprs old;
  for (unsigned axis = 0; axis < extents.size(); ++axis) {
    AffineExpr dim = getAffineDimExpr(axis + (axis > split.axis), context);
    old.push_back(axis == split.axis ? dim * split.inner + getAffineDimExpr(axis + 1, context) : dim);
  }
  extents[split.axis] /= split.inner;
  extents.insert(extents.begin() + split.axis + 1, split.inner);
  return old;
}

static bool addLinear(AffineExpr expr, int64_t factor, LinearForm &form) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    form.constant += factor * constant.getValue();
    return true;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    form.coefficients[dim.getPosition()] += factor;
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (expr.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), factor, form) && addLinear(binary.getRHS(), factor, form);
  auto right = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return expr.getKind() == AffineExprKind::Mul && right &&
         addLinear(binary.getLHS(), factor * right.getValue(), form);
}

std::optional<LinearForm> linearForm(AffineExpr expr, unsigned dims) {
  LinearForm form;
  form.coefficients.assign(dims, 0);
  if (!addLinear(expr, 1, form))
    return std::nullopt;
  return form;
}

Exprs replaceDims(ArrayRef<AffineExpr> exprs, ArrayRef<AffineExpr> dims) {
  return llvm::map_to_vector(exprs, [&](AffineExpr expr) { return expr.replaceDims(dims); });
}

Exprs simplified(ArrayRef<AffineExpr> exprs, Extents extents) {
  return llvm::map_to_vector(exprs, [&](AffineExpr expr) { return affine::simplify(expr, extents); });
}

Exprs identityIndex(Extents extents, MLIRContext *context) {
  Exprs index;
  for (auto [i, extent] : llvm::enumerate(extents))
    index.push_back(extent == 1 ? getAffineConstantExpr(0, context) : getAffineDimExpr(i, context));
  return index;
}

AffineExpr linearise(ArrayRef<AffineExpr> index, Extents shape, MLIRContext *context) {
  AffineExpr position = getAffineConstantExpr(0, context);
  for (auto [expr, extent] : llvm::zip(index, shape))
    position = position * extent + expr;
  return position;
}

Exprs delinearise(AffineExpr position, Extents shape) {
  Exprs index(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    index[i] = i == 0 ? position.floorDiv(stride) : position.floorDiv(stride) % shape[i];
    stride *= shape[i];
  }
  return index;
}

namespace {

/// A dimension as it occurs in an expression: (numerator / denominator) · d, rounded somewhere below.
struct Occurrence {
  unsigned dim;
  int64_t numerator, denominator;
};

/// Collects where dimensions must be split for floordiv and mod by constants to disappear.
SmallVector<Occurrence> collectBreaks(AffineExpr expr, std::vector<std::set<int64_t>> &breaks) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return {{dim.getPosition(), 1, 1}};
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return {};
  SmallVector<Occurrence> found = collectBreaks(binary.getLHS(), breaks);
  if (expr.getKind() == AffineExprKind::Add) {
    found.append(collectBreaks(binary.getRHS(), breaks));
    return found;
  }
  auto right = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!right || right.getValue() <= 0)
    return {};
  int64_t c = right.getValue();
  for (Occurrence &occurrence : found) {
    if (expr.getKind() == AffineExprKind::Mul) {
      occurrence.numerator *= c;
      continue;
    }
    int64_t scaled = c * occurrence.denominator;
    if (scaled % occurrence.numerator == 0)
      breaks[occurrence.dim].insert(scaled / occurrence.numerator);
    if (expr.getKind() == AffineExprKind::FloorDiv)
      occurrence.denominator = scaled;
  }
  return found;
}

} // namespace

std::optional<SmallVector<Split>> digitSplits(ArrayRef<AffineExpr> exprs, Extents extents) {
  std::vector<std::set<int64_t>> breaks(extents.size());
  for (AffineExpr expr : exprs)
    collectBreaks(expr, breaks);
  SmallVector<Split> splits;
  // From the last dimension, so that the positions of those before stay; within one, the largest break first.
  for (size_t dim = extents.size(); dim-- > 0;) {
    int64_t above = extents[dim];
    unsigned position = dim;
    for (int64_t at : llvm::reverse(breaks[dim])) {
      if (at <= 1 || at >= above)
        continue;
      if (above % at != 0)
        return std::nullopt;
      splits.push_back({position++, at});
      above = at;
    }
  }
  return splits;
}

namespace {

struct Term {
  unsigned id;
  int64_t stride, extent;
};

/// The dimensions of a tensor as digits, and an access that is linear in the digits.
struct Digits {
  SmallVector<int64_t> extents;
  Exprs dims;   ///< the tensor's dimensions over the digits
  Exprs access; ///< over the digits

  bool init(Extents domain, ArrayRef<AffineExpr> exprs, MLIRContext *context) {
    auto splits = digitSplits(exprs, domain);
    if (!splits)
      return false;
    extents.assign(domain.begin(), domain.end());
    dims = identityIndex(domain, context);
    for (Split at : *splits)
      dims = replaceDims(dims, applySplit(at, extents, context));
    access = simplified(replaceDims(exprs, dims), extents);
    return true;
  }

  void split(Split at, MLIRContext *context) {
    Exprs old = applySplit(at, extents, context);
    dims = replaceDims(dims, old);
    access = replaceDims(access, old);
  }
};

/// Positive strides in ascending order; nothing if a stride is negative.
std::optional<SmallVector<Term>> sortedTerms(const LinearForm &form, Extents extents) {
  SmallVector<Term> terms;
  for (auto [id, stride] : llvm::enumerate(form.coefficients)) {
    if (stride < 0)
      return std::nullopt;
    if (stride > 0 && extents[id] > 1)
      terms.push_back({unsigned(id), stride, extents[id]});
  }
  llvm::sort(terms, [](const Term &a, const Term &b) { return a.stride < b.stride; });
  return terms;
}

enum class Outcome { Done, Fail, Again };

class Matcher {
public:
  Matcher(Digits &digits, SmallVector<int64_t> &axes, MLIRContext *context)
      : digits(digits), axes(axes), context(context), digitValue(digits.extents.size()) {}

  Outcome match(const LinearForm &access, const LinearForm &target) {
    auto digitTerms = sortedTerms(access, digits.extents), axisTerms = sortedTerms(target, axes);
    if (!digitTerms || !axisTerms)
      return Outcome::Fail;
    // Σ stride · axis = offset + Σ stride · digit
    int64_t offset = access.constant - target.constant;
    if (offset < 0)
      return Outcome::Fail;
    size_t next = 0;
    for (auto [i, digit] : llvm::enumerate(*digitTerms)) {
      for (; next < axisTerms->size() && (*axisTerms)[next].stride < digit.stride; ++next) {
        const Term &axis = (*axisTerms)[next];
        if (digit.stride % axis.stride != 0)
          return Outcome::Fail;
        int64_t ratio = digit.stride / axis.stride;
        if (axis.extent > ratio)
          return splitAxis(axis, ratio);
        int64_t above = digit.stride;
        if (next + 1 < axisTerms->size())
          above = std::min(above, (*axisTerms)[next + 1].stride);
        if (!pin(axis, above, offset))
          return Outcome::Fail;
      }
      if (next == axisTerms->size() || (*axisTerms)[next].stride != digit.stride || digitValue[digit.id])
        return Outcome::Fail;
      bool last = i + 1 == digitTerms->size();
      Outcome outcome = place(digit, (*axisTerms)[next], last ? 0 : (*digitTerms)[i + 1].stride, offset);
      if (outcome != Outcome::Done)
        return outcome;
      ++next;
    }
    for (; next < axisTerms->size(); ++next)
      if (!pin((*axisTerms)[next], next + 1 < axisTerms->size() ? (*axisTerms)[next + 1].stride : 0, offset))
        return Outcome::Fail;
    return offset == 0 ? Outcome::Done : Outcome::Fail;
  }

  /// Digits without a value, in order, are axes that nothing uses.
  void takeUnusedAxes() {
    auto used = [&](unsigned axis) {
      auto uses = [&](AffineExpr expr) { return expr && expr.isFunctionOfDim(axis); };
      return axes[axis] == 1 || llvm::any_of(digitValue, uses) || llvm::any_of(pins.exprs, uses);
    };
    unsigned axis = 0;
    for (auto [value, extent] : llvm::zip(digitValue, digits.extents)) {
      if (value || extent == 1)
        continue;
      while (axis < axes.size() && (used(axis) || axes[axis] != extent))
        ++axis;
      if (axis == axes.size())
        return;
      value = getAffineDimExpr(axis, context);
    }
  }

  Digits &digits;
  SmallVector<int64_t> &axes;
  MLIRContext *context;
  Exprs digitValue; ///< over the axes, once found
  Conditions pins;
  std::optional<Split> axisSplit;

private:
  Outcome splitAxis(const Term &axis, int64_t inner) {
    if (inner <= 1 || axis.extent % inner != 0)
      return Outcome::Fail;
    axisSplit = Split{axis.id, inner};
    return Outcome::Again;
  }

  /// Fixes an axis that no digit uses to its digit of `offset`; the stride above is `above`, 0 at the top.
  bool pin(const Term &axis, int64_t above, int64_t &offset) {
    if (offset % axis.stride != 0 || (above != 0 && above % axis.stride != 0))
      return false;
    int64_t value = offset / axis.stride;
    if (above != 0)
      value %= above / axis.stride;
    if (value >= axis.extent)
      return false;
    pins.add(getAffineDimExpr(axis.id, context) - value, /*equality=*/true);
    offset -= value * axis.stride;
    return true;
  }

  /// A digit and an axis of one stride; `above` is the next digit's stride, 0 for the last digit.
  Outcome place(const Term &digit, const Term &axis, int64_t above, int64_t &offset) {
    if (offset % digit.stride != 0 || (above != 0 && above % digit.stride != 0))
      return Outcome::Fail;
    int64_t start = offset / digit.stride;
    if (axis.extent < digit.extent) {
      if (digit.extent % axis.extent != 0 || start % axis.extent != 0)
        return Outcome::Fail;
      digits.split({digit.id, axis.extent}, context);
      return Outcome::Again;
    }
    if (above != 0) {
      int64_t period = above / digit.stride;
      if (axis.extent > period)
        return splitAxis(axis, period);
      start %= period;
    } else if (axis.extent > digit.extent && axis.extent % digit.extent == 0 && start % digit.extent == 0) {
      return splitAxis(axis, digit.extent);
    } else if (axis.extent == digit.extent) {
      start %= axis.extent;
    }
    if (start + digit.extent > axis.extent)
      return Outcome::Fail;
    AffineExpr value = getAffineDimExpr(axis.id, context) - start;
    if (start > 0)
      pins.add(value, /*equality=*/false);
    if (start + digit.extent < axis.extent)
      pins.add(digit.extent - 1 - value, /*equality=*/false);
    offset -= start * digit.stride;
    digitValue[digit.id] = value;
    return Outcome::Done;
  }
};

} // namespace

std::optional<Unified> unify(Extents domain, ArrayRef<AffineExpr> access, const Placement &target,
                             Extents axes, MLIRContext *context, bool extend) {
  Digits digits;
  if (!digits.init(domain, access, context))
    return std::nullopt;
  Unified result;
  result.axes.assign(axes.begin(), axes.end());
  Exprs index = target.index;
  Conditions where = target.where;
  for (;;) {
    Matcher matcher(digits, result.axes, context);
    Outcome outcome = Outcome::Done;
    for (size_t j = 0; j < index.size() && outcome == Outcome::Done; ++j) {
      auto accessForm = linearForm(digits.access[j], digits.extents.size());
      auto targetForm = linearForm(index[j], result.axes.size());
      outcome = accessForm && targetForm ? matcher.match(*accessForm, *targetForm) : Outcome::Fail;
    }
    if (outcome == Outcome::Fail)
      return std::nullopt;
    if (outcome == Outcome::Again) {
      if (matcher.axisSplit) {
        Exprs old = applySplit(*matcher.axisSplit, result.axes, context);
        index = simplified(replaceDims(index, old), result.axes);
        where = where.replaced(old);
        result.splits.push_back(*matcher.axisSplit);
      }
      continue;
    }
    if (extend)
      matcher.takeUnusedAxes();
    for (auto [value, extent] : llvm::zip(matcher.digitValue, digits.extents)) {
      if (!value && extent > 1)
        return std::nullopt;
      if (!value)
        value = getAffineConstantExpr(0, context);
    }
    result.placement.index = simplified(replaceDims(digits.dims, matcher.digitValue), result.axes);
    result.placement.where = where;
    result.placement.where.add(matcher.pins);
    result.placement.where.simplify(result.axes);
    return result;
  }
}

} // namespace tgc::cut
