// The normal form behind Ranges.h: sums of dimensions and floor divisions, each with its bounds.
#pragma once
#include "compiler/affine/Ranges.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace tgc::affine {

struct Atom;

/// constant + Σ coefficient · atom; atoms differ, coefficients are not 0, terms stand in one fixed order.
struct Linear {
  int64_t constant = 0;
  llvm::SmallVector<std::pair<const Atom *, int64_t>, 4> terms;

  int64_t coefficient(const Atom *atom) const;
  bool isConstant() const { return terms.empty(); }
  bool operator==(const Linear &other) const { return constant == other.constant && terms == other.terms; }
  bool operator<(const Linear &other) const {
    return std::tie(constant, terms) < std::tie(other.constant, other.terms);
  }
};

/// A dimension, or base floordiv divisor. Owned by a Normalizer and unique in it.
struct Atom {
  unsigned dim = 0;
  int64_t divisor = 0; ///< 0 for a dimension
  Linear base;
  Range range{0, 0};
  unsigned firstDim = 0;
  unsigned depth = 0;

  bool isDim() const { return divisor == 0; }
};

/// A term of a sum in which `x - c * (x floordiv c)` has become `x mod c`.
struct Group {
  int64_t coefficient = 0;
  const Atom *atom = nullptr; ///< a plain atom, or
  Linear inner;               ///< inner mod modulus
  int64_t modulus = 0;
  Linear value; ///< the same as a sum of atoms, without the coefficient
  Range range{0, 0};
};

/// How eagerly sums are written with mod.
enum class Grouping {
  WhereTighter, ///< where that gives tighter bounds
  Digits,       ///< wherever it is possible
};

/// Normalises expressions over dimensions of given bounds. x mod c is x - c * (x floordiv c) inside, so that
/// equal combinations of the digits of one number become equal sums.
class Normalizer {
public:
  explicit Normalizer(llvm::ArrayRef<Range> dims);
  static std::vector<Range> fromExtents(llvm::ArrayRef<int64_t> extents);

  /// Nothing for expressions with symbols, products of dimensions or divisors that are not positive
  /// constants.
  std::optional<Linear> parse(mlir::AffineExpr expr);
  mlir::AffineExpr emit(const Linear &sum, mlir::MLIRContext *context);

  Linear dim(unsigned position) const;
  Linear floorDiv(const Linear &sum, int64_t divisor);
  Linear mod(const Linear &sum, int64_t divisor);
  Range range(const Linear &sum);
  std::vector<Group> group(const Linear &sum, Grouping how);

private:
  const Atom *floorAtom(const Linear &base, int64_t divisor);
  Linear floorDivReduced(const Linear &sum, int64_t divisor);
  std::optional<Linear> splitOrAbsorb(const Linear &sum, int64_t divisor);
  std::optional<Linear> splitByGcd(const std::vector<Group> &terms, int64_t constant, int64_t divisor);
  std::vector<Group> modsOf(const Atom *quotient, llvm::ArrayRef<const Atom *> quotients, const Linear &rest);
  bool extractMod(Linear &rest, std::vector<Group> &groups, Grouping how);
  std::vector<Group> plainTerms(const Linear &sum) const;

  std::vector<std::unique_ptr<Atom>> atoms_; // the dimensions first
  std::map<std::pair<Linear, int64_t>, const Atom *> floors_;
  std::map<std::pair<Linear, int64_t>, Linear> divisions_;
  std::map<Linear, Range> ranges_;
  std::set<Linear> pending_; // whose bounds are being computed
  std::set<std::pair<Linear, int64_t>> pendingQuotients_;
  llvm::DenseMap<mlir::AffineExpr, Linear> parsed_;
  unsigned depth_ = 0; // of nested divisions
};

int64_t floorDivide(int64_t a, int64_t b);
int64_t floorModulo(int64_t a, int64_t b);

/// a + factor · b
Linear add(const Linear &a, const Linear &b, int64_t factor = 1);
Linear scale(const Linear &a, int64_t factor);
/// The coefficients and the constant must be multiples of `factor`.
Linear divideExactly(const Linear &a, int64_t factor);

} // namespace tgc::affine
