// Inversion of maps made of reshapes, transposes and slices.
//
// 1. Variables start as the map's dimensions. While a division of a sum of variables is left in the map:
//    a. the sum is mixed-radix over several variables (6a + b with b < 6): they become one variable, and
//       are digits of it from now on;
//    b. the sum is one variable plus a constant: the variable becomes its quotient and remainder.
//    The map is linear then.
// 2. Results are solved one after another: one whose unknown variables have coefficients that do not overlap
//    (each larger than all that smaller ones add up to) gives them as its digits.
// 3. The dimensions follow from the variables. The domain is: digits in range, nothing left over, and every
//    result that was not needed equal to its value.
#include "compiler/affine/Normalize.h"

#include <algorithm>

namespace tgc::affine {
using namespace mlir;

namespace {

class Inverter {
public:
  Inverter(AffineMap map, ArrayRef<int64_t> extents, ArrayRef<int64_t> shape)
      : context_(map.getContext()), shape_(shape), extents_(extents), results_(map.getResults()) {
    for (unsigned i = 0; i < extents.size(); ++i)
      dims_.push_back(variable(i));
  }

  std::optional<Inverse> run() {
    // Each step ends at least one division; maps that trade one for another are given up.
    for (unsigned step = 0; step < 64; ++step) {
      Normalizer normalizer(Normalizer::fromExtents(extents_));
      std::vector<Linear> sums;
      for (AffineExpr &expr : results_) {
        std::optional<Linear> sum = normalizer.parse(expr);
        if (!sum)
          return std::nullopt;
        expr = normalizer.emit(*sum, context_);
        sums.push_back(*sum);
      }
      const Atom *division = nullptr;
      for (const Linear &sum : sums)
        if (!division)
          division = innermost(sum);
      if (!division)
        return solve(sums);
      if (!(division->base.terms.size() > 1 ? merge(division->base)
                                            : split(division->base, division->divisor)))
        return std::nullopt;
    }
    return std::nullopt;
  }

private:
  AffineExpr variable(unsigned i) { return getAffineDimExpr(i, context_); }

  static const Atom *innermost(const Linear &sum) {
    for (auto &term : sum.terms)
      if (!term.first->isDim()) {
        const Atom *inner = innermost(term.first->base);
        return inner ? inner : term.first;
      }
    return nullptr;
  }

  void replace(unsigned position, AffineExpr expr) {
    SmallVector<AffineExpr> replacements;
    for (unsigned i = 0; i < extents_.size(); ++i)
      replacements.push_back(i == position ? expr : variable(i));
    for (auto *list : {&results_, &dims_, &nonNegative_})
      for (AffineExpr &old : *list)
        old = old.replaceDims(replacements);
  }

  /// Variable i counts down instead of up.
  void flip(unsigned i) { replace(i, extents_[i] - 1 - variable(i)); }

  bool flipNegatives(const Linear &sum) {
    bool flipped = false;
    for (auto &[atom, coefficient] : sum.terms)
      if (coefficient < 0) {
        flip(atom->dim);
        flipped = true;
      }
    return flipped;
  }

  bool merge(const Linear &sum) {
    if (flipNegatives(sum))
      return true;
    auto terms = llvm::to_vector(sum.terms);
    llvm::sort(terms, [](auto &a, auto &b) { return a.second < b.second; });
    int64_t extent = 1;
    for (auto &[atom, coefficient] : terms) {
      if (coefficient != extent)
        return false;
      extent *= extents_[atom->dim];
    }
    AffineExpr merged = variable(extents_.size());
    extents_.push_back(extent);
    for (auto &[atom, coefficient] : terms) {
      int64_t size = extents_[atom->dim];
      replace(atom->dim, merged.floorDiv(coefficient) % size);
      extents_[atom->dim] = 1;
    }
    return true;
  }

  bool split(const Linear &sum, int64_t divisor) {
    auto [atom, coefficient] = sum.terms.front();
    if (flipNegatives(sum))
      return true;
    if (coefficient != 1)
      return false;
    // x + constant = divisor · quotient + remainder
    int64_t size = extents_[atom->dim];
    int64_t quotients = (sum.constant + size - 1) / divisor + 1;
    AffineExpr quotient = variable(extents_.size()), remainder = variable(extents_.size() + 1);
    AffineExpr old = quotient * divisor + remainder - sum.constant;
    extents_.push_back(quotients);
    extents_.push_back(divisor);
    replace(atom->dim, old);
    extents_[atom->dim] = 1;
    if (sum.constant != 0)
      nonNegative_.push_back(old);
    if (quotients * divisor != size + sum.constant)
      nonNegative_.push_back(size - 1 - old);
    return true;
  }

  std::optional<Inverse> solve(const std::vector<Linear> &sums) {
    std::vector<AffineExpr> values(extents_.size());
    for (unsigned i = 0; i < extents_.size(); ++i)
      if (extents_[i] == 1)
        values[i] = getAffineConstantExpr(0, context_);
    SmallVector<AffineExpr> exprs;
    SmallVector<bool> equalities;
    std::vector<bool> used(sums.size(), false);
    auto solveOne = [&]() {
      for (size_t j = 0; j < sums.size(); ++j)
        if (!used[j] && solveResult(sums[j], variable(j), values, exprs, equalities)) {
          used[j] = true;
          return true;
        }
      return false;
    };
    while (solveOne())
      ;
    if (llvm::any_of(values, [](AffineExpr value) { return !value; }))
      return std::nullopt;
    // Here `values` are over the result's coordinates, and replace the variables.
    unsigned rank = sums.size();
    for (size_t j = 0; j < sums.size(); ++j)
      if (!used[j]) {
        exprs.push_back(variable(j) - results_[j].replaceDims(values));
        equalities.push_back(true);
      }
    for (AffineExpr expr : nonNegative_) {
      exprs.push_back(expr.replaceDims(values));
      equalities.push_back(false);
    }
    if (exprs.empty()) {
      exprs.push_back(getAffineConstantExpr(0, context_));
      equalities.push_back(true);
    }
    Inverse inverse;
    inverse.domain = simplify(IntegerSet::get(rank, 0, exprs, equalities), shape_);
    SmallVector<AffineExpr> dims;
    for (AffineExpr dim : dims_)
      dims.push_back(dim.replaceDims(values));
    inverse.dims = simplifyGiven(AffineMap::get(rank, 0, dims, context_), inverse.domain, shape_);
    return inverse;
  }

  /// Finds the unknown variables of one result from its coordinate; false if there are none or they overlap.
  bool solveResult(const Linear &sum, AffineExpr coordinate, std::vector<AffineExpr> &values,
                   SmallVectorImpl<AffineExpr> &exprs, SmallVectorImpl<bool> &equalities) {
    AffineExpr rest = coordinate - sum.constant;
    SmallVector<std::pair<unsigned, int64_t>> unknown;
    for (auto &[atom, coefficient] : sum.terms) {
      if (values[atom->dim]) {
        rest = rest - values[atom->dim] * coefficient;
        continue;
      }
      unknown.emplace_back(atom->dim, coefficient);
      if (coefficient < 0)
        rest = rest - coefficient * (extents_[atom->dim] - 1);
    }
    llvm::sort(unknown, [](auto &a, auto &b) { return std::abs(a.second) < std::abs(b.second); });
    int64_t reach = 0;
    for (auto &[i, coefficient] : unknown) {
      if (std::abs(coefficient) <= reach)
        return false;
      reach += std::abs(coefficient) * (extents_[i] - 1);
    }
    if (unknown.empty())
      return false;
    auto require = [&](AffineExpr expr, bool equality) {
      exprs.push_back(expr);
      equalities.push_back(equality);
    };
    require(rest, false);
    for (auto &[i, coefficient] : llvm::reverse(unknown)) {
      AffineExpr digit = rest.floorDiv(std::abs(coefficient));
      rest = rest % std::abs(coefficient);
      require(extents_[i] - 1 - digit, false);
      values[i] = coefficient < 0 ? extents_[i] - 1 - digit : digit;
    }
    require(rest, true);
    return true;
  }

  MLIRContext *context_;
  ArrayRef<int64_t> shape_;
  SmallVector<int64_t> extents_;    // of the variables; 1 for one that was replaced
  SmallVector<AffineExpr> results_; // the map, over the variables
  SmallVector<AffineExpr> dims_;    // the map's dimensions, over the variables
  SmallVector<AffineExpr> nonNegative_;
};

} // namespace

std::optional<Inverse> invert(AffineMap map, ArrayRef<int64_t> extents, ArrayRef<int64_t> shape) {
  if (map.getNumSymbols() != 0)
    return std::nullopt;
  return Inverter(map, extents, shape).run();
}

} // namespace tgc::affine
