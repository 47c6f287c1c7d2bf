#include "frontends/onnx/TensorBuilder.h"
#include "compiler/affine/Ranges.h"

#include <numeric>

using namespace mlir;

namespace tgc::onnx {

constexpr int64_t kMaxElements = int64_t(1) << 46;

static std::string text(ArrayRef<int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

// --- types and shapes ---

ArrayRef<int64_t> TensorBuilder::shapeOf(Value v) { return cast<RankedTensorType>(v.getType()).getShape(); }
Type TensorBuilder::elementOf(Value v) { return cast<RankedTensorType>(v.getType()).getElementType(); }

int64_t TensorBuilder::elementCount(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t d : shape) {
    if (d < 0)
      badInput("negative dimension in shape {}", text(shape));
    if (d == 0)
      empty = true;
    else if (count > kMaxElements / d)
      badInput("shape {} is too large", text(shape));
    else
      count *= d;
  }
  return empty ? 0 : count;
}

RankedTensorType TensorBuilder::tensorType(ArrayRef<int64_t> shape, Type element) {
  elementCount(shape);
  return RankedTensorType::get(shape, element);
}

Shape TensorBuilder::broadcastShape(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  Shape result(std::max(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      badInput("shapes {} and {} do not broadcast", text(a), text(b));
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

int64_t TensorBuilder::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    badInput("axis {} is out of range for rank {}", axis, rank);
  return axis < 0 ? axis + rank : axis;
}

Shape TensorBuilder::keptDims(int64_t rank, ArrayRef<int64_t> dims) {
  Shape kept;
  for (int64_t d = 0; d < rank; ++d)
    if (!llvm::is_contained(dims, d))
      kept.push_back(d);
  return kept;
}

// --- constants ---

TypedAttr TensorBuilder::fillAttr(Type element, double value) const {
  if (auto type = dyn_cast<FloatType>(element))
    return FloatAttr::get(type, value);
  return IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(), uint64_t(int64_t(value)), true));
}
TypedAttr TensorBuilder::zeroAttr(Type element) const { return fillAttr(element, 0); }

Value TensorBuilder::splat(ArrayRef<int64_t> shape, Type element, double value) {
  auto type = tensorType(shape, element);
  return make<arith::ConstantOp>(
      cast<TypedAttr>(DenseElementsAttr::get(type, Attribute(fillAttr(element, value)))));
}
Value TensorBuilder::splatInt(ArrayRef<int64_t> shape, Type element, int64_t value) {
  auto type = tensorType(shape, element);
  APInt bits(element.getIntOrFloatBitWidth(), uint64_t(value), true);
  return make<arith::ConstantOp>(cast<TypedAttr>(DenseElementsAttr::get(type, bits)));
}
Value TensorBuilder::splatLike(Value like, double value) {
  return splat(shapeOf(like), elementOf(like), value);
}
Value TensorBuilder::constant(const graph::HostTensor &tensor) {
  return make<arith::ConstantOp>(cast<TypedAttr>(graph::toAttribute(tensor)));
}

// --- element-wise ---

Value TensorBuilder::add(Value a, Value b) {
  return isFloatValue(a) ? make<arith::AddFOp>(a, b) : make<arith::AddIOp>(a, b);
}
Value TensorBuilder::sub(Value a, Value b) {
  return isFloatValue(a) ? make<arith::SubFOp>(a, b) : make<arith::SubIOp>(a, b);
}
Value TensorBuilder::mul(Value a, Value b) {
  return isFloatValue(a) ? make<arith::MulFOp>(a, b) : make<arith::MulIOp>(a, b);
}
Value TensorBuilder::div(Value a, Value b) { return make<arith::DivFOp>(a, b); }

Value TensorBuilder::sigmoid(Value a) {
  Value one = splatLike(a, 1);
  return div(one, add(one, exp(make<arith::NegFOp>(a))));
}
Value TensorBuilder::select(Value condition, Value a, Value b) {
  return make<arith::SelectOp>(condition, a, b);
}
Value TensorBuilder::compare(arith::CmpFPredicate p, Value a, Value b) {
  return make<arith::CmpFOp>(p, a, b);
}
Value TensorBuilder::compare(arith::CmpIPredicate p, Value a, Value b) {
  return make<arith::CmpIOp>(p, a, b);
}
Value TensorBuilder::logicalNot(Value a) {
  return make<arith::XOrIOp>(a, splatInt(shapeOf(a), elementOf(a), -1));
}

Type TensorBuilder::computeType(Type element) {
  bool narrow = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
  return narrow ? Type(Float32Type::get(element.getContext())) : element;
}

Value TensorBuilder::convertFloat(Value v, Type element) {
  Type from = elementOf(v);
  if (from == element)
    return v;
  if (!isa<FloatType>(from) || !isa<FloatType>(element))
    badInput("a floating-point tensor is needed");
  auto type = tensorType(shapeOf(v), element);
  unsigned fromWidth = from.getIntOrFloatBitWidth(), toWidth = element.getIntOrFloatBitWidth();
  if (fromWidth < toWidth)
    return make<arith::ExtFOp>(type, v);
  if (fromWidth > toWidth)
    return make<arith::TruncFOp>(type, v);
  return convertFloat(convertFloat(v, f32()), element);
}

// --- movement ---

AffineMap TensorBuilder::mapOf(unsigned dims, ArrayRef<AffineExpr> results) const {
  return AffineMap::get(dims, 0, results, context());
}

Value TensorBuilder::view(Value v, ArrayRef<AffineExpr> indices, ArrayRef<int64_t> shape) {
  auto type = tensorType(shape, elementOf(v));
  AffineMap map = affine::simplify(mapOf(shape.size(), indices), shape);
  if (type == v.getType()) {
    // Dimensions of extent 1 are simplified to 0, so compare by value.
    bool identity = true;
    for (auto [d, expr] : llvm::enumerate(map.getResults()))
      identity &= expr == dim(d) || shape[d] == 1;
    if (identity)
      return v;
  }
  return make<graph::ViewOp>(type, v, AffineMapAttr::get(map), IntegerSetAttr(), TypedAttr());
}

static IntegerSet setOf(unsigned dims, ArrayRef<AffineExpr> conditions, ArrayRef<AffineExpr> equalities,
                        MLIRContext *context) {
  SmallVector<AffineExpr> exprs(equalities.begin(), equalities.end());
  SmallVector<bool> flags(equalities.size(), true);
  exprs.append(conditions.begin(), conditions.end());
  flags.resize(exprs.size(), false);
  if (exprs.empty()) { // everywhere: 0 == 0, the form that the text has for no condition
    exprs.push_back(getAffineConstantExpr(0, context));
    flags.push_back(true);
  }
  return IntegerSet::get(dims, 0, exprs, flags);
}

Value TensorBuilder::viewOrFill(Value v, ArrayRef<AffineExpr> indices, ArrayRef<int64_t> shape,
                                TypedAttr fill, ArrayRef<AffineExpr> conditions) {
  auto type = tensorType(shape, elementOf(v));
  AffineMap map = affine::simplify(mapOf(shape.size(), indices), shape);
  IntegerSetAttr where;
  if (!conditions.empty())
    where = IntegerSetAttr::get(setOf(shape.size(), conditions, {}, context()));
  return make<graph::ViewOp>(type, v, AffineMapAttr::get(map), where, fill);
}

SmallVector<AffineExpr> TensorBuilder::reshapeIndices(ArrayRef<int64_t> from, ArrayRef<int64_t> to) const {
  if (elementCount(from) != elementCount(to))
    badInput("cannot reshape {} to {}: the sizes differ", text(from), text(to));
  SmallVector<AffineExpr> result(from.size(), number(0));
  if (elementCount(from) == 0)
    return result;
  // Runs of dimensions with equal products map onto each other, so that a division stays within its run.
  // Dimensions of extent 1 take no part.
  SmallVector<size_t> source, target;
  for (size_t d = 0; d < from.size(); ++d)
    if (from[d] != 1)
      source.push_back(d);
  for (size_t d = 0; d < to.size(); ++d)
    if (to[d] != 1)
      target.push_back(d);
  for (size_t i = 0, j = 0; i < source.size();) {
    size_t i1 = i + 1, j1 = j + 1;
    int64_t a = from[source[i]], b = to[target[j]];
    while (a != b)
      if (b < a)
        b *= to[target[j1++]];
      else
        a *= from[source[i1++]];
    AffineExpr linear = number(0);
    int64_t stride = 1;
    for (size_t k = j1; k-- > j;) {
      linear = linear + dim(target[k]) * stride;
      stride *= to[target[k]];
    }
    stride = 1;
    for (size_t k = i1; k-- > i;) {
      AffineExpr index = linear.floorDiv(stride);
      result[source[k]] = k == i ? index : index % from[source[k]];
      stride *= from[source[k]];
    }
    i = i1;
    j = j1;
  }
  return result;
}

Value TensorBuilder::reshape(Value v, ArrayRef<int64_t> shape) {
  if (shapeOf(v) == shape)
    return v;
  return view(v, reshapeIndices(shapeOf(v), shape), shape);
}

Value TensorBuilder::transpose(Value v, ArrayRef<int64_t> permutation) {
  ArrayRef<int64_t> from = shapeOf(v);
  Shape shape(from.size());
  SmallVector<AffineExpr> indices(from.size());
  if (permutation.size() != from.size())
    badInput("permutation {} of a tensor of rank {}", text(permutation), from.size());
  for (auto [d, p] : llvm::enumerate(permutation)) {
    if (p < 0 || p >= int64_t(from.size()) || indices[p])
      badInput("{} is not a permutation", text(permutation));
    indices[p] = dim(d);
    shape[d] = from[p];
  }
  return view(v, indices, shape);
}

Value TensorBuilder::broadcast(Value v, ArrayRef<int64_t> shape) {
  int64_t rank = rankOf(v);
  if (rank > int64_t(shape.size()))
    badInput("cannot broadcast {} to {}", text(shapeOf(v)), text(shape));
  Shape dims(rank);
  std::iota(dims.begin(), dims.end(), int64_t(shape.size()) - rank);
  return broadcastDims(v, dims, shape);
}

Value TensorBuilder::broadcastDims(Value v, ArrayRef<int64_t> dims, ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> from = shapeOf(v);
  SmallVector<AffineExpr> indices;
  for (auto [i, d] : llvm::enumerate(dims)) {
    if (from[i] != shape[d] && from[i] != 1)
      badInput("cannot broadcast {} to {}", text(from), text(shape));
    indices.push_back(from[i] == 1 ? number(0) : dim(d));
  }
  return view(v, indices, shape);
}

Value TensorBuilder::slice(Value v, ArrayRef<int64_t> starts, ArrayRef<int64_t> steps,
                           ArrayRef<int64_t> shape) {
  SmallVector<AffineExpr> indices;
  for (size_t d = 0; d < shape.size(); ++d)
    indices.push_back(dim(d) * steps[d] + starts[d]);
  return view(v, indices, shape);
}

Value TensorBuilder::sliceDim(Value v, int64_t d, int64_t start, int64_t size) {
  Shape shape(shapeOf(v)), starts(shape.size(), 0), steps(shape.size(), 1);
  if (start < 0 || size < 0 || start > shape[d] || size > shape[d] - start)
    badInput("{} elements from {} in dimension {} of {}", size, start, d, text(shape));
  shape[d] = size;
  starts[d] = start;
  return slice(v, starts, steps, shape);
}

Value TensorBuilder::pad(Value v, ArrayRef<int64_t> before, ArrayRef<int64_t> after, TypedAttr fill) {
  if (llvm::all_of(before, [](int64_t p) { return p == 0; }) &&
      llvm::all_of(after, [](int64_t p) { return p == 0; }))
    return v;
  Shape shape(shapeOf(v));
  SmallVector<AffineExpr> indices;
  bool grows = false;
  for (size_t d = 0; d < shape.size(); ++d) {
    shape[d] += before[d] + after[d];
    indices.push_back(dim(d) - before[d]);
    grows |= before[d] > 0 || after[d] > 0;
  }
  if (!grows)
    return view(v, indices, shape);
  return viewOrFill(v, indices, shape, fill);
}

Value TensorBuilder::concat(ArrayRef<Value> values, int64_t axis) {
  normalizeAxis(axis, rankOf(values[0]));
  Shape shape(shapeOf(values[0]));
  shape[axis] = 0;
  SmallVector<PieceSpec> specs;
  for (Value v : values) {
    ArrayRef<int64_t> part = shapeOf(v);
    bool fits = part.size() == shape.size();
    for (size_t d = 0; fits && d < shape.size(); ++d)
      fits = int64_t(d) == axis || part[d] == shape[d];
    if (!fits)
      badInput("cannot concatenate {} and {} along dimension {}", text(shapeOf(values[0])), text(part), axis);
    int64_t start = shape[axis];
    shape[axis] += part[axis];
    if (part[axis] == 0)
      continue;
    PieceSpec spec{v, {}, {}, {}};
    for (size_t d = 0; d < shape.size(); ++d)
      spec.indices.push_back(int64_t(d) == axis ? dim(d) - start : dim(d));
    if (start > 0)
      spec.conditions.push_back(dim(axis) - start);
    spec.conditions.push_back(number(shape[axis] - 1) - dim(axis));
    specs.push_back(spec);
  }
  if (specs.empty())
    return values[0];
  if (specs.size() == 1)
    return specs[0].source;
  specs.back().conditions.pop_back();
  return pieces(specs, shape);
}

Value TensorBuilder::pieces(ArrayRef<PieceSpec> specs, ArrayRef<int64_t> shape, TypedAttr fill) {
  SmallVector<Value> sources;
  SmallVector<Attribute> maps, wheres;
  for (const PieceSpec &spec : specs) {
    sources.push_back(spec.source);
    maps.push_back(AffineMapAttr::get(affine::simplify(mapOf(shape.size(), spec.indices), shape)));
    wheres.push_back(IntegerSetAttr::get(setOf(shape.size(), spec.conditions, spec.equalities, context())));
  }
  return make<graph::PieceOp>(tensorType(shape, elementOf(sources[0])), sources, builder.getArrayAttr(maps),
                              builder.getArrayAttr(wheres), fill);
}

Value TensorBuilder::coord(AffineExpr expr, ArrayRef<int64_t> shape, Type element) {
  return make<graph::CoordOp>(tensorType(shape, element), AffineMapAttr::get(mapOf(shape.size(), expr)));
}

Value TensorBuilder::gather(Value v, ArrayRef<AffineExpr> indices, int64_t axis, Value chosen,
                            ArrayRef<AffineExpr> chosenIndices, ArrayRef<int64_t> shape, TypedAttr fill) {
  SmallVector<AffineExpr> base(indices.begin(), indices.end());
  base[axis] = number(0);
  return make<graph::GatherOp>(
      tensorType(shape, elementOf(v)), v,
      AffineMapAttr::get(affine::simplify(mapOf(shape.size(), base), shape)), builder.getI64IntegerAttr(axis),
      chosen, AffineMapAttr::get(affine::simplify(mapOf(shape.size(), chosenIndices), shape)), fill);
}

// --- sums ---

Value TensorBuilder::contract(Value lhs, ArrayRef<AffineExpr> lhsIndices, Value rhs,
                              ArrayRef<AffineExpr> rhsIndices, ArrayRef<int64_t> extents,
                              int64_t resultRank) {
  Type element = computeType(elementOf(lhs));
  if (elementOf(lhs) != elementOf(rhs))
    badInput("the operands' types differ");
  if (element.isInteger(8))
    element = builder.getI32Type();
  elementCount(extents);
  AffineMap left = affine::simplify(mapOf(extents.size(), lhsIndices), extents);
  AffineMap right = affine::simplify(mapOf(extents.size(), rhsIndices), extents);
  return make<graph::ContractOp>(tensorType(extents.take_front(resultRank), element),
                                 graph::ContractKind::Sum, lhs, rhs, extents, left, right);
}

Value TensorBuilder::reduce(graph::ReduceKind kind, Value v, ArrayRef<int64_t> dims, bool isUnsigned) {
  if (dims.empty())
    return v;
  Shape shape;
  for (int64_t d : keptDims(rankOf(v), dims))
    shape.push_back(shapeOf(v)[d]);
  bool isArg = kind == graph::ReduceKind::ArgMax || kind == graph::ReduceKind::ArgMin;
  return make<graph::ReduceOp>(tensorType(shape, isArg ? i64() : elementOf(v)), kind, v, dims, isUnsigned);
}

Value TensorBuilder::reduceAndBroadcast(graph::ReduceKind kind, Value v, ArrayRef<int64_t> dims) {
  if (dims.empty())
    return v;
  return broadcastDims(reduce(kind, v, dims), keptDims(rankOf(v), dims), shapeOf(v));
}

std::pair<Value, Value> TensorBuilder::moments(Value v, ArrayRef<int64_t> dims) {
  Shape shape;
  for (int64_t d : keptDims(rankOf(v), dims))
    shape.push_back(shapeOf(v)[d]);
  auto type = tensorType(shape, elementOf(v));
  auto op = builder.create<graph::MomentsOp>(loc, type, type, v, builder.getDenseI64ArrayAttr(dims));
  return {op.getMean(), op.getVariance()};
}

} // namespace tgc::onnx
