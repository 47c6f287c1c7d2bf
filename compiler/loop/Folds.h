// How one reduction folds values into its state: identity, step, combination.
#pragma once
#include "compiler/loop/Generator.h"
#include <memory>

namespace tgc::loop {

/// What a step has at hand.
struct FoldPoint {
  Scope *scope;
  const Registers &registers;
  size_t accumulator; ///< position among the result's registers
  mlir::Value mask;   ///< null: the point counts; i1 or a vector of it else
};

/// A few values, scalars or vectors of any width.
using FoldState = llvm::SmallVector<mlir::Value, 2>;

class Fold {
public:
  virtual ~Fold() = default;
  virtual FoldState identity(bool vector) = 0;
  virtual FoldState step(const FoldState &state, const FoldPoint &point, bool vector) = 0;
  virtual FoldState combine(const FoldState &a, const FoldState &b) = 0;
};

/// The fold of a contraction, a reduction or (its sum) of moments, in values of `type`. The result is the
/// state's last value.
std::unique_ptr<Fold> makeFold(Generator &generator, mlir::Operation *op, mlir::Type type);
/// Second pass of moments: sums of differences from `means` (one an accumulator) and of their squares.
std::unique_ptr<Fold> makeDeviations(Generator &generator, mlir::Operation *op,
                                     std::vector<mlir::Value> means);

} // namespace tgc::loop
