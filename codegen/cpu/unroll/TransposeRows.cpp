#include "codegen/cpu/unroll/TransposeRows.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>

using namespace mlir;

namespace tgc::cpu {
namespace {

/// One row to a column, or a column to one row.
Rows transposeLine(OpBuilder &builder, Location loc, const Rows &rows, int64_t width) {
  Rows result;
  if (rows.size() == 1) {
    for (int64_t i = 0; i < width; ++i)
      result.push_back(builder.create<vector::ExtractStridedSliceOp>(loc, rows[0], i, 1, 1));
    return result;
  }
  Type element = cast<VectorType>(rows[0].getType()).getElementType();
  Value line = builder.create<ub::PoisonOp>(loc, VectorType::get({int64_t(rows.size())}, element));
  for (auto [i, row] : llvm::enumerate(rows))
    line = builder.create<vector::InsertOp>(loc, builder.create<vector::ExtractOp>(loc, row, 0), line, i);
  return {line};
}

} // namespace

// Padded to a square of a power of two, whose blocks off the diagonal are exchanged at every size, by
// shuffles of two rows; what works on padding folds away.
Rows transposeRows(OpBuilder &builder, Location loc, Rows rows, int64_t width) {
  int64_t height = rows.size();
  if (height == 1 || width == 1)
    return transposeLine(builder, loc, rows, width);
  auto shuffle = [&](Value a, Value b, ArrayRef<int64_t> mask) -> Value {
    return builder.create<vector::ShuffleOp>(loc, a, b, mask);
  };
  int64_t size = llvm::PowerOf2Ceil(std::max(height, width));
  if (width != size) {
    SmallVector<int64_t> widen(size);
    for (int64_t i = 0; i < size; ++i)
      widen[i] = std::min(i, width - 1);
    for (Value &row : rows)
      row = shuffle(row, row, widen);
  }
  while (int64_t(rows.size()) < size)
    rows.push_back(rows.back());
  for (int64_t step = size / 2; step >= 1; step /= 2) {
    SmallVector<int64_t> low(size), high(size);
    for (int64_t i = 0; i < size; ++i) {
      low[i] = i & step ? size + i - step : i;
      high[i] = i & step ? size + i : i + step;
    }
    for (int64_t r = 0; r < size; ++r)
      if (!(r & step)) {
        Value a = rows[r], b = rows[r + step];
        rows[r] = shuffle(a, b, low);
        rows[r + step] = shuffle(a, b, high);
      }
  }
  rows.resize(width);
  if (height != size) {
    SmallVector<int64_t> front(height);
    std::iota(front.begin(), front.end(), 0);
    for (Value &row : rows)
      row = shuffle(row, row, front);
  }
  return rows;
}

} // namespace tgc::cpu
