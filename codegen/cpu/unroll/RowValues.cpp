#include "codegen/cpu/unroll/RowValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace tgc::cpu {

bool hasRows(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector && vector.getRank() >= 2 && !vector.isScalable();
}

VectorType rowType(VectorType type) {
  return VectorType::get({type.getShape().back()}, type.getElementType());
}

int64_t rowCount(VectorType type) { return type.getNumElements() / type.getShape().back(); }

int64_t linear(ArrayRef<int64_t> at, ArrayRef<int64_t> shape) {
  int64_t index = 0;
  for (auto [i, size] : llvm::zip(at, shape))
    index = index * size + i;
  return index;
}

SmallVector<int64_t> delinear(int64_t index, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> at(shape.size());
  for (size_t d = shape.size(); d-- > 0; index /= shape[d])
    at[d] = index % shape[d];
  return at;
}

Rows RowValues::of(Value value) const {
  auto found = known.find(value);
  assert(found != known.end() && "rows are known in order of dominance");
  return found->second;
}

SmallVector<Value> RowValues::spread(ValueRange values) const {
  SmallVector<Value> result;
  for (Value value : values) {
    if (hasRows(value.getType()))
      llvm::append_range(result, of(value));
    else
      result.push_back(value);
  }
  return result;
}

void RowValues::adopt(Value old, ValueRange &values) {
  size_t count = hasRows(old.getType()) ? rowCount(cast<VectorType>(old.getType())) : 1;
  if (hasRows(old.getType()))
    known[old] = Rows(values.take_front(count));
  else
    old.replaceAllUsesWith(values.front());
  values = values.drop_front(count);
}

Rows takeApart(OpBuilder &builder, Location loc, Value value) {
  auto type = cast<VectorType>(value.getType());
  Rows rows;
  for (int64_t r = 0; r < rowCount(type); ++r)
    rows.push_back(builder.create<vector::ExtractOp>(loc, value, delinear(r, type.getShape().drop_back())));
  return rows;
}

Value assemble(OpBuilder &builder, Location loc, const Rows &rows, VectorType type) {
  Value whole = builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(type));
  for (auto [r, row] : llvm::enumerate(rows))
    whole = builder.create<vector::InsertOp>(loc, row, whole, delinear(r, type.getShape().drop_back()));
  return whole;
}

} // namespace tgc::cpu
