#include "codegen/common/BodyEmitter.h"

#include "compiler/support/Error.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace tgc {

BodyEmitter::BodyEmitter(OpBuilder &builder, const IRMapping &outside, tile::EachOp each)
    : each(each), rowArgument(each.getBody().getArgument(0)),
      columnArgument(each.getBody().getNumArguments() > 1 ? each.getBody().getArgument(1) : BlockArgument()),
      bodyBuilder(builder), outside(outside) {}

void BodyEmitter::findUses() {
  for (Operation &op : each.getBody().front().without_terminator())
    findUses(op);
}

static bool hasEffects(Operation &op) {
  if (isMemoryEffectFree(&op))
    return false;
  auto effects = dyn_cast<MemoryEffectOpInterface>(op);
  SmallVector<MemoryEffects::EffectInstance> found;
  if (effects)
    effects.getEffects(found);
  return !effects || !llvm::all_of(found, [](const auto &effect) {
    return isa<MemoryEffects::Read>(effect.getEffect());
  });
}

void BodyEmitter::findUses(Operation &op) {
  int use = hasEffects(op) && op.getNumResults() == 0 ? Row | Column : None;
  op.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      use |= operand == rowArgument ? Row : operand == columnArgument ? Column : uses.lookup(operand);
    if (auto element = dyn_cast<tile::ElementOp>(inner))
      use |= element.getFragment().getType().getShape().size() > 1 ? Row | Column : Row;
  });
  operationUses[&op] = use;
  for (Value result : op.getResults())
    uses[result] = use;
}

Value BodyEmitter::emit(At at) {
  Block &body = each.getBody().front();
  for (Operation &op : body.without_terminator())
    emit(op, at);
  auto yield = cast<tile::YieldOp>(body.getTerminator());
  return yield.getValues().empty() ? Value() : lookup(yield.getValues()[0], at);
}

Value BodyEmitter::lookup(Value value, At at) {
  if (value == rowArgument || value == columnArgument) {
    bool isColumn = value == columnArgument;
    Value &have = known[value][keyOf(isColumn ? Column : Row, at)];
    if (!have)
      have = coordinate(isColumn, at);
    return have;
  }
  if (value.getParentRegion() == &each.getBody())
    return known[value].lookup(keyOf(uses.lookup(value), at));
  return outside.lookup(value);
}

void BodyEmitter::emit(Operation &op, At at) {
  int use = operationUses.lookup(&op);
  if (op.getNumResults() > 0 && known[op.getResult(0)].count(keyOf(use, at)))
    return;
  SmallVector<Value> results;
  if (Value made = special(op, at)) {
    results.push_back(made);
  } else {
    IRMapping inner(outside);
    op.walk([&](Operation *nested) {
      if (isa<tile::ElementOp>(nested))
        internalError("an element is read inside a branch");
      for (Value operand : nested->getOperands())
        if (operand.getParentRegion() == &each.getBody())
          inner.map(operand, lookup(operand, at));
    });
    Operation *copy = bodyBuilder.clone(op, inner);
    results.append(copy->result_begin(), copy->result_end());
  }
  for (auto [from, to] : llvm::zip(op.getResults(), results))
    known[from][keyOf(use, at)] = to;
}

} // namespace tgc
