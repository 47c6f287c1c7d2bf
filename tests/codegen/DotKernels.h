// Builds thread-stage modules around the micro-kernel, for tests and benchmarks.
#pragma once
#include "codegen/cpu/MicroKernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace tgc::test {

struct DotShape {
  int64_t m = 144, n = 256, k = 384;
  /// A as micro panels [m/R][k][R], or else rows [m][k].
  bool panels = true;
  /// The number of rows comes from a buffer of one i64 instead.
  bool dynamicRows = false;
  bool startFromZero = false;
  /// A panel of B is widened into scratch first.
  bool widen = false;
  /// Element of A, B and the sums: "f32", "f64", "bf16" (A and B only).
  std::string left = "f32", right = "f32", sums = "f32";
};

/// A kernel @dot(A, B, sums, rows, widened panel) whose blocks each compute the whole product.
mlir::OwningOpRef<mlir::ModuleOp> buildDot(mlir::MLIRContext &context, const cpu::CpuTarget &target,
                                           const cpu::MicroTile &tile, const DotShape &shape);

/// The element type of that name.
mlir::Type elementType(mlir::MLIRContext &context, const std::string &name);

} // namespace tgc::test
