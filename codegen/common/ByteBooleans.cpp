// Memory holds i1 as one byte, 0 or 1, for scalars and vectors alike (LLVM packs vectors of i1 into bits).
//  In:  memrefs of i1 anywhere.
//  Out: the same memrefs of i8; loads compare with zero, stores extend.
//  1. Turn i1 into i8 in the type of every memref, function types included.
//  2. Behind every op that reads such a memref into i1, narrow its result; before one that writes, widen.
#include "codegen/common/ByteBooleans.h"

using namespace mlir;

namespace tgc {
namespace {

Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

bool isBool(Type type) { return getElementTypeOrSelf(type).isInteger(1); }

struct ByteBooleans : PassWrapper<ByteBooleans, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ByteBooleans)
  StringRef getArgument() const override { return "tgc-byte-booleans"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect>();
  }

  Type convert(Type type) {
    auto memref = dyn_cast<MemRefType>(type);
    if (!memref || !memref.getElementType().isInteger(1))
      return type;
    changed = true;
    return MemRefType::Builder(memref).setElementType(IntegerType::get(&getContext(), 8));
  }

  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      for (Value result : op->getResults())
        result.setType(convert(result.getType()));
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (Value argument : block.getArguments())
            argument.setType(convert(argument.getType()));
      if (auto function = dyn_cast<func::FuncOp>(op); function && !function.isExternal())
        function.setType(FunctionType::get(&getContext(), function.getBody().getArgumentTypes(),
                                           function.getResultTypes()));
    });
    if (changed)
      getOperation().walk([&](Operation *op) { convertAccess(op); });
  }

  void convertAccess(Operation *op) {
    if (isa<memref::LoadOp, vector::LoadOp, vector::MaskedLoadOp, vector::GatherOp, vector::TransferReadOp,
            vector::ExpandLoadOp>(op)) {
      if (!isBool(op->getResult(0).getType()) || !readsBytes(op->getOperand(0).getType()))
        return;
      // The value of lanes that are not read: the operand of the result's type, which is not the mask.
      if (isa<vector::MaskedLoadOp, vector::GatherOp, vector::ExpandLoadOp>(op))
        widen(op, op->getNumOperands() - 1);
      else if (auto read = dyn_cast<vector::TransferReadOp>(op))
        widen(op, read.getPaddingMutable().getOperandNumber());
      narrow(op);
    } else if (isa<memref::StoreOp, vector::StoreOp, vector::TransferWriteOp>(op)) {
      if (readsBytes(op->getOperand(1).getType()))
        widen(op, 0);
    } else if (isa<vector::MaskedStoreOp, vector::ScatterOp, vector::CompressStoreOp>(op)) {
      if (readsBytes(op->getOperand(0).getType()))
        widen(op, op->getNumOperands() - 1);
    }
  }

  static bool readsBytes(Type memref) { return getElementTypeOrSelf(memref).isInteger(8); }

  void widen(Operation *op, unsigned index) {
    Value value = op->getOperand(index);
    if (!isBool(value.getType()))
      return;
    OpBuilder builder(op);
    Type bytes = withElement(value.getType(), builder.getI8Type());
    op->setOperand(index, builder.create<arith::ExtUIOp>(op->getLoc(), bytes, value));
  }

  void narrow(Operation *op) {
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    Value result = op->getResult(0);
    result.setType(withElement(result.getType(), builder.getI8Type()));
    Value zero = builder.create<arith::ConstantOp>(op->getLoc(), builder.getZeroAttr(result.getType()));
    auto compare = builder.create<arith::CmpIOp>(op->getLoc(), arith::CmpIPredicate::ne, result, zero);
    result.replaceAllUsesExcept(compare, compare);
  }

  bool changed = false;
};

} // namespace

std::unique_ptr<Pass> createByteBooleansPass() { return std::make_unique<ByteBooleans>(); }

} // namespace tgc
