#include "compiler/kernel/Roundings.h"

using namespace mlir;
using namespace tgc::kernel;

namespace {

bool isSensitive(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return reduce.getKind() == ReduceKind::ArgMax || reduce.getKind() == ReduceKind::ArgMin;
  return isa<arith::CmpFOp, arith::FPToSIOp, arith::FPToUIOp, arith::RemFOp, arith::BitcastOp, math::SinOp,
             math::CosOp, math::TanOp, math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp,
             math::TruncOp>(op);
}

/// Operations that a path from a rounding may lead through.
bool isElementwise(Operation *op) {
  return isa<RemapOp>(op) || isa<arith::ArithDialect, math::MathDialect>(op->getDialect());
}

} // namespace

llvm::DenseSet<Operation *> tgc::kernel::keptRoundings(FuncOp func) {
  llvm::DenseSet<Operation *> kept, seen;
  SmallVector<Value> work;
  for (Operation &op : *func.getBlock())
    if (isSensitive(&op))
      work.append(op.operand_begin(), op.operand_end());
  while (!work.empty()) {
    Operation *op = work.pop_back_val().getDefiningOp();
    if (!op || !isElementwise(op) || !seen.insert(op).second)
      continue;
    if (isa<arith::TruncFOp>(op))
      kept.insert(op);
    work.append(op->operand_begin(), op->operand_end());
  }
  return kept;
}
