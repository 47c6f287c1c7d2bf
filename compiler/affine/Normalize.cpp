// Normalisation of quasi-affine expressions.
//
// 1. mod becomes subtraction of a floordiv, ceildiv a floordiv; an expression is then a sum of atoms.
// 2. E floordiv c: whole multiples of c leave the division. What is left, R, is split as g·D + r with g
//    dividing c and r inside one window of length g (0 … g-1 plus a multiple of g): R floordiv c is then
//    D floordiv (c / g). A quotient inside a division is absorbed: (E floordiv a + F) floordiv b is
//    (E + a·F) floordiv (a·b). What resists is an atom.
// 3. Bounds of a sum are added up over its terms after x - c·(x floordiv c) was grouped to x mod c wherever
//    that is tighter. The printed form has the same groups.
#include "compiler/affine/Normalize.h"

#include "llvm/ADT/ScopeExit.h"
#include <algorithm>
#include <cassert>
#include <numeric>
#include <set>

namespace tgc::affine {
using namespace mlir;

int64_t floorDivide(int64_t a, int64_t b) {
  int64_t quotient = a / b;
  return quotient * b > a ? quotient - 1 : quotient;
}

int64_t floorModulo(int64_t a, int64_t b) { return a - floorDivide(a, b) * b; }

int64_t Linear::coefficient(const Atom *atom) const {
  for (auto &[other, coefficient] : terms)
    if (other == atom)
      return coefficient;
  return 0;
}

namespace {

/// An order of atoms that depends on their structure alone, so that printed forms are stable.
int compareAtoms(const Atom *a, const Atom *b);

int compareNumbers(int64_t a, int64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

int compareSums(const Linear &a, const Linear &b) {
  if (int order = compareNumbers(a.terms.size(), b.terms.size()))
    return order;
  for (auto [x, y] : llvm::zip(a.terms, b.terms)) {
    if (int order = compareAtoms(x.first, y.first))
      return order;
    if (int order = compareNumbers(x.second, y.second))
      return order;
  }
  return compareNumbers(a.constant, b.constant);
}

int compareAtoms(const Atom *a, const Atom *b) {
  if (a == b)
    return 0;
  if (int order = compareNumbers(a->firstDim, b->firstDim))
    return order;
  if (int order = compareNumbers(a->depth, b->depth))
    return order;
  if (int order = compareNumbers(a->divisor, b->divisor))
    return order;
  return a->isDim() ? 0 : compareSums(a->base, b->base);
}

/// Rewrites that feed each other for this long lead nowhere; from here on only the plain ones are done.
constexpr unsigned deepest = 24;

int64_t width(Range range) { return range.max - range.min; }

Range scaled(Range range, int64_t factor) {
  int64_t a = range.min * factor, b = range.max * factor;
  return {std::min(a, b), std::max(a, b)};
}

/// Sum of the widths of the terms as they stand.
int64_t plainWidth(const Linear &sum) {
  int64_t total = 0;
  for (auto &[atom, coefficient] : sum.terms)
    total += std::abs(coefficient) * width(atom->range);
  return total;
}

/// `values` closed under gcd, largest first, without 1.
std::vector<int64_t> gcdClosure(std::set<int64_t> values) {
  for (bool grown = true; grown;) {
    grown = false;
    std::vector<int64_t> list(values.begin(), values.end());
    for (int64_t a : list)
      for (int64_t b : list)
        grown |= values.insert(std::gcd(a, b)).second;
  }
  values.erase(1);
  return {values.rbegin(), values.rend()};
}

} // namespace

Linear add(const Linear &a, const Linear &b, int64_t factor) {
  Linear sum;
  sum.constant = a.constant + factor * b.constant;
  auto x = a.terms.begin(), y = b.terms.begin();
  while (x != a.terms.end() || y != b.terms.end()) {
    int order = x == a.terms.end() ? 1 : y == b.terms.end() ? -1 : compareAtoms(x->first, y->first);
    const Atom *atom = order <= 0 ? x->first : y->first;
    int64_t coefficient = (order <= 0 ? x++->second : 0) + (order >= 0 ? factor * y++->second : 0);
    if (coefficient != 0)
      sum.terms.emplace_back(atom, coefficient);
  }
  return sum;
}

Linear scale(const Linear &a, int64_t factor) { return add({}, a, factor); }

Linear divideExactly(const Linear &a, int64_t factor) {
  Linear quotient = a;
  quotient.constant /= factor;
  for (auto &term : quotient.terms)
    term.second /= factor;
  return quotient;
}

Normalizer::Normalizer(ArrayRef<Range> dims) {
  for (auto [i, range] : llvm::enumerate(dims)) {
    auto atom = std::make_unique<Atom>();
    atom->dim = atom->firstDim = i;
    atom->range = range;
    atoms_.push_back(std::move(atom));
  }
}

std::vector<Range> Normalizer::fromExtents(ArrayRef<int64_t> extents) {
  std::vector<Range> ranges;
  for (int64_t extent : extents)
    ranges.push_back({0, std::max<int64_t>(extent - 1, 0)});
  return ranges;
}

Linear Normalizer::dim(unsigned position) const {
  const Atom *atom = atoms_[position].get();
  Linear sum;
  if (atom->range.min == atom->range.max)
    sum.constant = atom->range.min;
  else
    sum.terms.emplace_back(atom, 1);
  return sum;
}

std::optional<Linear> Normalizer::parse(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    Linear sum;
    sum.constant = constant.getValue();
    return sum;
  }
  if (auto dimension = dyn_cast<AffineDimExpr>(expr))
    return dim(dimension.getPosition());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  if (auto known = parsed_.find(expr); known != parsed_.end())
    return known->second;
  std::optional<Linear> lhs = parse(binary.getLHS()), rhs = parse(binary.getRHS());
  if (!lhs || !rhs)
    return std::nullopt;
  Linear sum;
  if (expr.getKind() == AffineExprKind::Add) {
    sum = add(*lhs, *rhs);
  } else if (expr.getKind() == AffineExprKind::Mul) {
    if (!lhs->isConstant())
      std::swap(lhs, rhs);
    if (!lhs->isConstant())
      return std::nullopt;
    sum = scale(*rhs, lhs->constant);
  } else {
    if (!rhs->isConstant() || rhs->constant <= 0)
      return std::nullopt;
    int64_t divisor = rhs->constant;
    if (expr.getKind() == AffineExprKind::Mod) {
      sum = mod(*lhs, divisor);
    } else {
      if (expr.getKind() == AffineExprKind::CeilDiv)
        lhs->constant += divisor - 1;
      sum = floorDiv(*lhs, divisor);
    }
  }
  parsed_[expr] = sum;
  return sum;
}

Linear Normalizer::mod(const Linear &sum, int64_t divisor) {
  return add(sum, floorDiv(sum, divisor), -divisor);
}

const Atom *Normalizer::floorAtom(const Linear &base, int64_t divisor) {
  const Atom *&known = floors_[{base, divisor}];
  if (known)
    return known;
  auto atom = std::make_unique<Atom>();
  atom->divisor = divisor;
  atom->base = base;
  Range inner = range(base);
  atom->range = {floorDivide(inner.min, divisor), floorDivide(inner.max, divisor)};
  atom->firstDim = base.terms.front().first->firstDim;
  for (auto &term : base.terms) {
    atom->firstDim = std::min(atom->firstDim, term.first->firstDim);
    atom->depth = std::max(atom->depth, term.first->depth + 1);
  }
  known = atom.get();
  atoms_.push_back(std::move(atom));
  return known;
}

std::vector<Group> Normalizer::plainTerms(const Linear &sum) const {
  std::vector<Group> groups;
  for (auto &[atom, coefficient] : sum.terms) {
    Group group;
    group.coefficient = coefficient;
    group.atom = atom;
    group.value.terms.emplace_back(atom, 1);
    group.range = atom->range;
    groups.push_back(std::move(group));
  }
  return groups;
}

Linear Normalizer::floorDiv(const Linear &sum, int64_t divisor) {
  assert(divisor > 0);
  if (divisor == 1)
    return sum;
  auto key = std::make_pair(sum, divisor);
  if (auto known = divisions_.find(key); known != divisions_.end())
    return known->second;
  ++depth_;
  auto leave = llvm::make_scope_exit([&] { --depth_; });
  // Whole multiples leave the division, term by term; what counts as a term is tried in three ways, because
  // x mod 12 + y leaves bounds that its parts x - 12 * (x floordiv 12) + y lose, and the other way round.
  std::optional<Linear> best;
  int64_t bestWidth = 0;
  std::vector<Linear> seen;
  for (int form = 0; form < (depth_ < deepest ? 3 : 1); ++form) {
    std::vector<Group> terms =
        form == 0 ? plainTerms(sum) : group(sum, form == 1 ? Grouping::WhereTighter : Grouping::Digits);
    Linear outside;
    for (const Group &term : terms)
      if (term.coefficient % divisor == 0)
        outside = add(outside, term.value, term.coefficient / divisor);
    Linear inside = add(sum, outside, -divisor);
    outside.constant += floorDivide(inside.constant, divisor);
    inside.constant = floorModulo(inside.constant, divisor);
    if (llvm::is_contained(seen, inside))
      continue;
    seen.push_back(inside);
    Linear quotient = add(outside, floorDivReduced(inside, divisor));
    int64_t quotientWidth = width(range(quotient));
    if (!best || quotientWidth < bestWidth) {
      best = quotient;
      bestWidth = quotientWidth;
    }
  }
  divisions_[key] = *best;
  return *best;
}

/// No term of the sum is a multiple of the divisor, or it stands in a group that is worth more whole.
Linear Normalizer::floorDivReduced(const Linear &sum, int64_t divisor) {
  Range bounds = range(sum);
  Linear result;
  if (floorDivide(bounds.min, divisor) == floorDivide(bounds.max, divisor)) {
    result.constant = floorDivide(bounds.min, divisor);
    return result;
  }
  // Splitting and absorbing can undo each other; the second time round the quotient stays as it is.
  auto key = std::make_pair(sum, divisor);
  if (depth_ < deepest && pendingQuotients_.insert(key).second) {
    std::optional<Linear> simpler = splitOrAbsorb(sum, divisor);
    pendingQuotients_.erase(key);
    if (simpler)
      return *simpler;
  }
  result.terms.emplace_back(floorAtom(sum, divisor), 1);
  return result;
}

std::optional<Linear> Normalizer::splitOrAbsorb(const Linear &sum, int64_t divisor) {
  if (auto split = splitByGcd(plainTerms(sum), sum.constant, divisor))
    return *split;
  for (Grouping how : {Grouping::WhereTighter, Grouping::Digits}) {
    std::vector<Group> terms = group(sum, how);
    int64_t constant = sum.constant;
    for (const Group &term : terms)
      constant -= term.coefficient * term.value.constant;
    if (auto split = splitByGcd(terms, constant, divisor))
      return *split;
  }
  const Atom *quotient = nullptr;
  unsigned quotients = 0;
  for (auto &[atom, coefficient] : sum.terms)
    if (!atom->isDim() && coefficient == 1) {
      quotient = atom;
      ++quotients;
    }
  if (quotients != 1)
    return std::nullopt;
  Linear others = sum;
  llvm::erase_if(others.terms, [&](auto &term) { return term.first == quotient; });
  return floorDiv(add(quotient->base, others, quotient->divisor), quotient->divisor * divisor);
}

/// `constant` is what the sum adds to the terms' values.
std::optional<Linear> Normalizer::splitByGcd(const std::vector<Group> &terms, int64_t constant,
                                             int64_t divisor) {
  std::set<int64_t> factors;
  for (const Group &term : terms)
    factors.insert(std::gcd(divisor, std::abs(term.coefficient)));
  for (int64_t factor : gcdClosure(factors)) {
    Linear multiple, remainder;
    remainder.constant = constant;
    for (const Group &term : terms) {
      bool divides = term.coefficient % factor == 0;
      if (divides)
        multiple = add(multiple, term.value, term.coefficient / factor);
      else
        remainder = add(remainder, term.value, term.coefficient);
    }
    Range bounds = range(remainder);
    int64_t window = floorDivide(bounds.min, factor);
    if (bounds.max > window * factor + factor - 1)
      continue;
    multiple.constant += window;
    return floorDiv(multiple, divisor / factor);
  }
  return std::nullopt;
}

/// The mods that `quotient` may stand in as -modulus · quotient: it, or what it was divided further from.
std::vector<Group> Normalizer::modsOf(const Atom *quotient, ArrayRef<const Atom *> quotients,
                                      const Linear &rest) {
  std::vector<Group> mods;
  auto offer = [&](Linear inner, int64_t modulus, const Linear &upper) {
    Group &mod = mods.emplace_back();
    mod.value = add(inner, upper, -modulus);
    mod.inner = std::move(inner);
    mod.modulus = modulus;
    mod.range = {0, modulus - 1};
  };
  Linear self;
  self.terms.emplace_back(quotient, 1);
  // (E floordiv lower) mod modulus with E floordiv (lower · modulus) at hand.
  std::set<int64_t> lowers;
  auto offerLower = [&](int64_t lower) {
    if (lower > 1 && lower < quotient->divisor && quotient->divisor % lower == 0)
      lowers.insert(lower);
  };
  for (const Atom *other : quotients)
    offerLower(other->divisor);
  for (auto &[atom, coefficient] : rest.terms)
    offerLower(std::abs(coefficient));
  for (auto &term : quotient->base.terms)
    offerLower(std::gcd(quotient->divisor, std::abs(term.second)));
  std::vector<int64_t> candidates = gcdClosure(std::move(lowers));
  candidates.push_back(1);
  for (int64_t lower : candidates)
    offer(floorDiv(quotient->base, lower), quotient->divisor / lower, self);
  // (E floordiv lower) mod modulus where E floordiv (lower · modulus) has become something simpler.
  std::set<int64_t> moduli;
  int64_t have = rest.coefficient(quotient);
  for (auto &[atom, coefficient] : rest.terms)
    if (coefficient % have == 0 && coefficient / have < -1)
      moduli.insert(-(coefficient / have));
  for (int64_t modulus : moduli)
    offer(self, modulus, floorDiv(quotient->base, quotient->divisor * modulus));
  return mods;
}

/// Moves one mod out of `rest` into `groups` if that is wanted.
bool Normalizer::extractMod(Linear &rest, std::vector<Group> &groups, Grouping how) {
  std::vector<const Atom *> quotients;
  for (auto &term : rest.terms)
    if (!term.first->isDim())
      quotients.push_back(term.first);
  llvm::sort(quotients, [](const Atom *a, const Atom *b) {
    return a->divisor != b->divisor ? a->divisor < b->divisor : compareAtoms(a, b) < 0;
  });
  int64_t before = plainWidth(rest);
  // The mod that tightens the bounds most; for digits, else, the first that uses up what it is the mod of.
  std::optional<Linear> bestRest;
  Group best;
  int64_t bestGain = 0;
  for (const Atom *quotient : quotients)
    for (Group &mod : modsOf(quotient, quotients, rest)) {
      std::set<int64_t> factors;
      bool contained = !mod.inner.terms.empty();
      std::optional<int64_t> ratio;
      for (auto &[atom, coefficient] : mod.inner.terms) {
        int64_t have = rest.coefficient(atom);
        if (have % coefficient == 0 && have != 0)
          factors.insert(have / coefficient);
        contained &= have != 0 && have % coefficient == 0 && (!ratio || *ratio == have / coefficient);
        ratio = have / coefficient;
      }
      if (rest.coefficient(quotient) % mod.modulus == 0)
        factors.insert(-rest.coefficient(quotient) / mod.modulus);
      for (int64_t factor : factors) {
        Linear next = add(rest, mod.value, -factor);
        int64_t gain = before - plainWidth(next) - std::abs(factor) * (mod.modulus - 1);
        bool forced = how == Grouping::Digits && contained && factor == *ratio && !bestRest;
        if (gain <= bestGain && !forced)
          continue;
        bestGain = std::max<int64_t>(gain, 0);
        bestRest = next;
        best = mod;
        best.coefficient = factor;
      }
    }
  if (!bestRest)
    return false;
  rest = *bestRest;
  groups.push_back(best);
  return true;
}

std::vector<Group> Normalizer::group(const Linear &sum, Grouping how) {
  Linear rest = sum;
  std::vector<Group> groups;
  // Gains are positive or use up a quotient's inner terms; the bound only guards against a cycle of the
  // latter.
  for (unsigned step = 0; step < 64 && extractMod(rest, groups, how); ++step)
    ;
  std::vector<Group> plain = plainTerms(rest);
  groups.insert(groups.begin(), plain.begin(), plain.end());
  return groups;
}

Range Normalizer::range(const Linear &sum) {
  if (auto known = ranges_.find(sum); known != ranges_.end())
    return known->second;
  // Looking for mods divides, and a quotient's bounds are asked for in turn; the second time round the terms'
  // own bounds have to do.
  bool again = depth_ >= deepest || !pending_.insert(sum).second;
  std::vector<Group> groups = again ? plainTerms(sum) : group(sum, Grouping::WhereTighter);
  Range total{sum.constant, sum.constant};
  for (const Group &term : groups) {
    Range part = scaled(term.range, term.coefficient);
    int64_t shift = term.coefficient * term.value.constant;
    total = {total.min + part.min - shift, total.max + part.max - shift};
  }
  if (!again) {
    pending_.erase(sum);
    ranges_[sum] = total;
  }
  return total;
}

AffineExpr Normalizer::emit(const Linear &sum, MLIRContext *context) {
  struct Printed {
    unsigned firstDim;
    int64_t coefficient;
    unsigned order;
    AffineExpr expr;
  };
  std::vector<Printed> parts;
  int64_t constant = sum.constant;
  for (const Group &term : group(sum, Grouping::WhereTighter)) {
    constant -= term.coefficient * term.value.constant;
    Printed &part = parts.emplace_back();
    part.coefficient = term.coefficient;
    part.order = parts.size();
    if (term.atom) {
      part.firstDim = term.atom->firstDim;
      part.expr = term.atom->isDim() ? getAffineDimExpr(term.atom->dim, context)
                                     : emit(term.atom->base, context).floorDiv(term.atom->divisor);
      continue;
    }
    Linear inner = term.inner;
    inner.constant = floorModulo(inner.constant, term.modulus);
    llvm::erase_if(inner.terms, [&](auto &part) { return part.second % term.modulus == 0; });
    part.firstDim = term.value.terms.front().first->firstDim;
    part.expr = emit(inner, context) % term.modulus;
  }
  llvm::sort(parts, [](const Printed &a, const Printed &b) {
    return std::tie(a.firstDim, b.coefficient, a.order) < std::tie(b.firstDim, a.coefficient, b.order);
  });
  AffineExpr expr = getAffineConstantExpr(0, context);
  for (const Printed &part : parts)
    expr = expr + part.expr * part.coefficient;
  return expr + constant;
}

} // namespace tgc::affine
