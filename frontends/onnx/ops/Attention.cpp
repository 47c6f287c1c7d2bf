// Attention and RotaryEmbedding, written out: contractions, a softmax, masks as conditions.
#include "frontends/onnx/Select.h"
#include "frontends/onnx/ops/Families.h"

#include <cmath>

using namespace mlir;

namespace tgc::onnx {
namespace {

using graph::ReduceKind;

/// [batch, heads, sequence, size] of input i, which is that or [batch, sequence, heads·size].
Value splitHeads(NodeContext &c, size_t i, int64_t heads) {
  c.requireRank(i, 3, 4);
  if (c.rank(i) == 4)
    return c.in(i);
  ArrayRef<int64_t> s = c.shape(i);
  if (heads < 1 || s[2] % heads != 0)
    c.bad("{} columns do not divide into {} heads", s[2], heads);
  Value v = c.reshape(c.in(i), {s[0], s[1], heads, s[2] / heads});
  return c.transpose(v, {0, 2, 1, 3});
}

class Attention {
public:
  explicit Attention(NodeContext &c) : c(c) {}

  void run() {
    c.requireFloat(0);
    c.requireSameTypes(0, 1);
    int64_t qHeads = c.intAttr("q_num_heads", 0), kvHeads = c.intAttr("kv_num_heads", 0);
    q = splitHeads(c, 0, qHeads);
    k = splitHeads(c, 1, kvHeads);
    v = splitHeads(c, 2, kvHeads);
    if (c.has(4) != c.has(5))
      c.bad("past_key and past_value must be given together");
    if (c.has(4)) {
      c.requireRank(4, 4, 4);
      c.requireRank(5, 4, 4);
      offset = c.shape(4)[2];
      k = c.concat({c.in(4), k}, 2);
      v = c.concat({c.in(5), v}, 2);
    }
    batch = c.shapeOf(q)[0];
    heads = c.shapeOf(q)[1];
    rows = c.shapeOf(q)[2];
    keys = c.shapeOf(k)[2];
    if (heads == 0 || c.shapeOf(k)[1] == 0 || heads % c.shapeOf(k)[1] != 0 || c.shapeOf(k)[0] != batch ||
        c.shapeOf(v).take_front(3) != c.shapeOf(k).take_front(3) || c.shapeOf(q)[3] != c.shapeOf(k)[3])
      c.bad("the shapes of query, key and value do not fit");
    group = heads / c.shapeOf(k)[1];

    int64_t mode = c.intAttr("qk_matmul_output_mode", 0);
    DType t = c.dtype(0);
    Value s = scores();
    if (mode == 0 && c.wantsOutput(3))
      c.outFloat(3, s, t);
    if (double cap = c.floatAttr("softcap", 0); cap > 0)
      s = c.mul(c.make<math::TanhOp>(c.div(s, c.splatLike(s, cap))), c.splatLike(s, cap));
    if (mode == 1 && c.wantsOutput(3))
      c.outFloat(3, s, t);
    s = masked(s);
    if (mode == 2 && c.wantsOutput(3))
      c.outFloat(3, s, t);
    Value p = softmax(s);
    if (mode == 3 && c.wantsOutput(3))
      c.outFloat(3, p, t);
    Value y = weighted(c.convertFloat(p, c.elementOf(v)));
    if (c.rank(0) == 3) {
      y = c.transpose(y, {0, 2, 1, 3});
      y = c.reshape(y, {batch, rows, heads * c.shapeOf(v)[3]});
    }
    c.outFloat(y, t);
    if (c.wantsOutput(1))
      c.out(1, k, c.dtype(1));
    if (c.wantsOutput(2))
      c.out(2, v, c.dtype(2));
  }

private:
  /// (batch, key head, [member of its group,] …): the space of both contractions; the group is left out when
  /// it is 1.
  Shape lead() const {
    Shape extents{batch, heads / group};
    if (group > 1)
      extents.push_back(group);
    return extents;
  }
  AffineExpr head() const { return group > 1 ? c.dim(1) * group + c.dim(2) : c.dim(1); }

  Value scores() {
    Shape extents = lead();
    unsigned n = extents.size();
    extents.append({rows, keys, c.shapeOf(q)[3]});
    Value s = c.contract(q, {c.dim(0), head(), c.dim(n), c.dim(n + 2)}, k,
                         {c.dim(0), c.dim(1), c.dim(n + 1), c.dim(n + 2)}, extents, n + 2);
    s = c.reshape(s, {batch, heads, rows, keys});
    double scale = c.floatAttr("scale", 1 / std::sqrt(double(c.shapeOf(q)[3])));
    return c.mul(s, c.splatLike(s, scale));
  }

  Value weighted(Value p) {
    Shape extents = lead();
    unsigned n = extents.size();
    extents.append({rows, c.shapeOf(v)[3], keys});
    Value y = c.contract(p, {c.dim(0), head(), c.dim(n), c.dim(n + 2)}, v,
                         {c.dim(0), c.dim(1), c.dim(n + 2), c.dim(n + 1)}, extents, n + 2);
    return c.reshape(y, {batch, heads, rows, c.shapeOf(v)[3]});
  }

  Value where(Value s, ArrayRef<AffineExpr> conditions) {
    return c.viewOrFill(s, {c.dim(0), c.dim(1), c.dim(2), c.dim(3)}, c.shapeOf(s),
                        c.fillAttr(c.elementOf(s), -INFINITY), conditions);
  }
  Value keep(Value mask, Value s) { return c.select(mask, s, c.splatLike(s, -INFINITY)); }

  Value masked(Value s) {
    if (c.has(3))
      s = withMask(s);
    bool causal = c.intAttr("is_causal", 0);
    int64_t left = c.intAttr("left_window_size", -1), right = c.intAttr("right_window_size", -1);
    if (!c.has(6)) {
      AffineExpr distance = c.dim(2) + offset - c.dim(3); // ≥ 0 for keys up to the row's own
      SmallVector<AffineExpr> conditions;
      if (causal)
        conditions.push_back(distance);
      if (left >= 0)
        conditions.push_back(c.number(left) - distance);
      if (right >= 0)
        conditions.push_back(distance + right);
      return conditions.empty() ? s : where(s, conditions);
    }
    // The number of valid keys is known at run time.
    if (c.shape(6) != ArrayRef<int64_t>{batch} || c.dtype(6) != DType::I64)
      c.bad("nonpad_kv_seqlen must be one i64 for each batch");
    Value valid = c.broadcastDims(c.in(6), {0}, c.shapeOf(s));
    Value key = c.coord(c.dim(3), c.shapeOf(s), c.i64());
    s = keep(c.compare(arith::CmpIPredicate::slt, key, valid), s);
    Value own = c.add(valid, c.coord(c.dim(2) - rows, c.shapeOf(s), c.i64()));
    Value distance = c.sub(own, key);
    auto atLeast = [&](Value a, int64_t bound) {
      return c.compare(arith::CmpIPredicate::sge, a, c.splatLike(a, double(bound)));
    };
    if (causal)
      s = keep(atLeast(distance, 0), s);
    if (left >= 0)
      s = keep(c.logicalNot(atLeast(distance, left + 1)), s);
    if (right >= 0)
      s = keep(atLeast(distance, -right), s);
    return s;
  }

  /// A mask with fewer keys masks the others.
  Value withMask(Value s) {
    Value mask = c.in(3);
    bool isBool = c.dtype(3) == DType::Bool;
    if (!isBool)
      c.requireFloat(3);
    int64_t rank = c.rank(3);
    if (rank < 1 || rank > 4)
      c.bad("a mask of rank {}", rank);
    if (int64_t missing = keys - c.shape(3)[rank - 1]; missing > 0 && c.shape(3)[rank - 1] != 1) {
      Shape before(rank, 0), after(rank, 0);
      after[rank - 1] = missing;
      Type element = c.elementOf(mask);
      mask = c.pad(mask, before, after, c.fillAttr(element, isBool ? 0 : -INFINITY));
    }
    if (isBool)
      return keep(c.broadcast(mask, c.shapeOf(s)), s);
    return c.add(s, c.broadcast(c.convertFloat(mask, c.elementOf(s)), c.shapeOf(s)));
  }

  /// A row without any key gives 0, not NaN.
  Value softmax(Value s) {
    Value maximum = c.reduceAndBroadcast(ReduceKind::Max, s, {3});
    Value e = c.exp(c.sub(s, maximum));
    Value p = c.div(e, c.reduceAndBroadcast(ReduceKind::Add, e, {3}));
    bool rowsWithoutKeys = c.has(3) || c.has(6) || c.intAttr("left_window_size", -1) >= 0 ||
                           c.intAttr("right_window_size", -1) >= 0;
    if (!rowsWithoutKeys)
      return p;
    Value none = c.compare(arith::CmpFPredicate::OEQ, maximum, c.splatLike(maximum, -INFINITY));
    return c.select(none, c.splatLike(p, 0), p);
  }

  NodeContext &c;
  Value q, k, v;
  int64_t offset = 0; ///< keys before the first row's own
  int64_t batch = 0, heads = 0, rows = 0, keys = 0, group = 1;
};

void attention(NodeContext &c) { Attention(c).run(); }

/// Rotates pairs (a, b) of each head: (a·cos − b·sin, a·sin + b·cos). The pairs are halves of the rotated
/// part, or neighbours in it.
void rotaryEmbedding(NodeContext &c) {
  c.requireRank(0, 3, 4);
  c.requireRank(1, 2, 3);
  c.requireRank(2, 2, 3);
  ArrayRef<int64_t> in = c.shape(0);
  int64_t heads = c.intAttr("num_heads", 0);
  bool split = c.rank(0) == 3;
  if (split && (heads < 1 || in[2] % heads != 0))
    c.bad("{} columns do not divide into {} heads", in[2], heads);
  Value x = c.wide(0);
  if (split)
    x = c.reshape(x, {in[0], in[1], heads, in[2] / heads});
  Shape shape(c.shapeOf(x));
  unsigned positionDim = split ? 1 : 2;
  int64_t size = shape[3], rotated = c.intAttr("rotary_embedding_dim", 0);
  bool interleaved = c.intAttr("interleaved", 0);
  if (rotated == 0)
    rotated = size;
  if (rotated < 2 || rotated > size || rotated % 2 != 0)
    c.bad("rotary_embedding_dim {} for heads of {}", rotated, size);
  int64_t half = rotated / 2;
  Shape halves = shape;
  halves[3] = half;

  auto angle = [&](size_t i) -> Value { // cos or sin, broadcast to the halves
    Value cache = c.wide(i);
    if (c.shapeOf(cache).back() != half)
      c.bad("the cache has {} columns, {} are needed", c.shapeOf(cache).back(), half);
    Shape wanted{shape[0], shape[positionDim], half};
    if (c.has(3)) {
      if (c.rankOf(cache) != 2 || c.shape(3) != ArrayRef<int64_t>(wanted).drop_back())
        c.bad("cache and position_ids do not have the shapes that are needed");
      int64_t extent = c.shapeOf(cache)[0];
      if (graph::HostTensorPtr ids = c.tryKnown(3))
        cache = selectAlong(c, cache, 0, wrapIndices(ids->ints, extent), c.shape(3));
      else
        cache = c.gather(cache, {c.number(0), c.dim(2)}, 0, wrapIndices(c, c.in(3), extent),
                         {c.dim(0), c.dim(1)}, wanted);
    }
    if (c.shapeOf(cache) != ArrayRef<int64_t>(wanted))
      c.bad("the cache does not have the shape that is needed");
    return c.broadcastDims(cache, {0, positionDim, 3}, halves);
  };
  Value cosine = angle(1), sine = angle(2);
  auto part = [&](int64_t which) { // element `which` of each pair
    AffineExpr index = interleaved ? c.dim(3) * 2 + which : c.dim(3) + which * half;
    return c.view(x, {c.dim(0), c.dim(1), c.dim(2), index}, halves);
  };
  Value a = part(0), b = part(1);
  Value real = c.sub(c.mul(cosine, a), c.mul(sine, b)), imaginary = c.add(c.mul(sine, a), c.mul(cosine, b));

  SmallVector<Value> rotatedPair{real, imaginary};
  SmallVector<TensorBuilder::PieceSpec> specs;
  for (auto [which, value] : llvm::enumerate(rotatedPair)) {
    AffineExpr d = c.dim(3);
    AffineExpr index = interleaved ? d.floorDiv(2) : d - int64_t(which) * half;
    TensorBuilder::PieceSpec spec{value, {c.dim(0), c.dim(1), c.dim(2), index}, {}, {}};
    if (interleaved) {
      spec.equalities.push_back(d % 2 - int64_t(which));
      if (rotated < size)
        spec.conditions.push_back(c.number(rotated - 1) - d);
    } else {
      spec.conditions.push_back(c.number((int64_t(which) + 1) * half - 1) - d);
    }
    specs.push_back(spec);
  }
  if (rotated < size)
    specs.push_back({x, {c.dim(0), c.dim(1), c.dim(2), c.dim(3)}, {c.dim(3) - rotated}, {}});
  c.outFloat(c.reshape(c.pieces(specs, shape), in), c.dtype(0));
}

} // namespace

void addAttention(HandlerTable &table) {
  table["Attention"] = attention;
  table["RotaryEmbedding"] = rotaryEmbedding;
}

} // namespace tgc::onnx
