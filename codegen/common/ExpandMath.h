// Expansion of mathematical functions into arithmetic that every device has.
#pragma once
#include "codegen/common/MathBuilder.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/ArrayRef.h"
#include <memory>

namespace tgc {

/// One function: the op's name and how it is computed in f32 and in f64 (null: by `import`, a C function
/// called for every element, where the target has such; f32 is always computed).
struct Expansion {
  using Compute = Num (*)(MathBuilder &, llvm::ArrayRef<Num> operands);
  const char *op;
  Compute f32;
  Compute f64;
  const char *import;
};

/// The families; ExpandMath.cpp joins them to the one table.
llvm::ArrayRef<Expansion> exponentialExpansions();
llvm::ArrayRef<Expansion> logarithmExpansions();
llvm::ArrayRef<Expansion> trigonometricExpansions();
llvm::ArrayRef<Expansion> arcExpansions();
llvm::ArrayRef<Expansion> hyperbolicExpansions();
llvm::ArrayRef<Expansion> powerExpansions();
llvm::ArrayRef<Expansion> roundingExpansions();
llvm::ArrayRef<Expansion> errorFunctionExpansions();

/// base^exponent on integers: wraps; negative exponents round towards 0.
mlir::Value expandIPow(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value base, mlir::Value exponent);

/// All functions of the math dialect on f32 and f64 become arith, math.fma (where the target has it), absf,
/// copysign, sqrt and rounding instructions; f64 functions without expansion become calls of `import`.
std::unique_ptr<mlir::Pass> createExpandMathPass(const MathTarget &target);

/// Conversions and extrema: see ExpandArith.cpp.
std::unique_ptr<mlir::Pass> createExpandArithPass(const MathTarget &target);

} // namespace tgc
