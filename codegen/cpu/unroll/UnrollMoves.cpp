// Extracts, inserts, slices, shape casts and shuffles choose among rows, or parts of them; a transpose of the last two
// dimensions is a butterfly of two-input shuffles.
#include "codegen/cpu/unroll/TransposeRows.h"
#include "codegen/cpu/unroll/UnrollOps.h"

#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

static SmallVector<int64_t> integers(ArrayAttr attribute) {
  SmallVector<int64_t> values;
  for (Attribute value : attribute)
    values.push_back(cast<IntegerAttr>(value).getInt());
  return values;
}

class MoveRules {
public:
  MoveRules(OpBuilder &builder, const RowValues &values, Operation *op)
      : builder(builder), values(values), loc(op->getLoc()) {}

  std::optional<Rows> unroll(Operation *op) {
    return llvm::TypeSwitch<Operation *, std::optional<Rows>>(op)
        .Case([&](vector::ExtractOp extract) { return unrollExtract(extract); })
        .Case([&](vector::InsertOp insert) { return unrollInsert(insert); })
        .Case([&](vector::ExtractStridedSliceOp slice) { return unrollExtractSlice(slice); })
        .Case([&](vector::InsertStridedSliceOp slice) { return unrollInsertSlice(slice); })
        .Case([&](vector::ShapeCastOp cast) { return unrollShapeCast(cast); })
        .Case([&](vector::ShuffleOp shuffle) { return unrollShuffle(shuffle); })
        .Case([&](vector::TransposeOp transpose) { return unrollTranspose(transpose); })
        .Default([](Operation *) { return std::nullopt; });
  }

private:
  Value part(Value row, int64_t offset, int64_t width) {
    if (cast<VectorType>(row.getType()).getNumElements() == width)
      return row;
    return builder.create<vector::ExtractStridedSliceOp>(loc, row, offset, width, 1);
  }

  std::optional<Rows> unrollExtract(vector::ExtractOp extract) {
    if (extract.hasDynamicPosition())
      return std::nullopt;
    auto type = cast<VectorType>(extract.getVector().getType());
    ArrayRef<int64_t> at = extract.getStaticPosition(), leading = type.getShape().drop_back();
    Rows sources = values.of(extract.getVector());
    if (at.size() == size_t(type.getRank()))
      return Rows{
          builder.create<vector::ExtractOp>(loc, sources[linear(at.drop_back(), leading)], at.back())};
    int64_t count = 1;
    for (int64_t size : leading.drop_front(at.size()))
      count *= size;
    return Rows(ArrayRef<Value>(sources).slice(linear(at, leading.take_front(at.size())) * count, count));
  }

  std::optional<Rows> unrollInsert(vector::InsertOp insert) {
    if (insert.hasDynamicPosition())
      return std::nullopt;
    auto type = cast<VectorType>(insert.getDest().getType());
    ArrayRef<int64_t> at = insert.getStaticPosition(), leading = type.getShape().drop_back();
    Rows rows = values.of(insert.getDest());
    Value source = insert.getSource();
    if (at.size() == size_t(type.getRank())) {
      Value &row = rows[linear(at.drop_back(), leading)];
      row = builder.create<vector::InsertOp>(loc, source, row, at.back());
      return rows;
    }
    Rows pieces = hasRows(source.getType()) ? values.of(source) : Rows{source};
    int64_t first = linear(at, leading.take_front(at.size())) * pieces.size();
    std::copy(pieces.begin(), pieces.end(), rows.begin() + first);
    return rows;
  }

  std::optional<Rows> unrollExtractSlice(vector::ExtractStridedSliceOp slice) {
    auto from = cast<VectorType>(slice.getVector().getType()), to = slice.getType();
    SmallVector<int64_t> offsets = integers(slice.getOffsets());
    offsets.resize(from.getRank(), 0);
    Rows sources = values.of(slice.getVector()), rows;
    for (int64_t r = 0; r < rowCount(to); ++r) {
      SmallVector<int64_t> at = delinear(r, to.getShape().drop_back());
      for (auto [i, offset] : llvm::zip(at, offsets))
        i += offset;
      rows.push_back(
          part(sources[linear(at, from.getShape().drop_back())], offsets.back(), to.getShape().back()));
    }
    return rows;
  }

  std::optional<Rows> unrollInsertSlice(vector::InsertStridedSliceOp slice) {
    auto from = slice.getSourceVectorType(), to = slice.getDestVectorType();
    SmallVector<int64_t> offsets = integers(slice.getOffsets());
    Rows rows = values.of(slice.getDest());
    Rows pieces = hasRows(from) ? values.of(slice.getSource()) : Rows{slice.getSource()};
    for (auto [p, piece] : llvm::enumerate(pieces)) {
      SmallVector<int64_t> at(to.getRank() - from.getRank(), 0);
      llvm::append_range(at, delinear(p, from.getShape().drop_back()));
      for (auto [i, offset] : llvm::zip(at, offsets))
        i += offset;
      Value &row = rows[linear(at, to.getShape().drop_back())];
      row =
          piece.getType() == row.getType()
              ? piece
              : builder.create<vector::InsertStridedSliceOp>(loc, piece, row, offsets.back(), 1).getResult();
    }
    return rows;
  }

  std::optional<Rows> unrollShapeCast(vector::ShapeCastOp op) {
    auto from = op.getSourceVectorType(), to = op.getResultVectorType();
    if (from.getRank() == 0 || to.getRank() == 0)
      return std::nullopt;
    Rows sources = hasRows(from) ? values.of(op.getSource()) : Rows{op.getSource()};
    int64_t fromWidth = from.getShape().back(), width = to.getShape().back();
    VectorType row = rowType(to);
    Rows rows;
    for (int64_t start = 0; start < to.getNumElements(); start += width) {
      if (start % fromWidth + width <= fromWidth) {
        rows.push_back(part(sources[start / fromWidth], start % fromWidth, width));
        continue;
      }
      Value whole = builder.create<ub::PoisonOp>(loc, row);
      for (int64_t done = 0; done < width;) {
        int64_t at = start + done, length = std::min(width - done, fromWidth - at % fromWidth);
        Value piece = part(sources[at / fromWidth], at % fromWidth, length);
        whole = builder.create<vector::InsertStridedSliceOp>(loc, piece, whole, done, 1);
        done += length;
      }
      rows.push_back(whole);
    }
    return rows;
  }

  std::optional<Rows> unrollShuffle(vector::ShuffleOp shuffle) {
    auto first = cast<VectorType>(shuffle.getV1().getType());
    Rows sources = values.of(shuffle.getV1());
    llvm::append_range(sources, values.of(shuffle.getV2()));
    int64_t count = rowCount(first) / first.getShape().front();
    Rows rows;
    for (int64_t index : integers(shuffle.getMask()))
      llvm::append_range(rows, ArrayRef<Value>(sources).slice(index * count, count));
    return rows;
  }

  std::optional<Rows> unrollTranspose(vector::TransposeOp op) {
    VectorType from = op.getSourceVectorType(), to = op.getResultVectorType();
    ArrayRef<int64_t> permutation = op.getPermutation();
    int64_t rank = from.getRank();
    Rows sources = values.of(op.getVector()), rows(rowCount(to));
    ArrayRef<int64_t> fromLeading = from.getShape().drop_back(), toLeading = to.getShape().drop_back();
    if (permutation.back() == rank - 1) {
      for (int64_t r = 0; r < rowCount(to); ++r) {
        SmallVector<int64_t> at = delinear(r, toLeading), fromAt(rank - 1);
        for (int64_t d = 0; d + 1 < rank; ++d)
          fromAt[permutation[d]] = at[d];
        rows[r] = sources[linear(fromAt, fromLeading)];
      }
      return rows;
    }
    // The old last dimension is `last` in the result; the new last one is `inner` in the source. For each
    // setting of the others, transpose the matrix of these two.
    int64_t inner = permutation.back(), last = llvm::find(permutation, rank - 1) - permutation.begin();
    for (int64_t r = 0; r < rowCount(to); ++r) {
      SmallVector<int64_t> at = delinear(r, toLeading);
      if (at[last] != 0)
        continue;
      Rows matrix;
      for (int64_t i = 0; i < from.getShape()[inner]; ++i) {
        SmallVector<int64_t> fromAt(rank - 1);
        for (int64_t d = 0; d + 1 < rank; ++d)
          if (d != last)
            fromAt[permutation[d]] = at[d];
        fromAt[inner] = i;
        matrix.push_back(sources[linear(fromAt, fromLeading)]);
      }
      for (auto [j, row] : llvm::enumerate(transposeRows(builder, loc, matrix, from.getShape().back()))) {
        at[last] = j;
        rows[linear(at, toLeading)] = row;
      }
    }
    return rows;
  }

  OpBuilder &builder;
  const RowValues &values;
  Location loc;
};

} // namespace

std::optional<Rows> unrollMove(OpBuilder &builder, const RowValues &values, Operation *op) {
  return MoveRules(builder, values, op).unroll(op);
}

} // namespace tgc::cpu
