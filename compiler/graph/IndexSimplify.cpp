// Input: a quasi-affine expression without symbols and the extents of its dimensions. Output: an equal one.
// 1. An expression is held as a sum: constant + Σ coefficient·atom; atoms are dimensions, floordivs and mods.
// 2. (A + B) floordiv c: where some g divides c and all of A, and 0 <= B < g, it is (A/g) floordiv (c/g). Multiples
//    of c come out. The same for mod, which gives g·((A/g) mod (c/g)) + B.
// 3. Nested divisions join: (x floordiv a) floordiv b, (x mod a·b) mod b, (x mod a·b) floordiv a.
// 4. a·(x floordiv a) + (x mod a) is x.
#include "compiler/graph/IndexSimplify.h"

#include "llvm/ADT/SmallVector.h"
#include <numeric>
#include <set>

using namespace mlir;

namespace tgc::graph {
namespace {

int64_t floorDiv(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }
int64_t floorMod(int64_t a, int64_t b) { return a - floorDiv(a, b) * b; }

struct Term {
  AffineExpr atom;
  int64_t factor;
};
struct Sum {
  int64_t constant = 0;
  SmallVector<Term> terms;
};

class Simplifier {
public:
  Simplifier(ArrayRef<int64_t> extents, MLIRContext *context) : extents(extents), context(context) {}

  AffineExpr run(AffineExpr expr) { return rebuild(normalise(expr)); }

private:
  void add(Sum &sum, AffineExpr atom, int64_t factor) {
    for (size_t i = 0; i < sum.terms.size(); ++i)
      if (sum.terms[i].atom == atom) {
        if ((sum.terms[i].factor += factor) == 0)
          sum.terms.erase(sum.terms.begin() + i);
        return;
      }
    if (factor != 0)
      sum.terms.push_back({atom, factor});
  }
  void add(Sum &sum, const Sum &other, int64_t factor) {
    sum.constant += other.constant * factor;
    for (const Term &term : other.terms)
      add(sum, term.atom, term.factor * factor);
  }

  AffineExpr rebuild(const Sum &sum) {
    AffineExpr expr;
    for (const Term &term : sum.terms) {
      AffineExpr product = term.factor == 1 ? term.atom : term.atom * term.factor;
      expr = expr ? expr + product : product;
    }
    if (!expr)
      return getAffineConstantExpr(sum.constant, context);
    return sum.constant ? expr + sum.constant : expr;
  }

  std::pair<int64_t, int64_t> range(const Sum &sum) {
    int64_t low = sum.constant, high = sum.constant;
    for (const Term &term : sum.terms) {
      auto [l, h] = indexRange(term.atom, extents);
      low += term.factor > 0 ? term.factor * l : term.factor * h;
      high += term.factor > 0 ? term.factor * h : term.factor * l;
    }
    return {low, high};
  }

  Sum normalise(AffineExpr expr) {
    Sum sum;
    if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      sum.constant = constant.getValue();
      return sum;
    }
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      if (extents[dim.getPosition()] != 1)
        sum.terms.push_back({expr, 1});
      return sum;
    }
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    auto right = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
    switch (expr.getKind()) {
    case AffineExprKind::Add:
      sum = normalise(binary.getLHS());
      add(sum, normalise(binary.getRHS()), 1);
      recombine(sum);
      return sum;
    case AffineExprKind::Mul:
      if (!right)
        break;
      add(sum, normalise(binary.getLHS()), right.getValue());
      return sum;
    case AffineExprKind::FloorDiv:
      if (!right || right.getValue() <= 0)
        break;
      return divide(normalise(binary.getLHS()), right.getValue());
    case AffineExprKind::Mod:
      if (!right || right.getValue() <= 0)
        break;
      return modulo(normalise(binary.getLHS()), right.getValue());
    default:
      break;
    }
    sum.terms.push_back({expr, 1});
    return sum;
  }

  /// Divisors g of c for which `sum` may split into a multiple of g and a rest below g, greatest first.
  std::set<int64_t, std::greater<int64_t>> splits(const Sum &sum, int64_t c) {
    std::set<int64_t, std::greater<int64_t>> candidates;
    for (const Term &a : sum.terms) {
      int64_t g = std::gcd(a.factor, c);
      candidates.insert(g);
      for (const Term &b : sum.terms)
        candidates.insert(std::gcd(g, b.factor));
    }
    candidates.erase(1);
    return candidates;
  }

  /// sum = g·quotient + rest with 0 <= rest < g; false where the ranges do not show it.
  bool split(const Sum &sum, int64_t g, Sum &quotient, Sum &rest) {
    quotient = rest = Sum();
    for (const Term &term : sum.terms)
      if (term.factor % g == 0)
        quotient.terms.push_back({term.atom, term.factor / g});
      else
        rest.terms.push_back(term);
    // The constant goes to the quotient as far as the rest stays in range.
    for (int64_t k : {floorDiv(sum.constant, g), floorDiv(sum.constant, g) + 1}) {
      quotient.constant = k;
      rest.constant = sum.constant - k * g;
      auto [low, high] = range(rest);
      if (low >= 0 && high < g)
        return true;
    }
    return false;
  }

  Sum atomOf(AffineExpr atom) {
    Sum sum;
    if (auto constant = dyn_cast<AffineConstantExpr>(atom))
      sum.constant = constant.getValue();
    else
      sum.terms.push_back({atom, 1});
    return sum;
  }

  Sum divide(Sum sum, int64_t c) {
    if (c == 1)
      return sum;
    Sum outside, inside;
    for (const Term &term : sum.terms)
      (term.factor % c == 0 ? outside : inside).terms.push_back(term);
    for (Term &term : outside.terms)
      term.factor /= c;
    outside.constant = floorDiv(sum.constant, c);
    inside.constant = floorMod(sum.constant, c);
    auto [low, high] = range(inside);
    if (floorDiv(low, c) == floorDiv(high, c)) {
      outside.constant += floorDiv(low, c);
      return outside;
    }
    for (int64_t g : splits(inside, c)) {
      Sum quotient, rest;
      if (!split(inside, g, quotient, rest))
        continue;
      add(outside, divide(quotient, c / g), 1);
      recombine(outside);
      return outside;
    }
    if (inside.terms.size() == 1 && inside.constant == 0 && inside.terms[0].factor == 1)
      if (auto inner = dyn_cast<AffineBinaryOpExpr>(inside.terms[0].atom);
          inner && isa<AffineConstantExpr>(inner.getRHS())) {
        int64_t a = cast<AffineConstantExpr>(inner.getRHS()).getValue();
        if (inner.getKind() == AffineExprKind::FloorDiv) {
          add(outside, divide(normalise(inner.getLHS()), a * c), 1);
          return outside;
        }
        if (inner.getKind() == AffineExprKind::Mod && a % c == 0) {
          add(outside, modulo(divide(normalise(inner.getLHS()), c), a / c), 1);
          return outside;
        }
      }
    add(outside, atomOf(rebuild(inside).floorDiv(c)), 1);
    recombine(outside);
    return outside;
  }

  Sum modulo(Sum sum, int64_t c) {
    if (c == 1)
      return Sum();
    Sum inside;
    for (const Term &term : sum.terms)
      if (term.factor % c != 0)
        inside.terms.push_back(term);
    inside.constant = floorMod(sum.constant, c);
    auto [low, high] = range(inside);
    if (int64_t k = floorDiv(low, c); k == floorDiv(high, c)) {
      inside.constant -= k * c;
      return inside;
    }
    for (int64_t g : splits(inside, c)) {
      Sum quotient, rest;
      if (g == c || !split(inside, g, quotient, rest))
        continue;
      add(rest, modulo(quotient, c / g), g);
      return rest;
    }
    if (inside.terms.size() == 1 && inside.constant == 0 && inside.terms[0].factor == 1)
      if (auto inner = dyn_cast<AffineBinaryOpExpr>(inside.terms[0].atom);
          inner && inner.getKind() == AffineExprKind::Mod &&
          cast<AffineConstantExpr>(inner.getRHS()).getValue() % c == 0)
        return modulo(normalise(inner.getLHS()), c);
    return atomOf(rebuild(inside) % c);
  }

  /// Step 4, until nothing changes.
  void recombine(Sum &sum) {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = 0; i < sum.terms.size() && !changed; ++i) {
        auto mod = dyn_cast<AffineBinaryOpExpr>(sum.terms[i].atom);
        if (!mod || mod.getKind() != AffineExprKind::Mod)
          continue;
        int64_t a = cast<AffineConstantExpr>(mod.getRHS()).getValue();
        Sum quotient = divide(normalise(mod.getLHS()), a);
        // Every part of the quotient must be in the sum with the mod's factor times a.
        if (quotient.terms.empty() || !llvm::all_of(quotient.terms, [&](const Term &q) {
              return llvm::any_of(sum.terms, [&](const Term &t) {
                return t.atom == q.atom && t.factor == q.factor * a * sum.terms[i].factor;
              });
            }))
          continue;
        int64_t factor = sum.terms[i].factor;
        AffineExpr atom = sum.terms[i].atom;
        Sum whole = normalise(mod.getLHS());
        add(sum, atom, -factor);
        add(sum, quotient, -factor * a);
        add(sum, whole, factor);
        changed = true;
      }
    }
  }

  ArrayRef<int64_t> extents;
  MLIRContext *context;
};

} // namespace

std::pair<int64_t, int64_t> indexRange(AffineExpr expr, ArrayRef<int64_t> extents) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return {0, extents[dim.getPosition()] - 1};
  auto binary = cast<AffineBinaryOpExpr>(expr);
  auto [ll, lh] = indexRange(binary.getLHS(), extents);
  auto [rl, rh] = indexRange(binary.getRHS(), extents);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return {ll + rl, lh + rh};
  case AffineExprKind::Mul:
    return std::minmax({ll * rl, ll * rh, lh * rl, lh * rh});
  case AffineExprKind::FloorDiv:
    return {floorDiv(ll, rl), floorDiv(lh, rl)};
  case AffineExprKind::CeilDiv:
    return {-floorDiv(-ll, rl), -floorDiv(-lh, rl)};
  default:
    if (floorDiv(ll, rl) == floorDiv(lh, rl))
      return {floorMod(ll, rl), floorMod(lh, rl)};
    return {0, rl - 1};
  }
}

AffineExpr simplifyIndex(AffineExpr expr, ArrayRef<int64_t> extents) {
  if (llvm::is_contained(extents, 0))
    return expr;
  return Simplifier(extents, expr.getContext()).run(expr);
}

AffineMap simplifyIndex(AffineMap map, ArrayRef<int64_t> extents) {
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : map.getResults())
    results.push_back(simplifyIndex(expr, extents));
  return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
}

} // namespace tgc::graph
