// Scatters with constant indices.
//
// An update goes to the coordinates that its column of the index table says. In order of preference the result is
// 1. one piece, where each coordinate is an affine function of one dimension of the updates, which
//    is then inverted;
// 2. a few pieces, one for each run of updates along one coordinate, later runs first;
// 3. a gather of the updates by the inverse table, selected where an update hits.
// A reduction other than "none" places the updates in a tensor of its neutral element and combines; updates
// that hit one place several times are placed in several such tensors.
#include "compiler/graph/IndexProgram.h"
#include "frontends/onnx/IndexFit.h"
#include "frontends/onnx/Select.h"
#include "frontends/onnx/ops/Families.h"

#include <cmath>

using namespace mlir;

namespace tgc::onnx {
namespace {

constexpr size_t kMaxRuns = 8;
constexpr int64_t kMaxRepeats = 64;

class Scatter {
public:
  /// `columns[k][u]` is coordinate k of update u. `updates` has the shape `table`, then that of the data's
  /// dimensions without a coordinate.
  Scatter(NodeContext &c, Value data, Value updates, std::vector<std::vector<int64_t>> columns,
          ArrayRef<int64_t> table)
      : c(c), data(data), updates(updates), columns(std::move(columns)), table(table),
        shape(c.shapeOf(data)) {
    count = int64_t(this->columns.empty() ? 1 : this->columns[0].size());
    for (size_t k = 0; k < this->columns.size(); ++k)
      this->columns[k] = wrapIndices(this->columns[k], shape[k]);
    for (size_t d = this->columns.size(); d < shape.size(); ++d)
      slice.push_back(shape[d]);
  }

  Value run(const std::string &reduction) {
    if (count == 0 || c.elementCount(c.shapeOf(updates)) == 0)
      return data;
    if (reduction == "none") {
      std::optional<SmallVector<TensorBuilder::PieceSpec>> specs = affinePiece();
      if (!specs)
        specs = runs();
      if (!specs)
        return selected();
      specs->push_back({data, identity(0), {}, {}});
      return c.pieces(*specs, shape);
    }
    Value result = data;
    std::vector<int64_t> repeats = repeatNumbers();
    int64_t layers = 1 + *std::max_element(repeats.begin(), repeats.end());
    if (layers > kMaxRepeats)
      c.fail("{} updates of one place", layers);
    for (int64_t layer = 0; layer < layers; ++layer)
      result =
          combine(reduction, result, placed(layers == 1 ? nullptr : &repeats, layer, neutral(reduction)));
    return result;
  }

private:
  SmallVector<AffineExpr> identity(size_t first) {
    SmallVector<AffineExpr> dims;
    for (size_t d = first; d < shape.size(); ++d)
      dims.push_back(c.dim(d));
    return dims;
  }

  /// Appends to `spec` that dimension d is step·index + base, and returns the index.
  AffineExpr invert(TensorBuilder::PieceSpec &spec, size_t d, int64_t step, int64_t base) {
    AffineExpr offset = step > 0 ? c.dim(d) - base : c.number(base) - c.dim(d);
    int64_t distance = std::abs(step);
    if (distance != 1)
      spec.equalities.push_back(offset % distance);
    return offset.floorDiv(distance);
  }

  std::optional<SmallVector<TensorBuilder::PieceSpec>> affinePiece() {
    SmallVector<AffineExpr> dims;
    for (size_t d = 0; d < table.size(); ++d)
      dims.push_back(c.dim(d));
    TensorBuilder::PieceSpec spec{updates, SmallVector<AffineExpr>(table.size(), c.number(0)), {}, {}};
    SmallVector<bool> found(table.size(), false);
    for (size_t k = 0; k < columns.size(); ++k) {
      std::optional<AffineExpr> expr =
          table.empty() ? std::optional(c.number(columns[k][0])) : fitIndex(dims, columns[k], table);
      std::optional<graph::LinearForm> form = expr ? graph::linearForm(*expr, table.size()) : std::nullopt;
      if (!form)
        return std::nullopt;
      bool constant = true;
      for (size_t d = 0; d < table.size(); ++d) {
        if (form->coefficients[d] == 0)
          continue;
        if (!constant || found[d])
          return std::nullopt;
        constant = false;
        found[d] = true;
        spec.indices[d] = invert(spec, k, form->coefficients[d], form->constant);
      }
      if (constant)
        spec.equalities.push_back(c.dim(k) - form->constant);
    }
    for (size_t d = 0; d < table.size(); ++d)
      if (!found[d] && table[d] != 1)
        return std::nullopt; // several updates of one place
    spec.indices.append(identity(columns.size()));
    return SmallVector<TensorBuilder::PieceSpec>{spec};
  }

  Value flatUpdates() {
    Shape flat{count};
    flat.append(slice);
    return c.reshape(updates, flat);
  }

  std::optional<SmallVector<TensorBuilder::PieceSpec>> runs() {
    struct Run {
      int64_t start, length;
      int moving; ///< the coordinate that changes, -1 in a run of one
      int64_t step;
    };
    std::vector<Run> found;
    for (int64_t u = 0; u < count;) {
      if (found.size() == kMaxRuns)
        return std::nullopt;
      Run run{u, 1, -1, 0};
      while (u + run.length < count) {
        int moving = -1;
        bool single = true;
        int64_t step = 0;
        for (size_t k = 0; k < columns.size(); ++k)
          if (int64_t delta = columns[k][u + run.length] - columns[k][u + run.length - 1]) {
            single &= moving < 0;
            moving = int(k);
            step = delta;
          }
        if (!single || moving < 0 || (run.moving >= 0 && (run.moving != moving || run.step != step)))
          break;
        run.moving = moving;
        run.step = step;
        ++run.length;
      }
      found.push_back(run);
      u += run.length;
    }
    Value flat = flatUpdates();
    SmallVector<TensorBuilder::PieceSpec> specs;
    for (const Run &run : llvm::reverse(found)) {
      TensorBuilder::PieceSpec spec{flat, {c.number(run.start)}, {}, {}};
      for (size_t k = 0; k < columns.size(); ++k) {
        int64_t base = columns[k][run.start];
        if (int(k) != run.moving) {
          spec.equalities.push_back(c.dim(k) - base);
          continue;
        }
        AffineExpr index = invert(spec, k, run.step, base);
        spec.conditions.push_back(index);
        spec.conditions.push_back(c.number(run.length - 1) - index);
        spec.indices[0] = index + run.start;
      }
      spec.indices.append(identity(columns.size()));
      specs.push_back(spec);
    }
    return specs;
  }

  Shape targetShape() { return Shape(ArrayRef<int64_t>(shape).take_front(columns.size())); }

  int64_t target(int64_t u) {
    int64_t position = 0;
    for (size_t k = 0; k < columns.size(); ++k)
      position = position * shape[k] + columns[k][u];
    return position;
  }

  /// For each target the update that hits it (the last, or the one with this repeat number), else −1.
  std::vector<int64_t> inverse(const std::vector<int64_t> *repeats, int64_t layer) {
    requireTable(c.elementCount(targetShape()));
    std::vector<int64_t> result(c.elementCount(targetShape()), -1);
    for (int64_t u = 0; u < count; ++u)
      if (!repeats || (*repeats)[u] == layer)
        result[target(u)] = u;
    return result;
  }

  std::vector<int64_t> repeatNumbers() {
    requireTable(c.elementCount(targetShape()));
    std::vector<int64_t> seen(c.elementCount(targetShape()), 0), result;
    for (int64_t u = 0; u < count; ++u)
      result.push_back(seen[target(u)]++);
    return result;
  }

  Value gathered(const std::vector<int64_t> &from, TypedAttr fill) {
    SmallVector<AffineExpr> source{c.number(0)}, tableDims;
    source.append(identity(columns.size()));
    for (size_t k = 0; k < columns.size(); ++k)
      tableDims.push_back(c.dim(k));
    return c.gather(flatUpdates(), source, 0, indexConstant(c, from, targetShape()), tableDims, shape, fill);
  }

  Value selected() {
    std::vector<int64_t> from = inverse(nullptr, 0);
    graph::HostTensor hits = graph::HostTensor::zeros(targetShape(), c.i1());
    for (size_t i = 0; i < from.size(); ++i)
      hits.ints[i] = from[i] >= 0;
    Shape dims;
    for (size_t k = 0; k < columns.size(); ++k)
      dims.push_back(int64_t(k));
    Value mask = c.broadcastDims(c.constant(hits), dims, shape);
    return c.select(mask, gathered(from, c.zeroAttr(c.elementOf(data))), data);
  }

  Value placed(const std::vector<int64_t> *repeats, int64_t layer, TypedAttr fill) {
    if (!repeats)
      if (auto specs = affinePiece())
        return c.pieces(*specs, shape, fill);
    return gathered(inverse(repeats, layer), fill);
  }

  TypedAttr neutral(const std::string &reduction) {
    Type element = c.elementOf(data);
    if (reduction == "add")
      return c.zeroAttr(element);
    if (reduction == "mul")
      return c.fillAttr(element, 1);
    bool isMax = reduction == "max";
    if (!isMax && reduction != "min")
      c.bad("reduction {} is not known", reduction);
    if (isa<FloatType>(element))
      return c.fillAttr(element, isMax ? -INFINITY : INFINITY);
    unsigned width = element.getIntOrFloatBitWidth();
    bool isSignedType = isSigned(c.dtype(0));
    APInt low = isSignedType ? APInt::getSignedMinValue(width) : APInt::getMinValue(width);
    APInt high = isSignedType ? APInt::getSignedMaxValue(width) : APInt::getMaxValue(width);
    return IntegerAttr::get(element, isMax ? low : high);
  }

  Value combine(const std::string &reduction, Value a, Value b) {
    if (reduction == "add")
      return c.add(a, b);
    if (reduction == "mul")
      return c.mul(a, b);
    bool isMax = reduction == "max";
    if (isFloat(c.dtype(0)))
      return isMax ? c.maximum(a, b) : c.minimum(a, b);
    if (isSigned(c.dtype(0)))
      return isMax ? c.make<arith::MaxSIOp>(a, b) : c.make<arith::MinSIOp>(a, b);
    return isMax ? c.make<arith::MaxUIOp>(a, b) : c.make<arith::MinUIOp>(a, b);
  }

  NodeContext &c;
  Value data, updates;
  std::vector<std::vector<int64_t>> columns;
  Shape table, shape, slice;
  int64_t count;
};

void scatterInto(NodeContext &c, std::vector<std::vector<int64_t>> columns, ArrayRef<int64_t> table) {
  c.requireSameTypes(0, 2);
  std::string reduction = c.stringAttr("reduction", "none");
  if (reduction == "none" || !isFloat(c.dtype(0)))
    return c.out(Scatter(c, c.in(0), c.in(2), std::move(columns), table).run(reduction), c.dtype(0));
  c.outFloat(Scatter(c, c.wide(0), c.wide(2), std::move(columns), table).run(reduction), c.dtype(0));
}

void scatterNd(NodeContext &c) {
  std::vector<int64_t> indices = c.knownInts(1, "indices");
  c.requireRank(1, 1, 64);
  ArrayRef<int64_t> table = c.shape(1).drop_back();
  int64_t tuple = c.shape(1).back();
  if (tuple < 1 || tuple > c.rank(0))
    c.bad("tuples of {} do not fit rank {}", tuple, c.rank(0));
  Shape expected(table);
  expected.append(c.shape(0).begin() + tuple, c.shape(0).end());
  if (c.shape(2) != ArrayRef<int64_t>(expected))
    c.bad("the updates do not have the shape that data and indices need");
  std::vector<std::vector<int64_t>> columns(tuple);
  for (size_t i = 0; i < indices.size(); ++i)
    columns[i % tuple].push_back(indices[i]);
  scatterInto(c, std::move(columns), table);
}

void scatterElements(NodeContext &c) {
  std::vector<int64_t> indices = c.knownInts(1, "indices");
  int64_t rank = c.rank(0), axis = c.axisAttr(0, rank);
  ArrayRef<int64_t> table = c.shape(1);
  if (int64_t(table.size()) != rank || c.shape(2) != table)
    c.bad("data, indices and updates do not have shapes that fit");
  std::vector<std::vector<int64_t>> columns(rank);
  graph::forEachPoint(table, [&](const int64_t *point, int64_t linear) {
    for (int64_t d = 0; d < rank; ++d)
      columns[d].push_back(d == axis ? indices[linear] : point[d]);
  });
  scatterInto(c, std::move(columns), table);
}

} // namespace

void addScatters(HandlerTable &table) {
  table["ScatterND"] = scatterNd;
  table["ScatterElements"] = scatterElements;
  table["Scatter"] = scatterElements;
}

} // namespace tgc::onnx
