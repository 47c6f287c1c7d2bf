#include "compiler/tile/Tile.h"

using namespace mlir;
using namespace tgc::tile;

void ReduceOp::build(OpBuilder &builder, OperationState &state, ValueRange values, ArrayRef<int64_t> counts,
                     ArrayRef<int64_t> strides) {
  state.addOperands(values);
  state.addTypes(values.getTypes());
  state.addAttribute(getCountsAttrName(state.name), builder.getDenseI64ArrayAttr(counts));
  state.addAttribute(getStridesAttrName(state.name), builder.getDenseI64ArrayAttr(strides));
  Block &body = state.addRegion()->emplaceBlock();
  for (int side = 0; side < 2; ++side)
    for (Type type : values.getTypes())
      body.addArgument(type, state.location);
}

LogicalResult ReduceOp::verify() {
  if (getValues().getTypes() != getResults().getTypes())
    return emitOpError("results must have the values' types");
  if (getCounts().size() != getStrides().size())
    return emitOpError("needs a stride for every count");
  for (auto [count, stride] : llvm::zip(getCounts(), getStrides()))
    if (count < 1 || stride < 1)
      return emitOpError("counts and strides must be positive");
  SmallVector<Type> both(getValues().getTypes());
  llvm::append_range(both, getValues().getTypes());
  if (getBlock()->getArgumentTypes() != TypeRange(both))
    return emitOpError("the body combines two sets of the values");
  auto yield = dyn_cast<YieldOp>(getBlock()->back());
  if (!yield || yield.getValues().getTypes() != getValues().getTypes())
    return emitOpError("the body must yield the values' types");
  return success();
}
