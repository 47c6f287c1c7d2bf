#include "RandomGraph.h"

#include "compiler/affine/Ranges.h"
#include "compiler/graph/Graph.h"
#include "compiler/graph/transforms/Movement.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <random>

using namespace mlir;
using namespace tgc::graph;

namespace tgc::test {
namespace {

using Shape = SmallVector<int64_t>;
using Exprs = SmallVector<AffineExpr>;

class Generator {
public:
  Generator(MLIRContext &context, uint64_t seed) : context(context), builder(&context), random(seed) {}

  OwningOpRef<ModuleOp> run() {
    Location loc = builder.getUnknownLoc();
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    builder.setInsertionPointToEnd(module->getBody());
    SmallVector<Type> inputs;
    for (int i = 0, count = 1 + below(3); i < count; ++i)
      inputs.push_back(type(randomShape()));
    auto function = builder.create<func::FuncOp>(loc, "main", builder.getFunctionType(inputs, {}));
    Block *body = function.addEntryBlock();
    builder.setInsertionPointToEnd(body);
    pool.append(body->args_begin(), body->args_end());
    for (int i = 0, count = 3 + below(25); i < count; ++i)
      step();
    SmallVector<Value> results{pool.back()};
    for (int i = 0, count = below(3); i < count; ++i)
      results.push_back(pick());
    builder.create<func::ReturnOp>(loc, results);
    SmallVector<Type> types;
    for (Value result : results)
      types.push_back(result.getType());
    function.setType(builder.getFunctionType(inputs, types));
    for (unsigned i = 0; i < inputs.size(); ++i)
      function.setArgAttr(i, kNameAttr, builder.getStringAttr("in" + std::to_string(i)));
    for (unsigned i = 0; i < results.size(); ++i)
      function.setResultAttr(i, kNameAttr, builder.getStringAttr("out" + std::to_string(i)));
    return module;
  }

private:
  // Choices.

  int below(int n) { return n <= 1 ? 0 : int(random() % n); }
  bool chance(int percent) { return below(100) < percent; }
  /// Recent values are more likely, so that chains form; old ones give diamonds.
  Value pick() {
    int n = pool.size();
    return pool[chance(60) ? n - 1 - below(std::min(n, 3)) : below(n)];
  }
  Shape randomShape() {
    Shape shape;
    for (int i = 0, rank = 1 + below(4); i < rank; ++i)
      shape.push_back(std::array<int64_t, 7>{1, 2, 3, 4, 6, 8, 12}[below(7)]);
    return shape;
  }
  static Shape shapeOf(Value value) { return Shape(graph::shapeOf(value)); }
  RankedTensorType type(const Shape &shape) { return RankedTensorType::get(shape, builder.getF32Type()); }
  static int64_t size(const Shape &shape) { return ShapedType::getNumElements(shape); }
  AffineExpr dim(unsigned i) { return builder.getAffineDimExpr(i); }
  AffineExpr number(int64_t value) { return builder.getAffineConstantExpr(value); }
  TypedAttr numberAttr(double value) { return builder.getF32FloatAttr(value); }

  void add(Value value) {
    if (size(shapeOf(value)) <= 4096)
      pool.push_back(value);
  }
  template <typename OpT, typename... Args>
  Value make(Args &&...args) {
    auto loc = NameLoc::get(builder.getStringAttr("n" + std::to_string(next++)));
    return builder.create<OpT>(loc, std::forward<Args>(args)...)->getResult(0);
  }
  Value view(Value source, const Exprs &index, const Shape &shape, TypedAttr fill = {},
             IntegerSet where = {}) {
    AffineMap map = affine::simplify(AffineMap::get(shape.size(), 0, index, &context), shape);
    return make<ViewOp>(type(shape), source, AffineMapAttr::get(map),
                        where ? IntegerSetAttr::get(where) : IntegerSetAttr(), fill);
  }
  Value splat(const Shape &shape, double value) {
    return make<arith::ConstantOp>(cast<TypedAttr>(DenseElementsAttr::get(type(shape), float(value))));
  }
  Value weight(const Shape &shape) {
    return make<WeightOp>(type(shape), builder.getStringAttr("w" + std::to_string(next++)), Attribute());
  }

  // Movement.

  Value reshape(Value value) {
    Shape from = shapeOf(value), to;
    int64_t rest = size(from);
    while (rest > 1 && to.size() < 4) {
      SmallVector<int64_t> divisors;
      for (int64_t d = 2; d <= rest; ++d)
        if (rest % d == 0)
          divisors.push_back(d);
      to.push_back(to.size() == 3 ? rest : divisors[below(divisors.size())]);
      rest /= to.back();
    }
    if (chance(20))
      to.insert(to.begin() + below(to.size() + 1), 1);
    AffineExpr position = number(0);
    for (auto [i, extent] : llvm::enumerate(to))
      position = position * extent + dim(i);
    Exprs index(from.size());
    int64_t stride = 1;
    for (size_t i = from.size(); i-- > 0;) {
      index[i] = position.floorDiv(stride) % from[i];
      stride *= from[i];
    }
    return view(value, index, to);
  }
  Value transpose(Value value) {
    Shape shape = shapeOf(value), to(shape.size());
    SmallVector<unsigned> order(shape.size());
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    Exprs index(shape.size());
    for (auto [i, from] : llvm::enumerate(order)) {
      to[i] = shape[from];
      index[from] = dim(i);
    }
    return view(value, index, to);
  }
  Value slice(Value value) {
    Shape shape = shapeOf(value);
    Exprs index;
    for (unsigned i = 0; i < shape.size(); ++i)
      index.push_back(dim(i));
    unsigned d = below(shape.size());
    int64_t step = chance(30) ? 2 : 1, extent = shape[d];
    int64_t start = below(extent), count = (extent - start + step - 1) / step;
    if (chance(50) && extent % 2 == 0) { // halves
      start = chance(50) ? 0 : extent / 2;
      count = extent / 2;
      step = 1;
    } else {
      count = 1 + below(count);
    }
    shape[d] = count;
    index[d] = dim(d) * step + start;
    return view(value, index, shape);
  }
  Value pad(Value value) {
    Shape shape = shapeOf(value);
    Exprs index;
    for (unsigned i = 0; i < shape.size(); ++i) {
      int64_t before = below(2);
      shape[i] += before + below(2);
      index.push_back(dim(i) - before);
    }
    return view(value, index, shape, numberAttr(chance(70) ? 0 : 1.5));
  }
  Value broadcast(Value value) {
    Shape shape = shapeOf(value);
    Exprs index;
    unsigned d = below(shape.size() + 1);
    for (unsigned i = 0; i < shape.size(); ++i)
      index.push_back(dim(i + (i >= d)));
    shape.insert(shape.begin() + d, 2 + below(3));
    return view(value, index, shape);
  }
  Value concat(Value a, Value b) {
    Shape shape = shapeOf(a);
    unsigned d = below(shape.size());
    bool fits = shapeOf(b).size() == shape.size();
    for (unsigned i = 0; fits && i < shape.size(); ++i)
      fits = i == d || shapeOf(b)[i] == shape[i];
    if (!fits)
      b = chance(50) ? make<math::TanhOp>(a) : a;
    int64_t seam = shape[d];
    shape[d] += shapeOf(b)[d];
    Exprs first, second;
    for (unsigned i = 0; i < shape.size(); ++i) {
      first.push_back(dim(i));
      second.push_back(i == d ? dim(i) - seam : dim(i));
    }
    return piece({a, b}, {first, second}, {{number(seam - 1) - dim(d)}, {dim(d) - seam}}, {false, false},
                 shape);
  }
  Value interleave(Value a, Value b) {
    Shape shape = shapeOf(a);
    unsigned d = shape.size() - 1;
    if (shapeOf(b) != shape)
      b = make<arith::NegFOp>(a);
    shape[d] *= 2;
    Exprs index;
    for (unsigned i = 0; i < shape.size(); ++i)
      index.push_back(i == d ? dim(i).floorDiv(2) : dim(i));
    return piece({a, b}, {index, index}, {{dim(d) % 2}, {dim(d) % 2 - 1}}, {true, true}, shape);
  }
  Value piece(ArrayRef<Value> sources, ArrayRef<Exprs> indices, ArrayRef<Exprs> conditions,
              ArrayRef<bool> equalities, const Shape &shape) {
    SmallVector<Attribute> maps, sets;
    for (auto [index, condition, equality] : llvm::zip(indices, conditions, equalities)) {
      maps.push_back(AffineMapAttr::get(
          affine::simplify(AffineMap::get(shape.size(), 0, index, &context), ArrayRef<int64_t>(shape))));
      sets.push_back(IntegerSetAttr::get(
          IntegerSet::get(shape.size(), 0, condition, SmallVector<bool>(condition.size(), equality))));
    }
    return make<PieceOp>(type(shape), sources, builder.getArrayAttr(maps), builder.getArrayAttr(sets),
                         TypedAttr());
  }
  /// x · cos(…) + rotated(x) · sin(…), with halves or with pairs.
  Value rotate(Value value) {
    Shape shape = shapeOf(value);
    int64_t extent = shape.back();
    if (extent % 2 != 0)
      return make<arith::NegFOp>(value);
    Exprs even, odd;
    unsigned last = shape.size() - 1;
    for (unsigned i = 0; i < shape.size(); ++i) {
      even.push_back(dim(i));
      odd.push_back(dim(i));
    }
    Shape half = shape;
    half[last] /= 2;
    bool pairs = chance(50);
    even[last] = pairs ? dim(last) * 2 : dim(last);
    odd[last] = pairs ? dim(last) * 2 + 1 : dim(last) + extent / 2;
    Value a = view(value, even, half), b = make<arith::NegFOp>(view(value, odd, half));
    Value turned;
    if (pairs) {
      Exprs index;
      for (unsigned i = 0; i < shape.size(); ++i)
        index.push_back(i == last ? dim(i).floorDiv(2) : dim(i));
      turned = piece({b, a}, {index, index}, {{dim(last) % 2}, {dim(last) % 2 - 1}}, {true, true}, shape);
    } else {
      Exprs first, second;
      for (unsigned i = 0; i < shape.size(); ++i) {
        first.push_back(dim(i));
        second.push_back(i == last ? dim(i) - extent / 2 : dim(i));
      }
      turned = piece({b, a}, {first, second},
                     {{number(extent / 2 - 1) - dim(last)}, {dim(last) - extent / 2}}, {false, false}, shape);
    }
    Value scaled = make<arith::MulFOp>(value, spread(weight({extent}), shape, last));
    return make<arith::AddFOp>(scaled, make<arith::MulFOp>(turned, spread(weight({extent}), shape, last)));
  }
  Value spread(Value vector, const Shape &shape, unsigned d) { return view(vector, {dim(d)}, shape); }

  // Arithmetic.

  /// `value` in another shape: itself, broadcast along its dimensions, or a weight.
  Value like(const Shape &shape) {
    for (int tries = 0; tries < 4; ++tries) {
      Value other = pick();
      Shape from = shapeOf(other);
      if (from == shape)
        return other;
      if (from.size() != shape.size())
        continue;
      Exprs index;
      for (unsigned i = 0; i < shape.size(); ++i)
        if (from[i] == shape[i] || from[i] == 1)
          index.push_back(from[i] == 1 ? number(0) : dim(i));
      if (index.size() == shape.size())
        return view(other, index, shape);
    }
    if (chance(30))
      return splat(shape, 0.5 + below(3));
    unsigned d = below(shape.size());
    return spread(weight({shape[d]}), shape, d);
  }
  Value unary(Value value) {
    switch (below(5)) {
    case 0:
      return make<math::TanhOp>(value);
    case 1:
      return make<arith::NegFOp>(value);
    case 2:
      return make<math::ExpOp>(make<math::TanhOp>(value));
    case 3:
      return make<arith::MulFOp>(value, splat(shapeOf(value), 0.75));
    default:
      return make<math::SqrtOp>(
          make<arith::AddFOp>(make<arith::MulFOp>(value, value), splat(shapeOf(value), 0.25)));
    }
  }
  Value binary(Value value) {
    Value other = like(shapeOf(value));
    switch (below(4)) {
    case 0:
      return make<arith::AddFOp>(value, other);
    case 1:
      return make<arith::MulFOp>(value, other);
    case 2:
      return make<arith::SubFOp>(other, value);
    default:
      return make<arith::MaximumFOp>(value, other);
    }
  }

  // Reductions.

  Shape without(Shape shape, unsigned d) {
    shape.erase(shape.begin() + d);
    return shape;
  }
  Value reduce(ReduceKind kind, Value value, unsigned d) {
    return make<ReduceOp>(type(without(shapeOf(value), d)), kind, value, ArrayRef<int64_t>{int64_t(d)},
                          false);
  }
  Value back(Value reduced, const Shape &shape, unsigned d) {
    Exprs index;
    for (unsigned i = 0; i < shape.size(); ++i)
      if (i != d)
        index.push_back(dim(i));
    return view(reduced, index, shape);
  }
  Value norm(Value value) {
    Shape shape = shapeOf(value);
    unsigned d = below(shape.size());
    auto loc = builder.getUnknownLoc();
    auto reduced = type(without(shape, d));
    auto moments = builder.create<MomentsOp>(loc, reduced, reduced, value, ArrayRef<int64_t>{int64_t(d)});
    Value inverse =
        make<math::RsqrtOp>(make<arith::AddFOp>(moments.getVariance(), splat(without(shape, d), 0.1)));
    Value centred = make<arith::SubFOp>(value, back(moments.getMean(), shape, d));
    Value scaled = make<arith::MulFOp>(centred, back(inverse, shape, d));
    return make<arith::MulFOp>(scaled, spread(weight({shape[d]}), shape, d));
  }
  Value rms(Value value) {
    Shape shape = shapeOf(value);
    unsigned d = below(shape.size());
    Value sum = reduce(ReduceKind::Add, make<arith::MulFOp>(value, value), d);
    Value inverse = make<math::RsqrtOp>(make<arith::AddFOp>(sum, splat(without(shape, d), 0.1)));
    return make<arith::MulFOp>(value, back(inverse, shape, d));
  }
  Value softmax(Value value, unsigned d) {
    Shape shape = shapeOf(value);
    Value top = back(reduce(ReduceKind::Max, value, d), shape, d);
    Value power = make<math::ExpOp>(make<arith::SubFOp>(value, top));
    return make<arith::DivFOp>(power, back(reduce(ReduceKind::Add, power, d), shape, d));
  }

  // Contractions.

  /// value [.., k] times weights [k, n].
  Value linear(Value value) {
    Shape shape = shapeOf(value);
    int64_t k = shape.back(), n = 1 + below(8);
    Shape result = shape;
    result.back() = n;
    Shape extents = result;
    extents.push_back(k);
    unsigned rank = shape.size();
    Exprs lhs;
    for (unsigned i = 0; i + 1 < rank; ++i)
      lhs.push_back(dim(i));
    lhs.push_back(dim(rank));
    Value product = contract(value, weight({k, n}), extents, lhs, {dim(rank), dim(rank - 1)}, result);
    if (chance(50))
      product = make<arith::AddFOp>(product, spread(weight({n}), result, rank - 1));
    return product;
  }
  Value contract(Value a, Value b, const Shape &extents, const Exprs &lhs, const Exprs &rhs,
                 const Shape &result) {
    return make<ContractOp>(type(result), ContractKind::Sum, a, b, extents,
                            AffineMap::get(extents.size(), 0, lhs, &context),
                            AffineMap::get(extents.size(), 0, rhs, &context));
  }
  /// Three projections of one value, heads, attention, heads back.
  Value attention(Value value) {
    Shape shape = shapeOf(value);
    if (shape.size() != 2)
      return linear(value);
    int64_t m = shape[0], heads = 2, d = 4;
    auto project = [&] {
      Value y = contract(value, weight({shape[1], heads * d}), {m, heads * d, shape[1]}, {dim(0), dim(2)},
                         {dim(2), dim(1)}, {m, heads * d});
      if (chance(50))
        y = make<arith::AddFOp>(y, spread(weight({heads * d}), {m, heads * d}, 1));
      Value split = view(y, {dim(1), dim(0) * d + dim(2)}, {heads, m, d});
      if (chance(40))
        split = rms(split);
      return chance(40) ? rotate(split) : split;
    };
    Value q = project(), k = project(), v = project();
    if (chance(50))
      q = make<arith::MulFOp>(q, splat(shapeOf(q), 0.5));
    Value logits =
        contract(q, k, {heads, m, m, d}, {dim(0), dim(1), dim(3)}, {dim(0), dim(2), dim(3)}, {heads, m, m});
    if (chance(40))
      logits = make<arith::AddFOp>(logits, view(weight({m, m}), {dim(1), dim(2)}, {heads, m, m}));
    Value mixed = contract(softmax(logits, 2), v, {heads, m, d, m}, {dim(0), dim(1), dim(3)},
                           {dim(0), dim(3), dim(2)}, {heads, m, d});
    return view(mixed, {dim(1).floorDiv(d), dim(0), dim(1) % d}, {m, heads * d});
  }
  /// A 3×3 convolution of the last two dimensions with padding.
  Value convolve(Value value) {
    Shape shape = shapeOf(value);
    if (shape.size() != 3)
      return linear(value);
    int64_t c = shape[0], h = shape[1], w = shape[2], o = 1 + below(4);
    Value padded = view(value, {dim(0), dim(1) - 1, dim(2) - 1}, {c, h + 2, w + 2}, numberAttr(0));
    return contract(padded, weight({o, c, 3, 3}), {o, h, w, c, 3, 3},
                    {dim(3), dim(1) + dim(4), dim(2) + dim(5)}, {dim(0), dim(3), dim(4), dim(5)}, {o, h, w});
  }
  Value gather(Value value) {
    Shape shape = shapeOf(value);
    int64_t count = 1 + below(5);
    SmallVector<int64_t> picks;
    for (int64_t i = 0; i < count; ++i)
      picks.push_back(below(shape[0] + 1)); // one past the end gives the fill
    Value indices = make<arith::ConstantOp>(cast<TypedAttr>(DenseElementsAttr::get(
        RankedTensorType::get({count}, builder.getI64Type()), ArrayRef<int64_t>(picks))));
    Exprs index{number(0)};
    for (unsigned i = 1; i < shape.size(); ++i)
      index.push_back(dim(i));
    shape[0] = count;
    return make<GatherOp>(
        type(shape), value, AffineMapAttr::get(AffineMap::get(shape.size(), 0, index, &context)),
        builder.getI64IntegerAttr(0), indices,
        AffineMapAttr::get(AffineMap::get(shape.size(), 0, dim(0), &context)), numberAttr(2));
  }

  void step() {
    Value value = pick();
    int choice = below(100);
    if (shapeOf(value).empty())
      add(broadcast(value));
    else if (choice < 12)
      add(unary(value));
    else if (choice < 32)
      add(binary(value));
    else if (choice < 40)
      add(reshape(value));
    else if (choice < 46)
      add(transpose(value));
    else if (choice < 52)
      add(slice(value));
    else if (choice < 55)
      add(pad(value));
    else if (choice < 58)
      add(broadcast(value));
    else if (choice < 63)
      add(concat(value, pick()));
    else if (choice < 66)
      add(interleave(value, pick()));
    else if (choice < 70)
      add(rotate(value));
    else if (choice < 74)
      add(reduce(chance(50) ? ReduceKind::Add : ReduceKind::Max, value, below(shapeOf(value).size())));
    else if (choice < 79)
      add(norm(value));
    else if (choice < 83)
      add(rms(value));
    else if (choice < 86)
      add(softmax(value, below(shapeOf(value).size())));
    else if (choice < 92)
      add(linear(value));
    else if (choice < 95)
      add(attention(value));
    else if (choice < 98)
      add(convolve(value));
    else
      add(gather(value));
  }

  MLIRContext &context;
  OpBuilder builder;
  std::mt19937_64 random;
  SmallVector<Value> pool;
  unsigned next = 0;
};

} // namespace

OwningOpRef<ModuleOp> randomGraph(MLIRContext &context, uint64_t seed) {
  return Generator(context, seed).run();
}

} // namespace tgc::test
