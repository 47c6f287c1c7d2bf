#include "compiler/kernel/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "compiler/kernel/KernelDialect.cpp.inc"
#include "compiler/kernel/KernelEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/kernel/KernelAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "compiler/kernel/Kernel.cpp.inc"

using namespace mlir;
using llvm::SmallBitVector;
using namespace tgc::kernel;

void KernelDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/kernel/KernelAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/kernel/Kernel.cpp.inc"
      >();
}

IntegerSet tgc::kernel::alwaysTrue(MLIRContext *context, unsigned dims) {
  return IntegerSet::get(dims, 0, getAffineConstantExpr(0, context), /*eqFlags=*/true);
}

bool tgc::kernel::isAlwaysTrue(IntegerSet set) {
  return llvm::all_of(llvm::zip(set.getConstraints(), set.getEqFlags()), [](auto constraint) {
    auto constant = dyn_cast<AffineConstantExpr>(std::get<0>(constraint));
    return constant && (std::get<1>(constraint) ? constant.getValue() == 0 : constant.getValue() >= 0);
  });
}

OperandRange tgc::kernel::reducedAxes(Operation *op) {
  return TypeSwitch<Operation *, OperandRange>(op)
      .Case<ContractOp, ReduceOp, MomentsOp, SoftmaxOp>([](auto reduction) { return reduction.getOver(); })
      .Default([](Operation *other) { return OperandRange(other->operand_end(), other->operand_end()); });
}

AxisSets::AxisSets(FuncOp func) : func_(func) {
  unsigned axes = func.getNumAxes();
  for (BlockArgument axis : func.getAxes()) {
    SmallBitVector set(axes);
    set.set(func.axisIndex(axis));
    sets_[axis] = set;
  }
  for (Operation &op : *func.getBlock()) {
    if (op.getNumResults() == 0)
      continue;
    SmallBitVector set(axes);
    if (auto remap = dyn_cast<RemapOp>(op)) {
      set = of(remap.getSource());
      bool depends = set.test(func.axisIndex(remap.getAxis()));
      set.reset(func.axisIndex(remap.getAxis()));
      if (depends)
        for (unsigned d = 0; d < remap.getMap().getNumDims(); ++d)
          if (remap.getMap().isFunctionOfDim(d))
            set |= of(remap.getAxes()[d]);
    } else {
      for (Value operand : op.getOperands())
        set |= of(operand);
      for (Value axis : reducedAxes(&op))
        set.reset(func.axisIndex(axis));
    }
    for (Value result : op.getResults())
      sets_[result] = set;
  }
}

SmallBitVector AxisSets::of(Value value) const {
  auto it = sets_.find(value);
  return it != sets_.end() ? it->second : SmallBitVector(FuncOp(func_).getNumAxes());
}

SmallBitVector AxisSets::of(StoreOp store) const {
  SmallBitVector set = of(store.getValue());
  for (Value axis : store.getAxes())
    set |= of(axis);
  return set;
}
