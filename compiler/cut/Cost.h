// What the cutter's decisions are weighed by: seconds on a machine described by four numbers.
#pragma once
#include "mlir/IR/Operation.h"

namespace tgc::cut {

/// Only ratios matter for the decisions; the numbers are of a current accelerator, and a CPU's ratio of
/// arithmetic to memory is of the same order.
struct CostModel {
  double bytesPerSecond = 2e12;
  double flopsPerSecond = 2e13; ///< element-wise arithmetic, not matrix units
  double launchSeconds = 2.5e-6;
  double storeSeconds = 0.5e-6; ///< one more stored value in a kernel: code, registers, a partial write
  /// Arithmetic of one element that hides behind its memory traffic.
  double hiddenFlops = 5;
  /// How often an operand of a contraction is computed again because tiles share it.
  double operandReuse = 16;

  double bytes(double count) const { return count / bytesPerSecond; }
  /// `points` elements of so many operations each.
  double flops(double points, double each) const {
    return points * (each > hiddenFlops ? each - hiddenFlops : 0) / flopsPerSecond;
  }
};

/// Arithmetic of one element of an element-wise operation, in units of an addition; 0 for casts between
/// floating-point types and constants, the number of further sources for a piece.
double flopsOf(mlir::Operation *op);
/// A cast, or a multiplication or addition with a constant: fine inside a contraction's operand.
bool isCheapInOperand(mlir::Operation *op);

} // namespace tgc::cut
