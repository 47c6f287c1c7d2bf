// In:  the graph stage, where tensors may have no elements.
// Out: no operation with elements in its result reads a tensor without any.
// 1. A reduction over nothing is its identity; a sum of products is zero; mean and variance are NaN.
// 2. A view of nothing is its fill; a piece of nothing never applies.
// Results without elements stay: nobody computes them.
#include "compiler/graph/Graph.h"
#include "compiler/graph/transforms/Movement.h"
#include "compiler/graph/transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc::graph {
namespace {

bool isEmpty(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements() == 0; }

TypedAttr identityOf(ReduceOp reduce, Builder &builder) {
  Type element = elementOf(reduce.getResult());
  auto integer = [&](const APInt &value) -> TypedAttr { return IntegerAttr::get(element, value); };
  auto number = [&](double value) -> TypedAttr { return builder.getFloatAttr(element, value); };
  bool isMax = reduce.getKind() == ReduceKind::Max;
  if (auto type = dyn_cast<FloatType>(element)) {
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    switch (reduce.getKind()) {
    case ReduceKind::Add:
      return number(0);
    case ReduceKind::Mul:
      return number(1);
    case ReduceKind::Max:
    case ReduceKind::Min:
      return FloatAttr::get(type, APFloat::getInf(semantics, isMax));
    default:
      return {};
    }
  }
  unsigned width = element.getIntOrFloatBitWidth();
  bool isUnsigned = reduce.getIsUnsigned() || width == 1;
  switch (reduce.getKind()) {
  case ReduceKind::Add:
    return integer(APInt(width, 0));
  case ReduceKind::Mul:
    return integer(APInt(width, 1));
  case ReduceKind::Max:
    return integer(isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width));
  case ReduceKind::Min:
    return integer(isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width));
  default:
    return {};
  }
}

struct FoldEmpty : PassWrapper<FoldEmpty, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldEmpty)
  StringRef getArgument() const override { return "graph-fold-empty"; }
  StringRef getDescription() const override { return "removes reads of tensors without elements"; }

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect>();
  }

  void runOnOperation() override {
    SmallVector<Operation *> readers;
    getOperation()->walk([&](Operation *op) {
      if (op->getNumResults() > 0 && llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>) &&
          !isEmpty(op->getResult(0)) && llvm::any_of(op->getOperands(), isEmpty))
        readers.push_back(op);
    });
    for (Operation *op : readers)
      fold(op);
  }

  void fold(Operation *op) {
    OpBuilder builder(op);
    auto replace = [&](Value result, TypedAttr value) {
      if (value)
        result.replaceAllUsesWith(
            buildSplat(builder, op->getLoc(), cast<RankedTensorType>(result.getType()), value));
    };
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](ReduceOp reduce) { replace(reduce.getResult(), identityOf(reduce, builder)); })
        .Case([&](ContractOp contract) {
          replace(contract.getResult(), builder.getZeroAttr(elementOf(contract.getResult())));
        })
        .Case([&](MomentsOp moments) {
          auto type = cast<FloatType>(elementOf(moments.getMean()));
          TypedAttr nan = FloatAttr::get(type, APFloat::getNaN(type.getFloatSemantics()));
          replace(moments.getMean(), nan);
          replace(moments.getVariance(), nan);
        })
        .Case<ViewOp, PieceOp>([&](Operation *movement) {
          Movement rest = movementOf(movement);
          llvm::erase_if(rest.pieces, [](const Piece &piece) { return isEmpty(piece.source); });
          Value result = movement->getResult(0);
          result.replaceAllUsesWith(
              buildMovement(builder, op->getLoc(), cast<RankedTensorType>(result.getType()), rest));
        });
  }
};

} // namespace

std::unique_ptr<Pass> createFoldEmptyPass() { return std::make_unique<FoldEmpty>(); }

} // namespace tgc::graph
