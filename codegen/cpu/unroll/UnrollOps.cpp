// Rows of what element-wise ops, constants, broadcasts, loads and stores make: the op once for each row.
#include "codegen/cpu/unroll/UnrollOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

class OpRules {
public:
  OpRules(OpBuilder &builder, const RowValues &values, Operation *op)
      : builder(builder), values(values), loc(op->getLoc()) {}

  std::optional<Rows> unroll(Operation *op) {
    if (OpTrait::hasElementwiseMappableTraits(op))
      return unrollElementwise(op);
    return llvm::TypeSwitch<Operation *, std::optional<Rows>>(op)
        .Case<vector::FMAOp, vector::BitCastOp, vector::InterleaveOp>(
            [&](Operation *rowByRow) { return unrollElementwise(rowByRow); })
        .Case([&](arith::ConstantOp constant) { return unrollConstant(constant); })
        .Case([&](ub::PoisonOp poison) { return unrollPoison(poison); })
        .Case([&](vector::SplatOp splat) { return broadcast(splat.getInput(), splat.getType()); })
        .Case([&](vector::BroadcastOp broad) {
          return broadcast(broad.getSource(), broad.getResultVectorType());
        })
        .Case([&](vector::LoadOp load) { return unrollLoad(load); })
        .Case([&](vector::StoreOp store) { return unrollStore(store); })
        .Default([](Operation *) { return std::nullopt; });
  }

private:
  std::optional<Rows> unrollElementwise(Operation *op) {
    if (op->getNumResults() != 1)
      return std::nullopt;
    auto type = cast<VectorType>(op->getResult(0).getType());
    Rows result;
    for (int64_t r = 0; r < rowCount(type); ++r) {
      SmallVector<Value> operands;
      for (Value operand : op->getOperands())
        operands.push_back(hasRows(operand.getType()) ? values.of(operand)[r] : operand);
      OperationState state(loc, op->getName(), operands, rowType(type), op->getAttrs());
      result.push_back(builder.create(state)->getResult(0));
    }
    return result;
  }

  std::optional<Rows> unrollConstant(arith::ConstantOp constant) {
    auto type = cast<VectorType>(constant.getType());
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!elements)
      return std::nullopt;
    Rows rows;
    int64_t width = type.getShape().back();
    if (elements.isSplat()) {
      Value row = builder.create<arith::ConstantOp>(loc, elements.resizeSplat(rowType(type)));
      return Rows(rowCount(type), row);
    }
    auto values = llvm::to_vector(elements.getValues<Attribute>());
    for (int64_t r = 0; r < rowCount(type); ++r)
      rows.push_back(builder.create<arith::ConstantOp>(
          loc, DenseElementsAttr::get(rowType(type), ArrayRef(values).slice(r * width, width))));
    return rows;
  }

  std::optional<Rows> unrollPoison(ub::PoisonOp poison) {
    auto type = cast<VectorType>(poison.getType());
    return Rows(rowCount(type), builder.create<ub::PoisonOp>(loc, rowType(type)));
  }

  std::optional<Rows> broadcast(Value source, VectorType type) {
    VectorType row = rowType(type);
    auto from = dyn_cast<VectorType>(source.getType());
    if (!from || from.getRank() == 0 || (from.getRank() == 1)) {
      Value value =
          from && from == row ? source : builder.create<vector::BroadcastOp>(loc, row, source).getResult();
      return Rows(rowCount(type), value);
    }
    Rows sources = values.of(source), rows;
    ArrayRef<int64_t> leading = type.getShape().drop_back(), fromLeading = from.getShape().drop_back();
    for (int64_t r = 0; r < rowCount(type); ++r) {
      SmallVector<int64_t> at = delinear(r, leading);
      SmallVector<int64_t> fromAt(ArrayRef<int64_t>(at).take_back(fromLeading.size()));
      for (auto [i, size] : llvm::zip(fromAt, fromLeading))
        i = size == 1 ? 0 : i;
      Value value = sources[linear(fromAt, fromLeading)];
      rows.push_back(
          value.getType() == row ? value : builder.create<vector::BroadcastOp>(loc, row, value).getResult());
    }
    return rows;
  }

  std::optional<Rows> unrollLoad(vector::LoadOp load) {
    VectorType type = load.getVectorType();
    Rows rows;
    for (int64_t r = 0; r < rowCount(type); ++r)
      rows.push_back(builder.create<vector::LoadOp>(loc, rowType(type), load.getBase(),
                                                    shifted(load.getIndices(), type, r)));
    return rows;
  }

  std::optional<Rows> unrollStore(vector::StoreOp store) {
    VectorType type = store.getVectorType();
    for (auto [r, row] : llvm::enumerate(values.of(store.getValueToStore())))
      builder.create<vector::StoreOp>(loc, row, store.getBase(), shifted(store.getIndices(), type, r));
    return Rows();
  }

  /// The indices of row r of a load or store at `indices`.
  SmallVector<Value> shifted(ValueRange indices, VectorType type, int64_t r) {
    SmallVector<Value> result(indices);
    SmallVector<int64_t> at = delinear(r, type.getShape().drop_back());
    size_t first = result.size() - type.getRank();
    for (auto [d, i] : llvm::enumerate(at))
      if (i != 0)
        result[first + d] = builder.createOrFold<arith::AddIOp>(
            loc, result[first + d], builder.create<arith::ConstantIndexOp>(loc, i));
    return result;
  }

  OpBuilder &builder;
  const RowValues &values;
  Location loc;
};

} // namespace

std::optional<Rows> unrollOp(OpBuilder &builder, const RowValues &values, Operation *op) {
  return OpRules(builder, values, op).unroll(op);
}

} // namespace tgc::cpu
