// In:  the graph stage, with values of f64 that the model computes on the way.
// Out: the same in f32, for a device that does not compute in f64.
//
// What the user hands over or gets stays: arguments, results, weights whose bytes lie outside of the model. Where one of
// them meets what became f32 there is a conversion, and the device then refuses the buffer, by the names of its nodes.
// 1. Operations in order. Every value of f64 that is computed, or a constant of the model, gets a twin in f32.
// 2. Conversions between f64 and other types become conversions between f32 and those, or nothing.
// 3. Every other operation is made anew on the twins: its f64 types and its f64 attributes (fills) become f32.
// 4. The function's results are widened where it returns f64.
#include "compiler/graph/Graph.h"
#include "compiler/graph/transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace tgc::graph {
namespace {

class Narrowing {
public:
  Narrowing(func::FuncOp function, SmallVectorImpl<Location> *changed)
      : function(function), builder(function.getContext()), changed(changed) {}

  void run() {
    for (Operation &op : llvm::make_early_inc_range(function.getBody().front())) {
      builder.setInsertionPoint(&op);
      if (op.hasTrait<OpTrait::IsTerminator>())
        widenOperands(op);
      else if (touchesDouble(op) && !belongsToUser(op))
        narrow(op);
    }
    for (Operation *op : llvm::reverse(replaced))
      op->erase();
  }

private:
  static bool isDouble(Type type) { return getElementTypeOrSelf(type).isF64(); }
  static bool touchesDouble(Operation &op) {
    return llvm::any_of(op.getOperandTypes(), isDouble) || llvm::any_of(op.getResultTypes(), isDouble);
  }
  static bool belongsToUser(Operation &op) {
    auto weight = dyn_cast<WeightOp>(op);
    return weight && !isa_and_nonnull<DenseElementsAttr>(weight.getSource().value_or(Attribute()));
  }

  Type narrowType(Type type) {
    if (!isDouble(type))
      return type;
    Type f32 = builder.getF32Type();
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      return tensor.clone(f32);
    return f32;
  }

  Attribute narrowAttribute(Attribute attribute) {
    auto narrowed = [&](APFloat number) {
      bool lost = false;
      number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
      return number;
    };
    if (auto number = dyn_cast<FloatAttr>(attribute); number && number.getType().isF64())
      return builder.getFloatAttr(builder.getF32Type(), narrowed(number.getValue()));
    if (auto numbers = dyn_cast<DenseFPElementsAttr>(attribute); numbers && numbers.getElementType().isF64())
      return numbers.mapValues(builder.getF32Type(),
                               [&](const APFloat &number) { return narrowed(number).bitcastToAPInt(); });
    return attribute;
  }

  /// The value in f32; of the user's values a rounded copy.
  Value twin(Value value) {
    if (!isDouble(value.getType()))
      return value;
    Value &made = twins[value];
    if (!made) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfterValue(value);
      made = builder.create<arith::TruncFOp>(value.getLoc(), narrowType(value.getType()), value);
    }
    return made;
  }

  /// `value`, not of f64, in the type.
  Value convert(Location loc, Value value, Type type) {
    unsigned from = getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth(),
             to = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    if (value.getType() == type)
      return value;
    if (from < to)
      return builder.create<arith::ExtFOp>(loc, type, value);
    return builder.create<arith::TruncFOp>(loc, type, value);
  }

  void narrow(Operation &op) {
    if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
      Value made = convert(op.getLoc(), twin(op.getOperand(0)), narrowType(op.getResult(0).getType()));
      if (isDouble(op.getResult(0).getType()))
        twins[op.getResult(0)] = made;
      else
        op.getResult(0).replaceAllUsesWith(made);
      replaced.push_back(&op);
      return;
    }
    OperationState state(op.getLoc(), op.getName());
    for (Value operand : op.getOperands())
      state.addOperands(twin(operand));
    for (Type type : op.getResultTypes())
      state.addTypes(narrowType(type));
    for (NamedAttribute attribute : op.getAttrs())
      state.addAttribute(attribute.getName(), narrowAttribute(attribute.getValue()));
    Operation *made = builder.create(state);
    for (auto [old, fresh] : llvm::zip(op.getResults(), made->getResults())) {
      if (isDouble(old.getType()))
        twins[old] = fresh;
      else
        old.replaceAllUsesWith(fresh);
    }
    if (changed && !isa<WeightOp, arith::ConstantOp, ViewOp, PieceOp>(op))
      changed->push_back(op.getLoc());
    replaced.push_back(&op);
  }

  void widenOperands(Operation &op) {
    for (OpOperand &operand : op.getOpOperands())
      if (auto made = twins.find(operand.get()); made != twins.end() && !isUsers(operand.get()))
        operand.set(builder.create<arith::ExtFOp>(op.getLoc(), operand.get().getType(), made->second));
  }
  static bool isUsers(Value value) { return !value.getDefiningOp() || belongsToUser(*value.getDefiningOp()); }

  func::FuncOp function;
  OpBuilder builder;
  SmallVectorImpl<Location> *changed;
  llvm::DenseMap<Value, Value> twins;
  SmallVector<Operation *> replaced;
};

struct AvoidDoublePass : PassWrapper<AvoidDoublePass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AvoidDoublePass)
  explicit AvoidDoublePass(SmallVectorImpl<Location> *changed = nullptr) : changed(changed) {}
  StringRef getArgument() const final { return "tgc-avoid-double"; }
  StringRef getDescription() const final { return "Compute in f32 what a model computes in f64 on the way"; }
  void getDependentDialects(DialectRegistry &registry) const final { registry.insert<arith::ArithDialect>(); }
  void runOnOperation() final { Narrowing(getOperation(), changed).run(); }

  SmallVectorImpl<Location> *changed;
};

} // namespace

std::unique_ptr<Pass> createAvoidDoublePass(SmallVectorImpl<Location> *changed) {
  return std::make_unique<AvoidDoublePass>(changed);
}
void registerAvoidDoublePass() { PassRegistration<AvoidDoublePass>(); }

} // namespace tgc::graph
