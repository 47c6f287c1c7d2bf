// Random compositions of reshapes, transposes, slices, pads and resizes against evaluation at every point.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include "compiler/affine/Ranges.h"

#include <random>
#include <set>

using namespace mlir;

namespace {

std::string text(auto value) {
  std::string result;
  llvm::raw_string_ostream stream(result);
  value.print(stream);
  return result;
}

int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> point) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return point[dim.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluate(binary.getLHS(), point), b = evaluate(binary.getRHS(), point);
  int64_t quotient = b == 0 ? 0 : a / b - (a % b != 0 && (a < 0) != (b < 0));
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::FloorDiv:
    return quotient;
  case AffineExprKind::CeilDiv:
    return -((-a) / b - ((-a) % b != 0 && ((-a) < 0) != (b < 0)));
  default:
    return a - quotient * b;
  }
}

std::vector<int64_t> evaluate(AffineMap map, ArrayRef<int64_t> point) {
  std::vector<int64_t> values;
  for (AffineExpr expr : map.getResults())
    values.push_back(evaluate(expr, point));
  return values;
}

bool holds(IntegerSet set, ArrayRef<int64_t> point) {
  for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags())) {
    int64_t value = evaluate(expr, point);
    if (equality ? value != 0 : value < 0)
      return false;
  }
  return true;
}

void forEachPoint(ArrayRef<int64_t> extents, const std::function<void(ArrayRef<int64_t>)> &visit) {
  std::vector<int64_t> point(extents.size(), 0);
  while (true) {
    visit(point);
    size_t d = 0;
    for (; d < extents.size() && ++point[d] == extents[d]; ++d)
      point[d] = 0;
    if (d == extents.size())
      return;
  }
}

unsigned divisions(AffineExpr expr) {
  unsigned count = 0;
  expr.walk([&](AffineExpr part) {
    count += part.getKind() == AffineExprKind::Mod || part.getKind() == AffineExprKind::FloorDiv ||
             part.getKind() == AffineExprKind::CeilDiv;
  });
  return count;
}

/// Movements of a tensor, composed: a map from the present coordinates to those of the source.
class Movement {
public:
  Movement(MLIRContext *context, unsigned seed) : context_(context), random_(seed) {
    shape = factors(pick({4, 6, 8, 12, 16, 18, 24, 36}));
    source = shape;
    map = AffineMap::getMultiDimIdentityMap(shape.size(), context);
  }

  int64_t number(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  int64_t pick(std::vector<int64_t> values) { return values[number(0, values.size() - 1)]; }

  std::vector<int64_t> factors(int64_t elements) {
    std::vector<int64_t> result;
    while (elements > 1 && result.size() < 3) {
      int64_t divisor = number(1, elements);
      while (elements % divisor != 0)
        divisor = number(1, elements);
      result.push_back(divisor);
      elements /= divisor;
    }
    result.push_back(elements);
    std::shuffle(result.begin(), result.end(), random_);
    return result;
  }

  void apply(std::vector<int64_t> newShape, SmallVector<AffineExpr> exprs) {
    map = map.compose(AffineMap::get(newShape.size(), 0, exprs, context_));
    shape = std::move(newShape);
  }

  AffineExpr dim(unsigned i) { return getAffineDimExpr(i, context_); }

  void reshape() {
    int64_t elements = 1;
    for (int64_t size : shape)
      elements *= size;
    std::vector<int64_t> to = factors(elements);
    AffineExpr linear = getAffineConstantExpr(0, context_);
    for (auto [i, size] : llvm::enumerate(to))
      linear = linear * size + dim(i);
    SmallVector<AffineExpr> exprs(shape.size());
    int64_t stride = 1;
    for (size_t i = shape.size(); i-- > 0; stride *= shape[i])
      exprs[i] = linear.floorDiv(stride) % shape[i];
    apply(to, exprs);
  }

  void transpose() {
    std::vector<unsigned> order(shape.size());
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random_);
    std::vector<int64_t> to(shape.size());
    SmallVector<AffineExpr> exprs(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) {
      to[i] = shape[order[i]];
      exprs[order[i]] = dim(i);
    }
    apply(to, exprs);
  }

  /// One dimension's coordinate replaced.
  void along(size_t d, int64_t size, AffineExpr expr) {
    std::vector<int64_t> to = shape;
    SmallVector<AffineExpr> exprs;
    for (size_t i = 0; i < shape.size(); ++i)
      exprs.push_back(i == d ? expr : dim(i));
    to[d] = size;
    apply(to, exprs);
  }

  void slice() {
    size_t d = number(0, shape.size() - 1);
    int64_t offset = number(0, shape[d] - 1), step = number(1, 2);
    along(d, (shape[d] - offset + step - 1) / step, dim(d) * step + offset);
  }
  void flip() {
    size_t d = number(0, shape.size() - 1);
    along(d, shape[d], shape[d] - 1 - dim(d));
  }
  void pad() {
    size_t d = number(0, shape.size() - 1);
    along(d, shape[d] + 3, dim(d) - 2);
  }
  void resize() {
    size_t d = number(0, shape.size() - 1);
    along(d, shape[d] * 2, dim(d).floorDiv(2));
  }

  int64_t elements() const {
    return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
  }

  AffineMap map;
  std::vector<int64_t> shape, source;

private:
  MLIRContext *context_;
  std::mt19937 random_;
};

} // namespace

TEST_CASE("random movements keep their meaning") {
  MLIRContext context;
  for (unsigned seed = 0; seed < 4000; ++seed) {
    Movement movement(&context, seed);
    for (int64_t step = movement.number(1, 6); step > 0 && movement.elements() < 600; --step) {
      switch (movement.number(0, 8)) {
      case 0:
        movement.flip();
        break;
      case 1:
        movement.pad();
        break;
      case 2:
        movement.resize();
        break;
      case 3:
        movement.slice();
        break;
      case 4:
      case 5:
        movement.transpose();
        break;
      default:
        movement.reshape();
      }
    }
    AffineMap simple = tgc::affine::simplify(movement.map, movement.shape);
    INFO("seed " << seed << ": " << text(movement.map) << " -> " << text(simple));
    IntegerSet inside = tgc::affine::withBounds(
        IntegerSet::get(movement.shape.size(), 0, getAffineConstantExpr(0, &context), true), movement.map,
        movement.source, movement.shape);
    INFO(text(inside));
    AffineMap given = tgc::affine::simplifyGiven(movement.map, inside, movement.shape);
    INFO(text(given));
    bool always = tgc::affine::alwaysInside(movement.map, movement.source, movement.shape);
    std::vector<tgc::affine::Range> ranges;
    for (AffineExpr expr : movement.map.getResults())
      ranges.push_back(tgc::affine::rangeOf(expr, movement.shape));
    bool same = true, bounded = true, sameSet = true, sameGiven = true, all = true;
    forEachPoint(movement.shape, [&](ArrayRef<int64_t> point) {
      std::vector<int64_t> expected = evaluate(movement.map, point);
      same &= expected == evaluate(simple, point);
      bool in = true;
      for (size_t i = 0; i < expected.size(); ++i) {
        bounded &= expected[i] >= ranges[i].min && expected[i] <= ranges[i].max;
        in &= expected[i] >= 0 && expected[i] < movement.source[i];
      }
      all &= in;
      sameSet &= holds(inside, point) == in;
      if (in)
        sameGiven &= expected == evaluate(given, point);
    });
    REQUIRE(same);
    REQUIRE(bounded);
    REQUIRE(sameSet);
    REQUIRE(sameGiven);
    REQUIRE((!always || all));
    REQUIRE(tgc::affine::neverHolds(inside) <= !all);
    AffineMap again = tgc::affine::simplify(simple, movement.shape);
    INFO("again " << text(again));
    REQUIRE(again == simple);
  }
}

TEST_CASE("a reshape there and back is the identity") {
  MLIRContext context;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Movement movement(&context, seed);
    std::vector<int64_t> start = movement.shape;
    for (int64_t step = movement.number(1, 3); step > 0; --step)
      movement.reshape();
    // Back to the first shape.
    AffineExpr linear = getAffineConstantExpr(0, &context);
    for (auto [i, size] : llvm::enumerate(start))
      linear = linear * size + movement.dim(i);
    SmallVector<AffineExpr> exprs(movement.shape.size());
    int64_t stride = 1;
    for (size_t i = movement.shape.size(); i-- > 0; stride *= movement.shape[i])
      exprs[i] = linear.floorDiv(stride) % movement.shape[i];
    movement.apply(start, exprs);
    AffineMap simple = tgc::affine::simplify(movement.map, movement.shape);
    INFO("seed " << seed << ": " << text(movement.map) << " -> " << text(simple));
    SmallVector<AffineExpr> identity;
    for (auto [i, size] : llvm::enumerate(start))
      identity.push_back(size == 1 ? getAffineConstantExpr(0, &context) : movement.dim(i));
    REQUIRE(simple == AffineMap::get(start.size(), 0, identity, &context));
  }
}

TEST_CASE("movements without repetition are inverted") {
  MLIRContext context;
  unsigned inverted = 0, tried = 0;
  for (unsigned seed = 0; seed < 4000; ++seed) {
    Movement movement(&context, seed);
    for (int64_t step = movement.number(1, 5); step > 0; --step) {
      switch (movement.number(0, 6)) {
      case 0:
        movement.flip();
        break;
      case 1:
        movement.slice();
        break;
      case 2:
      case 3:
        movement.transpose();
        break;
      default:
        movement.reshape();
      }
    }
    ++tried;
    auto inverse = tgc::affine::invert(movement.map, movement.shape, movement.source);
    if (!inverse)
      continue;
    ++inverted;
    INFO("seed " << seed << ": " << text(movement.map) << " -> " << text(inverse->dims) << " where "
                 << text(inverse->domain));
    std::set<std::vector<int64_t>> image;
    bool back = true;
    forEachPoint(movement.shape, [&](ArrayRef<int64_t> point) {
      std::vector<int64_t> value = evaluate(movement.map, point);
      image.insert(value);
      back &= evaluate(inverse->dims, value) == std::vector<int64_t>(point.begin(), point.end());
    });
    REQUIRE(back);
    bool exact = true;
    forEachPoint(movement.source, [&](ArrayRef<int64_t> point) {
      exact &= holds(inverse->domain, point) == (image.count({point.begin(), point.end()}) == 1);
    });
    REQUIRE(exact);
  }
  WARN("inverted " << inverted << " of " << tried);
  CHECK(inverted * 10 > tried * 9);
}

TEST_CASE("maps that are not injective have no inverse") {
  MLIRContext context;
  AffineExpr a = getAffineDimExpr(0, &context), b = getAffineDimExpr(1, &context);
  auto map = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(2, 0, exprs, &context); };
  CHECK(!tgc::affine::invert(map({a + b}), {4, 4}, {7}));
  CHECK(!tgc::affine::invert(map({a.floorDiv(2), b}), {4, 4}, {2, 4}));
  CHECK(!tgc::affine::invert(map({a}), {4, 4}, {4}));
  CHECK(tgc::affine::invert(map({a, a * 4 + b}), {4, 4}, {4, 16}));
}

TEST_CASE("known forms") {
  MLIRContext context;
  AffineExpr a = getAffineDimExpr(0, &context), b = getAffineDimExpr(1, &context),
             c = getAffineDimExpr(2, &context);
  auto simple = [&](AffineExpr expr, ArrayRef<int64_t> extents) {
    return tgc::affine::simplify(expr, extents);
  };
  CHECK(simple((a * 6 + b * 2 + c).floorDiv(2), {5, 3, 2}) == a * 3 + b);
  CHECK(simple(a.floorDiv(4) * 4 + a % 4, {30}) == a);
  CHECK(simple((a % 12) % 4, {30}) == a % 4);
  CHECK(simple((a % 12).floorDiv(4), {30}) == a.floorDiv(4) % 3);
  CHECK(simple((a * 128 + b).floorDiv(128), {7, 128}) == a);
  CHECK(simple((a * 128 + b) % 128, {7, 128}) == b);
  CHECK(simple((a - 4).floorDiv(2), {30}) == a.floorDiv(2) - 2);
  CHECK(simple((a + 4) % 4, {3}) == a);
  CHECK(simple((a - 1).floorDiv(64), {64}) == (a + 63).floorDiv(64) - 1);
  CHECK(simple((a % 4) * 4 + a.floorDiv(4), {16}) == (a % 4) * 4 + a.floorDiv(4));
  CHECK(simple(a.ceilDiv(4), {4}) == (a + 3).floorDiv(4));
  CHECK(simple((a % 12 + b).floorDiv(24), {100, 12}) == getAffineConstantExpr(0, &context));
  CHECK(simple(((a * 3 + b).floorDiv(2)).floorDiv(3), {8, 3}) == a.floorDiv(2));
  auto set = [&](AffineExpr expr, bool equality) { return IntegerSet::get(3, 0, expr, equality); };
  SmallVector<int64_t> extents{24, 128, 2};
  // 639 - (128 a + b) >= 0 cuts between values of a.
  CHECK(tgc::affine::simplify(set(639 - (a * 128 + b), false), extents) == set(4 - a, false));
  CHECK(tgc::affine::simplify(set(a.floorDiv(2) - 3, false), extents) == set(a - 6, false));
  CHECK(tgc::affine::neverHolds(tgc::affine::simplify(set(a * 2 - 7, true), extents)));
  CHECK(tgc::affine::simplify(set(a * 2 + c - 7, true), extents) ==
        IntegerSet::get(3, 0, {a - 3, c - 1}, {true, true}));
  // Where a < 5, a floordiv 5 is 0.
  CHECK(tgc::affine::simplifyGiven(AffineMap::get(3, 0, a.floorDiv(5)), set(4 - a, false), extents) ==
        AffineMap::get(3, 0, getAffineConstantExpr(0, &context)));
  CHECK(tgc::affine::simplifyGiven(set(a - 5, false), set(a - 7, false), extents) ==
        set(getAffineConstantExpr(0, &context), true));
}

TEST_CASE("random conditions keep their meaning") {
  MLIRContext context;
  std::mt19937 random(7);
  auto number = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (unsigned trial = 0; trial < 4000; ++trial) {
    SmallVector<int64_t> extents{number(1, 9), number(1, 6), number(1, 4)};
    auto expr = [&]() {
      AffineExpr sum = getAffineConstantExpr(number(-9, 9), &context);
      for (unsigned d = 0; d < 3; ++d) {
        AffineExpr dim = getAffineDimExpr(d, &context) + number(-2, 2);
        if (number(0, 3) == 0)
          dim = number(0, 1) ? dim.floorDiv(number(2, 4)) : dim % number(2, 4);
        sum = sum + dim * number(-6, 6);
      }
      return number(0, 3) == 0 ? sum.floorDiv(number(2, 6)) : sum;
    };
    auto randomSet = [&]() {
      SmallVector<AffineExpr> exprs;
      SmallVector<bool> equalities;
      for (int64_t i = number(1, 3); i > 0; --i) {
        exprs.push_back(expr());
        equalities.push_back(number(0, 3) == 0);
      }
      return IntegerSet::get(3, 0, exprs, equalities);
    };
    IntegerSet set = randomSet(), given = randomSet();
    IntegerSet simple = tgc::affine::simplify(set, extents),
               relative = tgc::affine::simplifyGiven(set, given, extents);
    AffineMap map = AffineMap::get(3, 0, expr()), mapGiven = tgc::affine::simplifyGiven(map, given, extents);
    INFO(text(set) << " -> " << text(simple) << ", given " << text(given) << " -> " << text(relative) << ", "
                   << text(map) << " -> " << text(mapGiven));
    SmallVector<tgc::affine::Range> ranges = tgc::affine::dimRanges(given, extents);
    bool same = true, sameGiven = true, any = false;
    forEachPoint(extents, [&](ArrayRef<int64_t> point) {
      bool expected = holds(set, point);
      any |= expected;
      same &= holds(simple, point) == expected;
      if (!holds(given, point))
        return;
      sameGiven &= holds(relative, point) == expected && evaluate(map, point) == evaluate(mapGiven, point);
      for (unsigned d = 0; d < 3; ++d)
        sameGiven &= ranges[d].min <= point[d] && point[d] <= ranges[d].max;
    });
    REQUIRE(same);
    REQUIRE(sameGiven);
    REQUIRE((!tgc::affine::neverHolds(simple) || !any));
    REQUIRE(tgc::affine::simplify(simple, extents) == simple);
  }
}

TEST_CASE("divisions left over after reshapes and transposes") {
  MLIRContext context;
  unsigned before = 0, after = 0;
  for (unsigned seed = 0; seed < 500; ++seed) {
    Movement movement(&context, seed);
    for (unsigned step = 0; step < 2; ++step) {
      movement.reshape();
      movement.transpose();
    }
    AffineMap simple = tgc::affine::simplify(movement.map, movement.shape);
    for (auto [old, now] : llvm::zip(movement.map.getResults(), simple.getResults())) {
      before += divisions(old);
      after += divisions(now);
    }
  }
  WARN(before << " divisions became " << after);
  CHECK(after * 3 < before);
}
