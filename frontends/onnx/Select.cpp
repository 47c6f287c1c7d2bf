#include "frontends/onnx/Select.h"
#include "frontends/onnx/IndexFit.h"

using namespace mlir;

namespace tgc::onnx {

/// More pieces than this cost more in conditions than a table of indices.
constexpr size_t kMaxPieces = 8;

void requireTable(int64_t elements) {
  if (elements > int64_t(1) << 24)
    unsupported("a table of {} constants", elements);
}

Value indexConstant(TensorBuilder &b, ArrayRef<int64_t> values, ArrayRef<int64_t> shape) {
  graph::HostTensor tensor = graph::HostTensor::zeros(shape, b.i64());
  tensor.ints.assign(values.begin(), values.end());
  return b.constant(tensor);
}

Value selectAlong(TensorBuilder &b, Value v, int64_t axis, ArrayRef<int64_t> indices) {
  return selectAlong(b, v, axis, indices, {int64_t(indices.size())});
}

Value selectAlong(TensorBuilder &b, Value v, int64_t axis, ArrayRef<int64_t> indices,
                  ArrayRef<int64_t> table) {
  ArrayRef<int64_t> from = b.shapeOf(v);
  for (int64_t index : indices)
    if (index < 0 || index >= from[axis])
      internalError("selection index {} of extent {}", index, from[axis]);
  Shape shape(from.take_front(axis));
  shape.append(table.begin(), table.end());
  shape.append(from.begin() + axis + 1, from.end());
  int64_t grown = int64_t(table.size()) - 1; // dimensions that the result has more than v
  SmallVector<AffineExpr> source, tableDims;
  for (int64_t d = 0; d < int64_t(from.size()); ++d)
    source.push_back(d == axis ? b.number(0) : b.dim(d < axis ? d : d + grown));
  for (size_t d = 0; d < table.size(); ++d)
    tableDims.push_back(b.dim(axis + d));
  if (indices.empty() || b.elementCount(shape) == 0)
    return b.splat(shape, b.elementOf(v), 0);
  if (table.empty()) {
    source[axis] = b.number(indices[0]);
    return b.view(v, source, shape);
  }
  if (std::optional<AffineExpr> expr = fitIndex(tableDims, indices, table)) {
    source[axis] = *expr;
    return b.view(v, source, shape);
  }
  if (table.size() > 1) { // one dimension, for which there are more forms
    Value flat = selectAlong(b, v, axis, indices);
    return b.reshape(flat, shape);
  }
  if (auto segments = fitSegments(b.dim(axis), indices, kMaxPieces)) {
    SmallVector<TensorBuilder::PieceSpec> specs;
    for (const IndexSegment &segment : *segments) {
      TensorBuilder::PieceSpec spec{v, source, {}, {}};
      spec.indices[axis] = segment.expr;
      if (segment.start > 0)
        spec.conditions.push_back(b.dim(axis) - segment.start);
      if (segment.start + segment.length < int64_t(indices.size()))
        spec.conditions.push_back(b.number(segment.start + segment.length - 1) - b.dim(axis));
      specs.push_back(spec);
    }
    return b.pieces(specs, shape);
  }
  return b.gather(v, source, axis, indexConstant(b, indices, table), tableDims, shape);
}

std::vector<int64_t> wrapIndices(ArrayRef<int64_t> indices, int64_t extent) {
  std::vector<int64_t> result;
  for (int64_t index : indices) {
    if (index < -extent || index >= extent)
      badInput("index {} is out of range for extent {}", index, extent);
    result.push_back(index < 0 ? index + extent : index);
  }
  return result;
}

Value wrapIndices(TensorBuilder &b, Value indices, int64_t extent) {
  Value negative = b.compare(arith::CmpIPredicate::slt, indices, b.splatLike(indices, 0));
  return b.select(negative, b.add(indices, b.splatLike(indices, double(extent))), indices);
}

} // namespace tgc::onnx
