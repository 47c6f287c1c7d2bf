// Gathers: constant indices become views, run-time indices become graph.gather.
#include "frontends/onnx/IndexFit.h"
#include "frontends/onnx/Select.h"
#include "frontends/onnx/ops/Families.h"

using namespace mlir;

namespace tgc::onnx {
namespace {

/// Input i as i64 indices that may be known.
graph::HostTensorPtr knownIndices(NodeContext &c, size_t i) {
  if (!isInteger(c.dtype(i)))
    c.bad("indices must be integers");
  return c.tryKnown(i);
}

void gather(NodeContext &c) {
  int64_t axis = c.axisAttr(0, c.rank(0));
  int64_t extent = c.shape(0)[axis];
  graph::HostTensorPtr indices = knownIndices(c, 1);
  if (indices)
    return c.out(selectAlong(c, c.in(0), axis, wrapIndices(indices->ints, extent), c.shape(1)), c.dtype(0));
  Value chosen = wrapIndices(c, c.in(1), extent);
  Shape shape(c.shape(0).take_front(axis));
  shape.append(c.shape(1).begin(), c.shape(1).end());
  shape.append(c.shape(0).begin() + axis + 1, c.shape(0).end());
  SmallVector<AffineExpr> source, chosenDims;
  for (int64_t d = 0; d < c.rank(0); ++d)
    source.push_back(c.dim(d < axis ? d : d + c.rank(1) - 1));
  for (int64_t d = 0; d < c.rank(1); ++d)
    chosenDims.push_back(c.dim(axis + d));
  source[axis] = c.number(0);
  c.out(c.gather(c.in(0), source, axis, chosen, chosenDims, shape), c.dtype(0));
}

SmallVector<AffineExpr> identityIndices(NodeContext &c, int64_t rank) {
  SmallVector<AffineExpr> dims;
  for (int64_t d = 0; d < rank; ++d)
    dims.push_back(c.dim(d));
  return dims;
}

void gatherElements(NodeContext &c) {
  int64_t axis = c.axisAttr(0, c.rank(0));
  int64_t extent = c.shape(0)[axis];
  if (c.rank(0) != c.rank(1))
    c.bad("data and indices have different ranks");
  for (int64_t d = 0; d < c.rank(0); ++d)
    if (d != axis && c.shape(1)[d] > c.shape(0)[d])
      c.bad("indices are larger than the data in dimension {}", d);
  SmallVector<AffineExpr> dims = identityIndices(c, c.rank(0));
  graph::HostTensorPtr indices = knownIndices(c, 1);
  if (indices && indices->size() > 0) {
    std::vector<int64_t> wrapped = wrapIndices(indices->ints, extent);
    if (std::optional<AffineExpr> expr = fitIndex(dims, wrapped, c.shape(1))) {
      dims[axis] = *expr;
      return c.out(c.view(c.in(0), dims, c.shape(1)), c.dtype(0));
    }
  }
  Value chosen = wrapIndices(c, c.in(1), extent);
  c.out(c.gather(c.in(0), dims, axis, chosen, dims, c.shape(1)), c.dtype(0));
}

/// The last dimension of the indices is a tuple of coordinates into the data's dimensions after the batch
/// ones.
void gatherNd(NodeContext &c) {
  int64_t batch = c.intAttr("batch_dims", 0);
  c.requireRank(1, 1, 64);
  ArrayRef<int64_t> data = c.shape(0), table = c.shape(1).drop_back();
  int64_t tuple = c.shape(1).back();
  if (batch < 0 || batch > int64_t(table.size()) || tuple < 1 || batch + tuple > int64_t(data.size()))
    c.bad("tuples of {} after {} batch dimensions do not fit the data", tuple, batch);
  if (data.take_front(batch) != table.take_front(batch))
    c.bad("data and indices have different batch dimensions");
  Shape shape(table);
  shape.append(data.begin() + batch + tuple, data.end());
  SmallVector<AffineExpr> source, tableDims = identityIndices(c, int64_t(table.size()));
  for (int64_t d = 0; d < int64_t(data.size()); ++d)
    source.push_back(d < batch           ? c.dim(d)
                     : d < batch + tuple ? c.number(0)
                                         : c.dim(d - batch - tuple + int64_t(table.size())));
  if (graph::HostTensorPtr indices = knownIndices(c, 1); indices && indices->size() > 0) {
    bool fits = true;
    for (int64_t k = 0; k < tuple && fits; ++k) {
      std::vector<int64_t> column;
      for (int64_t i = k; i < indices->size(); i += tuple)
        column.push_back(indices->ints[i]);
      column = wrapIndices(column, data[batch + k]);
      std::optional<AffineExpr> expr =
          table.empty() ? std::optional(c.number(column[0])) : fitIndex(tableDims, column, table);
      fits = expr.has_value();
      if (fits)
        source[batch + k] = *expr;
    }
    if (fits)
      return c.out(c.view(c.in(0), source, shape), c.dtype(0));
  }
  // The indexed dimensions are joined into one, the coordinates into one position.
  Value coordinates = c.in(1), position;
  int64_t stride = 1;
  for (int64_t k = tuple; k-- > 0;) {
    SmallVector<AffineExpr> column = tableDims;
    column.push_back(c.number(k));
    Value coordinate = wrapIndices(c, c.view(coordinates, column, table), data[batch + k]);
    if (stride != 1)
      coordinate = c.mul(coordinate, c.splatLike(coordinate, double(stride)));
    position = position ? c.add(position, coordinate) : coordinate;
    stride *= data[batch + k];
  }
  Shape joined(data.take_front(batch));
  joined.push_back(stride);
  joined.append(data.begin() + batch + tuple, data.end());
  source.erase(source.begin() + batch + 1, source.begin() + batch + tuple);
  source[batch] = c.number(0);
  c.out(c.gather(c.reshape(c.in(0), joined), source, batch, position, tableDims, shape), c.dtype(0));
}

} // namespace

void addGathers(HandlerTable &table) {
  table["Gather"] = gather;
  table["GatherElements"] = gatherElements;
  table["GatherND"] = gatherNd;
}

} // namespace tgc::onnx
