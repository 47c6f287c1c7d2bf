// Threads of a block: which coordinates a thread has, and reductions across threads.
#include "compiler/loop/Generator.h"

#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using llvm::SmallBitVector;

namespace tgc::loop {

void Generator::bindThreads(const Plan &plan) {
  int64_t threads = plan.launches.front().threads;
  if (threads == 1)
    return;
  Scope *root = scopes.root();
  scopes.insertAt(root);
  Value thread = builder.create<tile::ThreadOp>(loc);
  for (auto [axis, layout] : llvm::enumerate(axes))
    for (const LoopLevel &level : layout.threads) {
      Value digit = thread;
      if (level.threads > 1) {
        Value stride = scopes.indexConstant(level.threads);
        scopes.insertAt(root);
        digit = builder.create<arith::DivUIOp>(loc, digit, stride);
      }
      if (level.threads * level.count < threads) {
        Value count = scopes.indexConstant(level.count);
        scopes.insertAt(root);
        digit = builder.create<arith::RemUIOp>(loc, digit, count);
      }
      AffineExpr dim = scopes.addDim(root, digit, level.count);
      threadDigits.push_back({int(axis), level, dim});
      AffineExpr steps = dim * level.step;
      threadIndex[axis] = threadIndex[axis] ? threadIndex[axis] + steps : steps;
    }
}

bool Generator::usesThreads(AffineExpr expr) const {
  return llvm::any_of(threadDigits, [&](const ThreadDigit &digit) {
    return expr.isFunctionOfDim(cast<AffineDimExpr>(digit.dim).getPosition());
  });
}

bool Generator::usesThreads(const Condition &condition) const {
  return llvm::any_of(condition.constraints,
                      [&](const auto &constraint) { return usesThreads(constraint.first); });
}

void Generator::combineThreads(MutableArrayRef<Value> values, const SmallBitVector &over, Scope *scope,
                               Combine combine) {
  SmallVector<int64_t> counts, strides;
  for (const ThreadDigit &digit : threadDigits)
    if (over.test(digit.axis)) {
      counts.push_back(digit.level.count);
      strides.push_back(digit.level.threads);
    }
  if (counts.empty())
    return;
  // Every thread that takes part must be at the same point of the axes that are not reduced.
  for (Scope *outer = scope; outer; outer = outer->parent)
    for (auto &[axis, binding] : outer->bindings)
      if (!binding.spread && llvm::any_of(threadDigits, [&](const ThreadDigit &digit) {
            return over.test(digit.axis) &&
                   binding.base.isFunctionOfDim(cast<AffineDimExpr>(digit.dim).getPosition());
          }))
        unsupported("kernel {}: threads share a reduction whose operands differ from thread to thread",
                    info.name);
  scopes.insertAt(scope);
  auto reduce = builder.create<tile::ReduceOp>(loc, values, counts, strides);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(reduce.getBlock());
    ValueRange arguments = reduce.getBlock()->getArguments();
    SmallVector<Value> joined =
        combine(arguments.take_front(values.size()), arguments.drop_front(values.size()));
    builder.create<tile::YieldOp>(loc, joined);
  }
  llvm::copy(reduce.getResults(), values.begin());
}

} // namespace tgc::loop
