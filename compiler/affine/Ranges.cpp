#include "compiler/affine/Ranges.h"

#include "compiler/affine/Normalize.h"

#include <limits>
#include <numeric>

namespace tgc::affine {
using namespace mlir;

namespace {

/// One side of a condition: sum >= 0, or sum == 0.
struct Constraint {
  Linear sum;
  bool equality;
  bool operator==(const Constraint &) const = default;
};

/// A conjunction in normal form, or the knowledge that it never holds.
class Conditions {
public:
  explicit Conditions(Normalizer &normalizer) : normalizer_(normalizer) {}

  bool never() const { return never_; }
  const std::vector<Constraint> &constraints() const { return constraints_; }

  void add(Linear sum, bool equality) {
    if (never_)
      return;
    if (equality)
      addEquality(std::move(sum));
    else
      addInequality(std::move(sum));
  }

  /// Opposite inequalities become an equality or a contradiction.
  void combine() {
    for (size_t i = 0; i < constraints_.size() && !never_; ++i)
      for (size_t j = i + 1; j < constraints_.size(); ++j) {
        Constraint &a = constraints_[i], &b = constraints_[j];
        Linear sum = affine::add(a.sum, b.sum);
        if (a.equality || b.equality || !sum.isConstant())
          continue;
        if (sum.constant < 0) {
          never_ = true;
        } else if (sum.constant == 0) {
          Linear equal = a.sum;
          constraints_.erase(constraints_.begin() + j);
          constraints_.erase(constraints_.begin() + i);
          addEquality(std::move(equal));
          i = size_t(-1);
        }
        break;
      }
  }

private:
  static int64_t coefficientGcd(const Linear &sum) {
    int64_t gcd = 0;
    for (auto &term : sum.terms)
      gcd = std::gcd(gcd, std::abs(term.second));
    return gcd;
  }

  /// The quotient whose removal makes the condition one on its base, if there is just one with that
  /// coefficient.
  static const Atom *onlyQuotient(const Linear &sum, int64_t coefficient) {
    const Atom *found = nullptr;
    for (auto &[atom, factor] : sum.terms)
      if (!atom->isDim() && factor == coefficient) {
        if (found)
          return nullptr;
        found = atom;
      }
    return found;
  }

  static Linear without(Linear sum, const Atom *atom) {
    llvm::erase_if(sum.terms, [&](auto &term) { return term.first == atom; });
    return sum;
  }

  /// Divisions in the sum, those inside others included.
  static unsigned quotients(const Linear &sum) {
    unsigned count = 0;
    for (auto &term : sum.terms)
      count += term.first->isDim() ? 0 : 1 + quotients(term.first->base);
    return count;
  }

  /// sum >= 0 is sum floordiv g >= 0 for any g; a good g leaves fewer terms.
  Linear tighten(Linear sum) {
    for (bool changed = true; changed && !sum.isConstant();) {
      changed = false;
      std::vector<int64_t> factors{coefficientGcd(sum)};
      for (auto &term : sum.terms)
        factors.push_back(std::abs(term.second));
      llvm::sort(factors, std::greater<>());
      for (int64_t factor : factors) {
        Linear quotient = normalizer_.floorDiv(sum, factor);
        bool fewer = quotient.terms.size() < sum.terms.size() ||
                     (quotient.terms.size() == sum.terms.size() && factor == coefficientGcd(sum));
        if (factor > 1 && fewer && quotients(quotient) <= quotients(sum)) {
          sum = quotient;
          changed = true;
          break;
        }
      }
      if (changed)
        continue;
      // E floordiv c + F >= 0 is E + c F >= 0; -(E floordiv c) + F >= 0 is -E + c F + c - 1 >= 0.
      if (const Atom *quotient = onlyQuotient(sum, 1)) {
        sum = affine::add(quotient->base, without(sum, quotient), quotient->divisor);
        changed = true;
      } else if (const Atom *quotient = onlyQuotient(sum, -1)) {
        sum = affine::add(scale(without(sum, quotient), quotient->divisor), quotient->base, -1);
        sum.constant += quotient->divisor - 1;
        changed = true;
      }
    }
    return sum;
  }

  void addInequality(Linear sum) {
    sum = tighten(std::move(sum));
    Range range = normalizer_.range(sum);
    if (range.min >= 0)
      return;
    if (range.max < 0) {
      never_ = true;
      return;
    }
    for (Constraint &other : constraints_) {
      Linear difference = affine::add(sum, other.sum, -1);
      if (other.equality || !difference.isConstant())
        continue;
      other.sum.constant = std::min(other.sum.constant, sum.constant);
      return;
    }
    constraints_.push_back({std::move(sum), false});
  }

  void addEquality(Linear sum) {
    Range range = normalizer_.range(sum);
    if (range.min == 0 && range.max == 0)
      return;
    if (range.min > 0 || range.max < 0) {
      never_ = true;
      return;
    }
    int64_t gcd = coefficientGcd(sum);
    if (sum.constant % gcd != 0) {
      never_ = true;
      return;
    }
    sum = divideExactly(sum, sum.terms.front().second < 0 ? -gcd : gcd);
    // g·D + r == 0 with r shorter than g: r is the one multiple of g in its bounds.
    for (auto &term : sum.terms) {
      int64_t factor = std::abs(term.second);
      Linear multiple, rest;
      rest.constant = sum.constant;
      for (auto &other : sum.terms)
        (other.second % factor == 0 ? multiple : rest).terms.push_back(other);
      Range bounds = normalizer_.range(rest);
      if (factor == 1 || rest.isConstant() || bounds.max - bounds.min >= factor)
        continue;
      int64_t value = floorDivide(bounds.max, factor) * factor;
      multiple.constant += value;
      rest.constant -= value;
      addEquality(divideExactly(multiple, factor));
      if (!never_)
        addEquality(std::move(rest));
      return;
    }
    Constraint constraint{std::move(sum), true};
    if (!llvm::is_contained(constraints_, constraint))
      constraints_.push_back(std::move(constraint));
  }

  Normalizer &normalizer_;
  std::vector<Constraint> constraints_;
  bool never_ = false;
};

IntegerSet constantSet(unsigned dims, bool holds, MLIRContext *context) {
  return IntegerSet::get(dims, 0, getAffineConstantExpr(holds ? 0 : -1, context), /*eqFlags=*/holds);
}

MLIRContext *contextOf(IntegerSet set) { return set.getContext(); }

/// Adds the constraints of `set`; false if one of them is not quasi-affine.
bool addSet(IntegerSet set, Normalizer &normalizer, Conditions &conditions) {
  for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags())) {
    std::optional<Linear> sum = normalizer.parse(expr);
    if (!sum)
      return false;
    conditions.add(*sum, equality);
  }
  return true;
}

IntegerSet toSet(const Conditions &conditions, Normalizer &normalizer, unsigned dims, MLIRContext *context) {
  if (conditions.never() || conditions.constraints().empty())
    return constantSet(dims, !conditions.never(), context);
  SmallVector<AffineExpr> exprs;
  SmallVector<bool> equalities;
  for (const Constraint &constraint : conditions.constraints()) {
    exprs.push_back(normalizer.emit(constraint.sum, context));
    equalities.push_back(constraint.equality);
  }
  return IntegerSet::get(dims, 0, exprs, equalities);
}

IntegerSet simplifySet(IntegerSet set, Normalizer &normalizer) {
  Conditions conditions(normalizer);
  if (!addSet(set, normalizer, conditions))
    return set;
  conditions.combine();
  return toSet(conditions, normalizer, set.getNumDims(), contextOf(set));
}

/// The printed form may show more than the expression did; so again until nothing changes.
template <typename Form, typename Simplify>
Form toFixpoint(Form form, ArrayRef<Range> ranges, Simplify simplify) {
  for (unsigned round = 0; round < 4; ++round) {
    Normalizer normalizer(ranges);
    Form next = simplify(form, normalizer);
    if (next == form)
      break;
    form = next;
  }
  return form;
}

AffineExpr simplifyExpr(AffineExpr expr, Normalizer &normalizer) {
  std::optional<Linear> sum = normalizer.parse(expr);
  return sum ? normalizer.emit(*sum, expr.getContext()) : expr;
}

AffineMap simplifyMap(AffineMap map, Normalizer &normalizer) {
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : map.getResults())
    results.push_back(simplifyExpr(expr, normalizer));
  return AffineMap::get(map.getNumDims(), map.getNumSymbols(), results, map.getContext());
}

} // namespace

Range rangeOf(AffineExpr expr, ArrayRef<int64_t> extents) {
  Normalizer normalizer(Normalizer::fromExtents(extents));
  std::optional<Linear> sum = normalizer.parse(expr);
  return sum ? normalizer.range(*sum)
             : Range{std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
}

AffineExpr simplify(AffineExpr expr, ArrayRef<int64_t> extents) {
  return toFixpoint(expr, Normalizer::fromExtents(extents), simplifyExpr);
}

AffineMap simplify(AffineMap map, ArrayRef<int64_t> extents) {
  return toFixpoint(map, Normalizer::fromExtents(extents), simplifyMap);
}

IntegerSet simplify(IntegerSet set, ArrayRef<int64_t> extents) {
  return toFixpoint(set, Normalizer::fromExtents(extents), simplifySet);
}

bool neverHolds(IntegerSet set) {
  return llvm::any_of(llvm::zip(set.getConstraints(), set.getEqFlags()), [](auto constraint) {
    auto constant = dyn_cast<AffineConstantExpr>(std::get<0>(constraint));
    return constant && (std::get<1>(constraint) ? constant.getValue() != 0 : constant.getValue() < 0);
  });
}

SmallVector<Range> dimRanges(IntegerSet given, ArrayRef<int64_t> extents) {
  std::vector<Range> ranges = Normalizer::fromExtents(extents);
  // A bound on one dimension may turn a constraint on two into a bound on the other.
  for (bool changed = true; changed;) {
    changed = false;
    Normalizer normalizer(ranges);
    Conditions conditions(normalizer);
    if (!addSet(given, normalizer, conditions) || conditions.never())
      break;
    for (const Constraint &constraint : conditions.constraints())
      for (auto &[atom, coefficient] : constraint.sum.terms) {
        if (!atom->isDim())
          continue;
        Linear others = constraint.sum;
        llvm::erase_if(others.terms, [&, dim = atom](auto &term) { return term.first == dim; });
        Range range = normalizer.range(others);
        Range &bounds = ranges[atom->dim];
        Range old = bounds;
        int64_t size = std::abs(coefficient);
        // coefficient · d + others >= 0, and <= 0 too for an equality.
        if (coefficient > 0 || constraint.equality)
          bounds.min = std::max(bounds.min, coefficient > 0 ? -floorDivide(range.max, size)
                                                            : -floorDivide(-range.min, size));
        if (coefficient < 0 || constraint.equality)
          bounds.max = std::min(bounds.max, coefficient < 0 ? floorDivide(range.max, size)
                                                            : floorDivide(-range.min, size));
        if (bounds.min > bounds.max)
          return {ranges.begin(), ranges.end()};
        changed |= old.min != bounds.min || old.max != bounds.max;
      }
  }
  return {ranges.begin(), ranges.end()};
}

AffineMap simplifyGiven(AffineMap map, IntegerSet given, ArrayRef<int64_t> extents) {
  SmallVector<Range> ranges = dimRanges(given, extents);
  if (llvm::any_of(ranges, [](Range range) { return range.min > range.max; }))
    return map;
  return toFixpoint(map, ranges, simplifyMap);
}

IntegerSet simplifyGiven(IntegerSet set, IntegerSet given, ArrayRef<int64_t> extents) {
  SmallVector<Range> ranges = dimRanges(given, extents);
  if (llvm::any_of(ranges, [](Range range) { return range.min > range.max; }))
    return constantSet(set.getNumDims(), false, contextOf(set));
  Normalizer normalizer(ranges);
  Conditions known(normalizer), wanted(normalizer);
  if (!addSet(given, normalizer, known) || !addSet(set, normalizer, wanted))
    return set;
  wanted.combine();
  if (wanted.never())
    return constantSet(set.getNumDims(), false, contextOf(set));
  // What remains of `given` after its bounds were used may state a constraint of `set` itself.
  Conditions left(normalizer);
  for (const Constraint &constraint : wanted.constraints()) {
    bool implied = llvm::any_of(known.constraints(), [&](const Constraint &fact) {
      Linear difference = add(constraint.sum, fact.sum, -1);
      if (!difference.isConstant())
        return false;
      return constraint.equality ? fact.equality && difference.constant == 0
                                 : difference.constant == 0 || (!fact.equality && difference.constant > 0);
    });
    if (!implied)
      left.add(constraint.sum, constraint.equality);
  }
  return toSet(left, normalizer, set.getNumDims(), contextOf(set));
}

bool alwaysInside(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<int64_t> extents) {
  Normalizer normalizer(Normalizer::fromExtents(extents));
  return llvm::all_of(llvm::zip(map.getResults(), shape), [&](auto dim) {
    std::optional<Linear> sum = normalizer.parse(std::get<0>(dim));
    if (!sum)
      return false;
    Range range = normalizer.range(*sum);
    return range.min >= 0 && range.max < std::get<1>(dim);
  });
}

IntegerSet conjoin(IntegerSet a, IntegerSet b) {
  SmallVector<AffineExpr> exprs(a.getConstraints());
  SmallVector<bool> equalities(a.getEqFlags());
  exprs.append(b.getConstraints().begin(), b.getConstraints().end());
  equalities.append(b.getEqFlags().begin(), b.getEqFlags().end());
  return IntegerSet::get(a.getNumDims(), a.getNumSymbols(), exprs, equalities);
}

IntegerSet withBounds(IntegerSet set, AffineMap map, ArrayRef<int64_t> shape, ArrayRef<int64_t> extents) {
  SmallVector<AffineExpr> exprs(set.getConstraints());
  SmallVector<bool> equalities(set.getEqFlags());
  for (auto [expr, size] : llvm::zip(map.getResults(), shape)) {
    exprs.push_back(expr);
    exprs.push_back(size - 1 - expr);
    equalities.append(2, false);
  }
  return simplify(IntegerSet::get(set.getNumDims(), 0, exprs, equalities), extents);
}

} // namespace tgc::affine
