#include "compiler/cut/Cost.h"

#include "compiler/cut/Access.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace tgc::cut {

double flopsOf(Operation *op) {
  if (isa<arith::ConstantOp, arith::ExtFOp, arith::TruncFOp, graph::ViewOp>(op))
    return 0;
  if (auto piece = dyn_cast<graph::PieceOp>(op))
    return double(piece.getSources().size()) - 1;
  if (isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, math::SqrtOp,
          math::RsqrtOp>(op))
    return 4;
  if (isa<math::AbsFOp, math::FloorOp, math::CeilOp, math::RoundEvenOp, math::RoundOp, math::CopySignOp,
          math::FmaOp>(op))
    return 1;
  if (isa<math::MathDialect>(op->getDialect()))
    return 15;
  return 1;
}

/// What is rounded to 8 bits is stored so: it takes a quarter of the memory, and matrix units take it as it lies.
static bool roundsToBytes(Operation *op) {
  return isa<arith::TruncFOp, arith::FPToSIOp, arith::FPToUIOp, arith::TruncIOp>(op) &&
         getElementTypeOrSelf(op->getResult(0).getType()).getIntOrFloatBitWidth() == 8;
}

bool isCheapInOperand(Operation *op) {
  if (roundsToBytes(op))
    return false;
  if (flopsOf(op) == 0 || isa<graph::PieceOp>(op))
    return true;
  if (isa<arith::NegFOp, arith::SIToFPOp, arith::UIToFPOp, arith::FPToSIOp, arith::FPToUIOp, arith::ExtSIOp,
          arith::ExtUIOp, arith::TruncIOp>(op))
    return true;
  return isa<arith::MulFOp, arith::AddFOp, arith::SubFOp>(op) &&
         llvm::any_of(op->getOperands(), [](Value operand) {
           return operand.getDefiningOp() && isSplat(operand.getDefiningOp());
         });
}

} // namespace tgc::cut
