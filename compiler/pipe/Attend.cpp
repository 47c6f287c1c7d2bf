// The body of attention, scores transposed: rows are keys, lanes are queries.
//   queries packed into panels once: [panel][depth][lanes]
//   for each block of keys
//     keys, values: rows in place, or copied
//     for each panel of queries
//       S[key][lane] = K · Q                        scores of the block, in the first cache
//       t = the kernel's function of S; new maximum of every lane; S = exp(t - maximum); the lane's sum
//       O[column][lane] = O · exp(old maximum - new) + Vᵀ · S     S is the right operand as it lies
//   epilogue over O / sum
// The maximum starts at -inf and counts as 0 while it is -inf, so that lanes whose keys are all masked give
// 0 / 0. A NaN never becomes the maximum, but reaches the sum.
#include "compiler/pipe/Program.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <limits>

using namespace mlir;

namespace tgc::pipe {

namespace {

/// exp(t - from) for t that are not greater than `from`, which is finite; ∞ and NaN give NaN. In f32, as 2^u with
/// u = t·log2 e - from·log2 e: what its rounding makes wrong is the same for all weights of a query.
class WeightExp {
public:
  WeightExp(OpBuilder &builder, Location loc, Type type, Value from)
      : builder(builder), loc(loc), type(type), shaped(from.getType()), from(from) {
    if (type.isF32())
      shift = builder.create<arith::MulFOp>(loc, from, number(-log2e));
  }

  Value at(Value t) {
    if (!type.isF32())
      return builder.create<math::ExpOp>(loc, builder.create<arith::SubFOp>(loc, t, from));
    // u = n + r with a whole n, which adding 1.5·2^23 leaves in the low bits; 2^r by a minimax polynomial.
    Value u = fma(t, number(log2e), shift);
    Value magic = number(0x1.8p23);
    Value shifted = builder.create<arith::AddFOp>(loc, u, magic);
    Value r = builder.create<arith::SubFOp>(loc, u, builder.create<arith::SubFOp>(loc, shifted, magic));
    Value p = number(0x1.3fb5f2p-13);
    for (double c : {0x1.5f0e12p-10, 0x1.3b309p-7, 0x1.c6af72p-5, 0x1.ebfbd8p-3, 0x1.62e43p-1, 1.0})
      p = fma(p, r, number(c));
    Type bits = builder.getI32Type();
    if (auto vector = dyn_cast<VectorType>(shaped))
      bits = vector.clone(bits);
    auto toBits = [&](Value value) { return builder.create<arith::BitcastOp>(loc, bits, value).getResult(); };
    Value width = integer(23, bits);
    Value exponent = builder.create<arith::ShLIOp>(loc, toBits(shifted), width);
    Value scaled = builder.create<arith::AddIOp>(loc, toBits(p), exponent);
    Value result = builder.create<arith::BitcastOp>(loc, shaped, scaled);
    // Below the normal numbers there is nothing; a NaN stays what it is.
    Value small = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OLT, u, number(-126));
    return builder.create<arith::SelectOp>(loc, small, number(0), result);
  }

private:
  static constexpr double log2e = 0x1.71547652b82fep0;
  Value fma(Value a, Value b, Value c) { return builder.create<math::FmaOp>(loc, a, b, c); }
  Value number(double value) {
    auto scalar = builder.getFloatAttr(type, value);
    if (auto vector = dyn_cast<VectorType>(shaped))
      return builder.create<arith::ConstantOp>(loc, DenseElementsAttr::get(vector, scalar));
    return builder.create<arith::ConstantOp>(loc, scalar);
  }
  Value integer(int32_t value, Type like) {
    auto scalar = builder.getI32IntegerAttr(value);
    if (auto vector = dyn_cast<VectorType>(like))
      return builder.create<arith::ConstantOp>(loc, DenseElementsAttr::get(vector, scalar));
    return builder.create<arith::ConstantOp>(loc, scalar);
  }

  OpBuilder &builder;
  Location loc;
  Type type, shaped;
  Value from, shift;
};

class Attend {
public:
  Attend(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores)
      : program(program), plan(program.plan), builder(program.builder), loc(program.loc), softmax(softmax),
        scores(scores), type(softmax.getResult().getType()) {}

  void emit() {
    bool swapped = keysAreLeft();
    Value queries = swapped ? scores.getRhs() : scores.getLhs(),
          keys = swapped ? scores.getLhs() : scores.getRhs();
    int64_t lanes = plan.atomN, depth = plan.k.extent();
    panels = plan.paddedQueries() / lanes;
    columns = plan.e.extent();
    Value packed = program.scratchPanels(depth, plan.paddedQueries(), program.typeOf(plan.a.type));
    Value keyScratch = program.scratchRows(plan.b, plan.n, plan.k);
    Value valueScratch = program.scratchRows(plan.v, plan.e, plan.n);
    weights = program.scratch({plan.n.extent(), lanes}, type);
    result = program.scratch({panels * columns, lanes}, type);
    maximum = program.scratch({panels, lanes}, type);
    sum = program.scratch({panels, lanes}, type);
    shrink = program.scratch({lanes}, type);

    program.copy(queries, packed, plan.k, plan.m, plan.a.laneAxis, plan.a.lanes);
    clear();
    program.forTiles(plan.n, [&](Value first) {
      Value k = program.rows(keys, plan.b, plan.n, plan.k, keyScratch);
      Value v = program.rows(softmax.getValues(), plan.v, plan.e, plan.n, valueScratch);
      // What lies beyond the last key or column may lie beyond the buffer, too.
      Value valid = program.validExtent(plan.n), validColumns = program.validExtent(plan.e);
      auto overPanels =
          builder.create<scf::ForOp>(loc, program.index(0), program.index(panels), program.index(1));
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(overPanels.getBody());
      Value panel = overPanels.getInductionVar();
      Value q = builder.create<tile::ViewOp>(
          loc,
          MemRefType::get({depth, lanes}, program.typeOf(plan.a.type),
                          program.panelLayout(depth, lanes, lanes, depth * lanes)),
          packed, ValueRange{program.index(0), program.apply(program.dim(0) * lanes, panel)});
      dot(plan.atomM, k, q, weights, valid, Value(), Value());
      step(panel);
      Value row = program.apply(program.dim(0) * columns, panel);
      if (!first) {
        dot(plan.secondAtomM, v, weights, resultOf(row), validColumns, valid, Value());
        return;
      }
      Value later =
          builder.create<arith::XOrIOp>(loc, first, builder.create<arith::ConstantIntOp>(loc, 1, 1));
      auto branch = builder.create<scf::IfOp>(loc, later, /*withElse=*/false);
      {
        OpBuilder::InsertionGuard inner(builder);
        builder.setInsertionPoint(branch.thenYield());
        rescale(row);
      }
      dot(plan.secondAtomM, v, weights, resultOf(row), validColumns, valid, first);
    });

    // A query's number is panel · lanes + lane, its row of a column panel · columns + column.
    AffineExpr query = program.flat(plan.m), column = program.flat(plan.e);
    MLIRContext *context = builder.getContext();
    unsigned axes = program.kernel.getNumAxes();
    auto resultPlace =
        AffineMap::get(axes, 0, {query.floorDiv(lanes) * columns + column, query % lanes}, context);
    auto sumPlace = AffineMap::get(axes, 0, {query.floorDiv(lanes), query % lanes}, context);
    program.values->define(
        softmax.getResult(),
        [this, resultPlace, sumPlace](OpBuilder &at, Location where, const Point &point) -> Value {
          MemoryEmitter memory(at, where, program.kernel, program.kernel.getAxes(),
                               program.relative(point, at, where));
          Value total = memory.load({result, resultPlace}), divisor = memory.load({sum, sumPlace});
          if (isa<VectorType>(total.getType()) || isa<VectorType>(divisor.getType())) {
            total = memory.splat(total);
            divisor = memory.splat(divisor);
          }
          return at.create<arith::DivFOp>(where, total, divisor);
        });
    program.epilogue({&plan.m, &plan.e});
  }

private:
  bool keysAreLeft() {
    llvm::SmallBitVector left = program.values->axes.of(scores.getLhs());
    return llvm::any_of(plan.n.axes, [&](const TiledAxis &axis) { return left.test(axis.axis); });
  }

  void dot(int64_t atomM, Value a, Value b, Value sums, Value rows, Value depth, Value first) {
    bool zero = !first && sums == weights;
    zero |= !first && plan.n.tiles() == 1;
    builder.create<tile::DotOp>(loc, builder.getStringAttr(plan.atom), builder.getI64IntegerAttr(atomM),
                                builder.getI64IntegerAttr(plan.atomN), a, b, sums, rows, depth, first,
                                zero ? builder.getUnitAttr() : UnitAttr());
  }

  Value resultOf(Value row) {
    auto layout = StridedLayoutAttr::get(builder.getContext(), ShapedType::kDynamic, {plan.atomN, 1});
    return builder.create<tile::ViewOp>(loc, MemRefType::get({columns, plan.atomN}, type, layout), result,
                                        ValueRange{row, program.index(0)});
  }

  Value number(double value, int64_t lanes) {
    Type shaped = lanes > 1 ? Type(VectorType::get({lanes}, type)) : type;
    auto scalar = builder.getFloatAttr(type, value);
    return lanes > 1
               ? builder
                     .create<arith::ConstantOp>(loc, DenseElementsAttr::get(cast<ShapedType>(shaped), scalar))
                     .getResult()
               : builder.create<arith::ConstantOp>(loc, scalar).getResult();
  }
  Value load(Value memory, ValueRange at, int64_t lanes) {
    if (lanes == 1)
      return builder.create<memref::LoadOp>(loc, memory, at);
    return builder.create<vector::LoadOp>(loc, VectorType::get({lanes}, type), memory, at);
  }
  void store(Value value, Value memory, ValueRange at) {
    if (isa<VectorType>(value.getType()))
      builder.create<vector::StoreOp>(loc, value, memory, at);
    else
      builder.create<memref::StoreOp>(loc, value, memory, at);
  }

  /// A map whose body is emitted once in lanes and, if lanes do not divide the last bound, once without.
  void map(ArrayRef<OpFoldResult> bounds, ArrayRef<StringRef> names, bool tail,
           function_ref<void(ValueRange at, int64_t lanes)> body) {
    int64_t lanes = laneCount();
    auto map = builder.create<tile::MapOp>(loc, bounds, names, lanes, tail);
    for (Region *region : {&map.getBody(), &map.getTail()}) {
      if (region->empty())
        continue;
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(&region->front());
      body(region->getArguments(), region == &map.getBody() ? lanes : 1);
      builder.create<tile::YieldOp>(loc, ValueRange());
    }
  }
  /// The whole panel, which is one to four vector registers: their chains run side by side.
  int64_t laneCount() { return llvm::isPowerOf2_64(plan.atomN) ? plan.atomN : plan.vectorLanes; }

  void clear() {
    map({builder.getIndexAttr(panels), builder.getIndexAttr(plan.atomN)}, {"panel", "lane"}, false,
        [&](ValueRange at, int64_t lanes) {
          store(number(-std::numeric_limits<double>::infinity(), lanes), maximum, at);
          store(number(0, lanes), sum, at);
        });
  }

  void rescale(Value row) {
    map({builder.getIndexAttr(columns), builder.getIndexAttr(plan.atomN)}, {"column", "lane"}, false,
        [&](ValueRange at, int64_t lanes) {
          Value factor = load(shrink, at[1], lanes);
          Value place =
              program.apply(program.dim(0) + program.dim(1), {OpFoldResult(row), OpFoldResult(at[0])});
          Value old = load(result, {place, at[1]}, lanes);
          store(builder.create<arith::MulFOp>(loc, old, factor), result, {place, at[1]});
        });
  }

  /// The weights' axes that are queries, apart from the scores: then lanes beyond the last query are not computed.
  bool needsQuery() {
    for (const TiledAxis &axis : plan.m.axes)
      if (axis.tile > 1 && weightsDependOn(softmax.getWeights(), axis.axis))
        return true;
    return false;
  }
  bool weightsDependOn(Value value, int axis) {
    if (value == scores.getResult() || !program.values->dependsOn(value, axis))
      return false;
    Operation *op = value.getDefiningOp();
    if (isa<kernel::LoadOp, kernel::GatherOp, kernel::CoordOp, kernel::TestOp>(op))
      return true;
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      return !operand.getType().isIndex() && weightsDependOn(operand, axis);
    });
  }

  const TiledAxis *queryAxis() {
    for (const TiledAxis &axis : plan.m.axes)
      if (axis.tile > 1)
        return &axis;
    return nullptr;
  }

  /// One panel's softmax over the block of keys.
  void step(Value panel) {
    const TiledAxis *query = queryAxis();
    OpFoldResult bound = builder.getIndexAttr(plan.atomN);
    bool tail = false;
    if (needsQuery() && (query->ragged() || query->tile % plan.atomN != 0)) {
      Value count = getValueOrCreateConstantIndexOp(builder, loc, program.count(*query));
      Value left = program.apply(program.dim(0) - program.dim(1) * plan.atomN,
                                 {OpFoldResult(count), OpFoldResult(panel)});
      bound = builder.create<arith::MinSIOp>(loc, left, program.index(plan.atomN)).getResult();
      tail = true;
    }
    map({bound}, {"lane"}, tail, [&](ValueRange at, int64_t lanes) {
      Point point = program.origin();
      if (query) {
        point.coords[query->axis] = program.apply(
            program.dim(0) + program.dim(1) * plan.atomN + program.dim(2),
            {OpFoldResult(program.start(query->axis)), OpFoldResult(panel), OpFoldResult(at[0])});
        if (lanes > 1) {
          point.laneAxis = query->axis;
          point.lanes = lanes;
        }
      }
      stepLanes(panel, at[0], lanes, point);
    });
  }

  void stepLanes(Value panel, Value lane, int64_t lanes, const Point &point) {
    SmallVector<Value> here{panel, lane};
    Value old = load(maximum, here, lanes);
    // Four keys a step: the maximum's and the sum's chains would be as slow as their latency else.
    Value highest = overKeys(point, old, 4, [&](ArrayRef<KeyPoint> keys, Value highest) -> Value {
      SmallVector<Value> terms;
      for (const KeyPoint &at : keys) {
        program.values->define(scores.getResult(), [&](OpBuilder &, Location, const Point &) {
          return load(weights, {at.key, lane}, lanes);
        });
        Value t = PointEmitter(*program.values, builder, at.point).value(softmax.getWeights());
        if (lanes > 1 && !isa<VectorType>(t.getType()))
          t = builder.create<vector::BroadcastOp>(loc, VectorType::get({lanes}, type), t);
        store(t, weights, {at.key, lane});
        terms.push_back(t);
      }
      Value all = tree(terms, [&](Value a, Value b) { return higher(a, b); });
      return higher(all, highest);
    });
    store(highest, maximum, here);
    Value none = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, highest,
                                               number(-std::numeric_limits<double>::infinity(), lanes));
    Value from = builder.create<arith::SelectOp>(loc, none, number(0, lanes), highest);
    WeightExp exp(builder, loc, type, from);
    Value total = overKeys(point, number(0, lanes), 2, [&](ArrayRef<KeyPoint> keys, Value total) -> Value {
      SmallVector<Value> terms;
      for (const KeyPoint &at : keys) {
        Value weight = exp.at(load(weights, {at.key, lane}, lanes));
        store(weight, weights, {at.key, lane});
        terms.push_back(weight);
      }
      Value all =
          tree(terms, [&](Value a, Value b) { return builder.create<arith::AddFOp>(loc, a, b).getResult(); });
      return builder.create<arith::AddFOp>(loc, total, all);
    });
    Value factor = exp.at(old);
    store(factor, shrink, lane);
    Value before = builder.create<arith::MulFOp>(loc, load(sum, here, lanes), factor);
    store(builder.create<arith::AddFOp>(loc, before, total), sum, here);
  }

  /// The greater one, `b` where a is NaN: the comparison with a NaN fails.
  Value higher(Value a, Value b) {
    Value above = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OGT, a, b);
    return builder.create<arith::SelectOp>(loc, above, a, b);
  }
  static Value tree(SmallVector<Value> values, function_ref<Value(Value, Value)> combine) {
    while (values.size() > 1) {
      for (size_t i = 0; i < values.size() / 2; ++i)
        values[i] = combine(values[2 * i], values[2 * i + 1]);
      if (values.size() % 2)
        values[values.size() / 2] = values.back();
      values.resize((values.size() + 1) / 2);
    }
    return values.front();
  }

  struct KeyPoint {
    Value key; ///< number in the block
    Point point;
  };

  /// Loops over the block's keys, `unroll` a step and then one by one.
  Value overKeys(const Point &from, Value carried, int64_t unroll,
                 function_ref<Value(ArrayRef<KeyPoint>, Value)> body) {
    SmallVector<TiledAxis> axes;
    for (const TiledAxis &axis : plan.n.axes)
      if (axis.tile > 1)
        axes.push_back(axis);
    SmallVector<OpFoldResult> coords(program.kernel.getNumAxes(), builder.getIndexAttr(0));
    return overKeys(axes, coords, from, carried, unroll, body);
  }
  Value overKeys(ArrayRef<TiledAxis> axes, SmallVector<OpFoldResult> coords, Point at, Value carried,
                 int64_t unroll, function_ref<Value(ArrayRef<KeyPoint>, Value)> body) {
    auto pointAt = [&](const TiledAxis &axis, Value base, int64_t offset) {
      SmallVector<OpFoldResult> there = coords;
      there[axis.axis] = program.apply(program.dim(0) + offset, base);
      Point point = at;
      point.coords[axis.axis] = program.apply(program.dim(0) + program.dim(1) + offset,
                                              {OpFoldResult(program.start(axis.axis)), OpFoldResult(base)});
      return std::pair(there, point);
    };
    if (axes.empty())
      return body(KeyPoint{program.apply(program.flat(plan.n), coords), at}, carried);
    const TiledAxis &axis = axes.front();
    Value count = getValueOrCreateConstantIndexOp(builder, loc, program.count(axis)), done = program.index(0);
    auto loop = [&](Value from, Value to, int64_t step, Value carried) -> Value {
      auto made = builder.create<scf::ForOp>(loc, from, to, program.index(step), ValueRange(carried));
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(made.getBody());
      Value next;
      if (axes.size() > 1) {
        auto [there, point] = pointAt(axis, made.getInductionVar(), 0);
        next = overKeys(axes.drop_front(), there, point, made.getRegionIterArg(0), unroll, body);
      } else {
        SmallVector<KeyPoint> keys;
        for (int64_t i = 0; i < step; ++i) {
          auto [there, point] = pointAt(axis, made.getInductionVar(), i);
          keys.push_back({program.apply(program.flat(plan.n), there), point});
        }
        next = body(keys, made.getRegionIterArg(0));
      }
      builder.create<scf::YieldOp>(loc, next);
      return made.getResult(0);
    };
    if (axes.size() > 1 || axis.tile < unroll)
      return loop(done, count, 1, carried);
    if (!axis.ragged()) {
      int64_t whole = axis.tile / unroll * unroll;
      carried = loop(done, program.index(whole), unroll, carried);
      return whole < axis.tile ? loop(program.index(whole), count, 1, carried) : carried;
    }
    Value whole = program.apply(program.dim(0) - program.dim(0) % unroll, count);
    carried = loop(done, whole, unroll, carried);
    return loop(whole, count, 1, carried);
  }

  Program &program;
  const PipePlan &plan;
  OpBuilder &builder;
  Location loc;
  kernel::SoftmaxOp softmax;
  kernel::ContractOp scores;
  Type type;
  int64_t panels = 1, columns = 1;
  Value weights, result, maximum, sum, shrink;
};

} // namespace

void attendBody(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores) {
  Attend(program, softmax, scores).emit();
}

} // namespace tgc::pipe
