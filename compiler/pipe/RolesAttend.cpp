// The body of attention by asynchronous atoms:
//   rings of queries (a fill a consumer), keys and values; NB blocks of keys, the last of the keys first, which may
//   end inside
//   producer: for each tile: queries, keys 0, then keys b and values b-1 in turn, last values NB-1
//   consumer: for each tile its 64 queries
//     scores of block 0, its softmax
//     for b = 1 … NB-1
//       start scores b, and the result (+)= weights b-1 · values b-1; pass the turn
//       wait for the scores, their softmax; wait for the result; scale it by what the maxima grew
//     the result of the last block, divided by the sums
// By atoms that their threads wait for, every group copies and multiplies alike: a fill holds a block's keys and
// values, and each block's scores, softmax and result follow each other.
// Weights are 2^(c·s - c·max) with c = scale · log2 e where the weights' value is a multiple of the scores, else the
// value is computed first and c = log2 e. Sums stay with the threads until the end. Only with all of a row at -inf is
// a maximum -inf: then, as behind it, differences are NaN, which is what such a row is; where masks make -inf in some
// blocks alone, -inf counts as 0.
#include "compiler/pipe/Registers.h"
#include "compiler/pipe/Roles.h"
#include "search/plan/Boxes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;

namespace tgc::pipe {

namespace {

constexpr double log2e = 0x1.71547652b82fep0;

class RolesAttend : RolesProgram {
public:
  RolesAttend(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores)
      : RolesProgram(program), softmax(softmax), scores(scores), f32(builder.getF32Type()) {}

  void emit() {
    findScale();
    boxesQ = RegisterEpilogue::boxesOf(program, plan.a.boxes);
    boxesK = RegisterEpilogue::boxesOf(program, plan.b.boxes);
    boxesV = RegisterEpilogue::boxesOf(program, plan.v.boxes);
    storeBoxes = boxesOfStores();
    blocks = plan.n.tiles();
    element = program.typeOf(plan.a.type);
    int64_t columns = plan.e.extent(), keys = plan.n.extent();
    // The depth that the products walk is padded to the atom's; what pads it was fetched as 0.
    depth = (plan.k.extent() + 15) / 16 * 16;
    queryRows = roles.fragmentRows;
    partQ = sharedOf(plan.a);
    partK = sharedOf(plan.b);
    partV = sharedOf(plan.v);
    scoresType = fragment({queryRows, keys}, f32, "sums");
    leftType = fragment({queryRows, keys}, element, "left");
    resultType = fragment({queryRows, columns}, f32, "sums");
    rowsType = fragment({queryRows}, f32, "rows");
    if (roles.producers == 0) {
      emitGroups();
      return;
    }
    ringQ = ring(partQ, roles.consumers, 1);
    ringK = ring(partK, roles.stages, roles.consumers);
    ringV = ring(partV, roles.stages, roles.consumers);
    if (roles.pingpong)
      turns = builder.create<tile::TurnsOp>(loc, tile::TurnsType::get(builder.getContext()), roles.consumers);

    auto all = builder.create<tile::RolesOp>(loc, roles.groupThreads, roles.producerRegisters, roles.consumers,
                                             roles.groupThreads, roles.consumerRegisters);
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&all.getProducer());
    forTiles(program.index(0), 1, [&](Value ordinal) { produce(ordinal); });
    Block *consumer = builder.createBlock(&all.getConsumer());
    consume(consumer->addArgument(builder.getIndexType(), loc));
  }

private:
  tile::SharedType shared(int64_t rows, int64_t columns, const OperandPlan &operand) {
    return tile::SharedType::get(builder.getContext(), {rows, columns}, element, operand.boxes[0].swizzle);
  }
  tile::FragmentType fragment(ArrayRef<int64_t> shape, Type type, StringRef layout) {
    return tile::FragmentType::get(builder.getContext(), shape, type, builder.getStringAttr(layout));
  }
  Value ring(tile::SharedType part, int64_t stages, int64_t freedBy) {
    return builder.create<tile::RingOp>(loc, tile::RingType::get(builder.getContext(), {part}), stages, freedBy,
                                        /*subgroups=*/true);
  }
  Value number(double value) { return builder.create<arith::ConstantOp>(loc, builder.getF32FloatAttr(value)); }

  void emitGroups() {
    auto make = [&](int64_t stages, ArrayRef<tile::SharedType> parts) {
      return builder.create<tile::RingOp>(loc, tile::RingType::get(builder.getContext(), parts), stages, roles.consumers,
                                          /*subgroups=*/false);
    };
    ringQ = make(1, {partQ});
    ringK = ringV = make(roles.stages, {partK, partV});
    auto groups = builder.create<tile::GroupsOp>(loc, roles.consumers, roles.groupThreads);
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(&groups.getBody());
    Value number = body->addArgument(builder.getIndexType(), loc), slots = makeSlots();
    if (roles.consumers > 1)
      firstRow = program.apply(program.dim(0) * queryRows, number);
    RegisterEpilogue epilogue(program, softmax.getResult(), plan.e, storeBoxes, slots);
    forTiles(program.index(0), 1, [&](Value) { epilogue.emit(attendTogether()); });
  }

  /// Keys and values of the block of that number.
  void fetchTogether(Value step) {
    toTile(plan.n, program.apply(program.dim(0) * -1 + (blocks - 1), step));
    fetch(plan.b, boxesK, ringK, step, 0);
    fetch(plan.v, boxesV, ringV, step, 1);
    toTile(plan.n, Value());
  }

  /// Waits for the block, and fetches the one that its predecessor makes place for.
  void nextTogether(Value step) {
    int64_t ahead = roles.stages - 1;
    builder.create<tile::RingAwaitOp>(loc, ringK, step, ahead - 1);
    if (blocks > ahead) {
      Value next = program.apply(program.dim(0) + ahead, step);
      Value more = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, next, program.index(blocks));
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPoint(builder.create<scf::IfOp>(loc, more, /*withElse=*/false).thenYield());
      fetchTogether(next);
    }
    builder.create<tile::RingCommitOp>(loc, ringK);
  }

  Value dot(tile::FragmentType type, Value left, Value right, Value into, bool transposed) {
    return builder.create<tile::DotGroupOp>(loc, type, left, right, into, false, transposed);
  }

  Sums attendTogether() {
    Value zero = program.index(0);
    fetch(plan.a, boxesQ, ringQ, zero, 0);
    for (int64_t step = 0; step + 1 < roles.stages; ++step) {
      if (step < blocks)
        fetchTogether(program.index(step));
      builder.create<tile::RingCommitOp>(loc, ringK); // the queries come with the first
    }
    nextTogether(zero);
    Value queries = builder.create<tile::RingPartOp>(loc, shared(queryRows, depth, plan.a), ringQ, zero, 0, firstRow ? firstRow : zero, zero);
    if (roles.holdLeft)
      queries = builder.create<tile::GatherOp>(loc, fragment({queryRows, depth}, element, "left"), queries);
    auto scoresOf = [&](Value step) {
      return dot(scoresType, queries, part(ringK, step, {plan.n.extent(), depth}), Value(), false);
    };
    auto resultOf = [&](Value weights, Value step, Value into) {
      Value left = builder.create<tile::ConvertOp>(loc, leftType, weights);
      return dot(resultType, left, part(ringV, step, {plan.v.tileRows, plan.v.tileColumns}, 1), into, true);
    };
    toTile(plan.n, program.index(blocks - 1));
    Step first = softmaxStep(scoresOf(zero), Value(), Value());
    Value result = resultOf(first.weights, zero, Value());
    auto loop = builder.create<scf::ForOp>(loc, program.index(1), program.index(blocks), program.index(1),
                                           ValueRange{first.maximum, first.sum, result});
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      Value b = loop.getInductionVar();
      ValueRange carried = loop.getRegionIterArgs();
      nextTogether(b);
      toTile(plan.n, program.apply(program.dim(0) * -1 + (blocks - 1), b));
      Step step = softmaxStep(scoresOf(b), carried[0], carried[1]);
      Value result = resultOf(step.weights, b, scaled(carried[2], step.shrink));
      builder.create<scf::YieldOp>(loc, ValueRange{step.maximum, step.sum, result});
    }
    toTile(plan.n, Value());
    return {loop.getResult(2), firstRow, divisorOf(loop.getResult(1))};
  }

  void findScale() {
    Value weights = softmax.getWeights();
    factor = log2e;
    computed = weights != scores.getResult();
    auto product = weights.getDefiningOp<arith::MulFOp>();
    if (!product)
      return;
    for (auto [score, constant] : {std::pair(product.getLhs(), product.getRhs()), {product.getRhs(), product.getLhs()}}) {
      FloatAttr scale;
      if (score == scores.getResult() && matchPattern(constant, m_Constant(&scale)) && scale.getValueAsDouble() > 0) {
        factor = scale.getValueAsDouble() * log2e;
        computed = false;
      }
    }
  }

  Value fill(Value ordinal, int64_t perTile, Value step, int64_t shift = 0) {
    return program.apply(program.dim(0) * perTile + program.dim(1) + shift,
                         {OpFoldResult(ordinal), step ? OpFoldResult(step) : OpFoldResult(builder.getIndexAttr(0))});
  }

  void produce(Value ordinal) {
    for (int64_t c = 0; c < roles.consumers; ++c) {
      Value p = fill(ordinal, roles.consumers, Value(), c);
      builder.create<tile::RingAcquireOp>(loc, ringQ, p);
      fetch(plan.a, boxesQ, ringQ, p, 0, shiftTo(plan.m, 64 * c));
    }
    fetchBlock(plan.b, boxesK, ringK, ordinal, program.index(0), 0);
    auto loop = builder.create<scf::ForOp>(loc, program.index(1), program.index(blocks), program.index(1));
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      fetchBlock(plan.b, boxesK, ringK, ordinal, loop.getInductionVar(), 0);
      fetchBlock(plan.v, boxesV, ringV, ordinal, loop.getInductionVar(), -1);
    }
    fetchBlock(plan.v, boxesV, ringV, ordinal, program.index(blocks - 1), 0);
    toTile(plan.n, Value());
  }

  void fetchBlock(const OperandPlan &operand, ArrayRef<Value> boxes, Value ring, Value ordinal, Value step,
                  int64_t shift) {
    toTile(plan.n, program.apply(program.dim(0) * -1 + (blocks - 1 - shift), step));
    Value p = fill(ordinal, blocks, step, shift);
    builder.create<tile::RingAcquireOp>(loc, ring, p);
    fetch(operand, boxes, ring, p, 0);
  }

  void consume(Value number) {
    Value slots = makeSlots();
    firstRow = roles.consumers > 1 ? program.apply(program.dim(0) * 64, number) : Value();
    if (turns) {
      Value last = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, number, program.index(roles.consumers - 1));
      builder.create<tile::TurnPassOp>(loc, turns, program.index(0), last);
      turn = number;
      nextTurn = program.apply((program.dim(0) + 1) % roles.consumers, number);
    }
    RegisterEpilogue epilogue(program, softmax.getResult(), plan.e, storeBoxes, slots);
    forTiles(program.index(0), 1, [&](Value ordinal) {
      Value queryFill = fill(ordinal, roles.consumers, number);
      builder.create<tile::RingWaitOp>(loc, ringQ, queryFill);
      Value queries = part(ringQ, queryFill, {64, depth});
      if (roles.holdLeft)
        queries = builder.create<tile::GatherOp>(loc, fragment({64, depth}, element, "left"), queries);
      Sums total = attend(ordinal, queries, queryFill);
      epilogue.emit(total);
    });
    if (slots)
      builder.create<tile::SlotsDrainOp>(loc, slots);
  }

  Value part(Value ring, Value fill, ArrayRef<int64_t> shape, int64_t number = 0) {
    Value zero = program.index(0);
    const OperandPlan &operand = ring == ringQ ? plan.a : ring == ringK && number == 0 ? plan.b : plan.v;
    return builder.create<tile::RingPartOp>(loc, shared(shape[0], shape[1], operand), ring, fill, number, zero, zero);
  }

  Value startScores(Value queries, Value p) {
    Value keys = part(ringK, p, {plan.n.extent(), depth});
    return builder.create<tile::DotAsyncOp>(loc, scoresType, queries, keys, Value(), false, false);
  }
  Value startResult(Value weights, Value p, Value into) {
    Value values = part(ringV, p, {plan.v.tileRows, plan.v.tileColumns});
    return builder.create<tile::DotAsyncOp>(loc, resultType, weights, values, into, false, /*transpose_right=*/true);
  }
  Value wait(int64_t pending, Value sums) {
    return builder.create<tile::DotWaitOp>(loc, TypeRange(sums.getType()), pending, ValueRange(sums)).getResult(0);
  }
  void release(Value ring, Value p) { builder.create<tile::RingReleaseOp>(loc, ring, p); }
  void waitFor(Value ring, Value p) { builder.create<tile::RingWaitOp>(loc, ring, p); }

  struct Step {
    Value weights; ///< f32
    Value maximum, sum, shrink;
  };

  Sums attend(Value ordinal, Value queries, Value queryFill) {
    Value first = fill(ordinal, blocks, Value());
    waitFor(ringK, first);
    Value s = wait(0, startScores(queries, first));
    release(ringK, first);
    // Behind the product that read them, not right behind their load.
    if (roles.holdLeft)
      release(ringQ, queryFill);
    toTile(plan.n, program.index(blocks - 1));
    Step step = softmaxStep(s, Value(), Value());
    Value weights = builder.create<tile::ConvertOp>(loc, leftType, step.weights);
    Value zero = builder.create<tile::ZeroOp>(loc, resultType);

    auto loop = builder.create<scf::ForOp>(loc, program.index(1), program.index(blocks), program.index(1),
                                           ValueRange{weights, step.maximum, step.sum, zero});
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      Value b = loop.getInductionVar(), p = fill(ordinal, blocks, b), before = fill(ordinal, blocks, b, -1);
      toTile(plan.n, program.apply(program.dim(0) * -1 + (blocks - 1), b));
      ValueRange carried = loop.getRegionIterArgs();
      waitFor(ringK, p);
      if (turns)
        builder.create<tile::TurnWaitOp>(loc, turns, turn);
      Value s = startScores(queries, p);
      waitFor(ringV, before);
      Value result = startResult(carried[0], before, carried[3]);
      if (turns)
        builder.create<tile::TurnPassOp>(loc, turns, nextTurn, Value());
      s = wait(1, s);
      release(ringK, p);
      Step step = softmaxStep(s, carried[1], carried[2]);
      result = wait(0, result);
      release(ringV, before);
      // Only now: the product was still reading the weights before.
      Value weights = builder.create<tile::ConvertOp>(loc, leftType, step.weights);
      result = scaled(result, step.shrink);
      builder.create<scf::YieldOp>(loc, ValueRange{weights, step.maximum, step.sum, result});
    }
    toTile(plan.n, Value());
    if (!roles.holdLeft)
      release(ringQ, queryFill);
    Value last = fill(ordinal, blocks, Value(), blocks - 1);
    waitFor(ringV, last);
    Value result = wait(0, startResult(loop.getResult(0), last, loop.getResult(3)));
    release(ringV, last);
    return {result, firstRow, divisorOf(loop.getResult(2))};
  }

  /// What the result is multiplied with: one over the sums, which threads have in parts.
  Value divisorOf(Value parts) {
    Value sum = builder.create<tile::FoldJoinOp>(loc, rowsType, "add", parts);
    return rows([&](Value row) {
      Value x = at(sum, {row});
      auto quick = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::afn);
      return builder.create<arith::DivFOp>(loc, number(1), x, quick).getResult();
    });
  }

  // Elements.

  Value at(Value fragment, ValueRange coords, bool pair = false) {
    Type type = pair ? Type(VectorType::get({2}, f32)) : f32;
    return builder.create<tile::ElementOp>(loc, type, fragment, coords);
  }
  Value pairOf(Value scalar) { return builder.create<vector::BroadcastOp>(loc, VectorType::get({2}, f32), scalar); }

  Value rows(function_ref<Value(Value row)> body) { return each(rowsType, 1, [&](ValueRange at) { return body(at[0]); }); }

  Value each(tile::FragmentType type, int64_t lanes, function_ref<Value(ValueRange)> body) {
    SmallVector<int64_t> origin(type.getShape().size(), 0);
    auto made = builder.create<tile::EachOp>(loc, type, type.getShape(), origin, lanes, type.getLayout().getValue());
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&made.getBody());
    for (size_t i = 0; i < origin.size(); ++i)
      block->addArgument(builder.getIndexType(), loc);
    Value value = body(block->getArguments());
    builder.create<tile::YieldOp>(loc, ValueRange(value));
    return made.getResult();
  }

  /// The scores of the first block, -inf for keys behind the last.
  Value masked(Value s) {
    const TiledAxis *outer = nullptr;
    int64_t inner = plan.n.extent();
    for (const TiledAxis &axis : plan.n.axes) {
      inner /= axis.tile;
      if (axis.tile > 1) {
        outer = &axis;
        break;
      }
    }
    if (!outer || !outer->ragged())
      return s;
    Value left = program.apply(program.dim(0) * -1 + outer->extent, program.start(outer->axis));
    return each(scoresType, 1, [&](ValueRange place) {
      Value key = program.apply(program.dim(0).floorDiv(inner), place[1]);
      Value inside = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, key, left);
      return builder.create<arith::SelectOp>(loc, inside, at(s, place), number(-std::numeric_limits<double>::infinity()))
          .getResult();
    });
  }

  Step softmaxStep(Value s, Value oldMaximum, Value oldSum) {
    if (computed) {
      RegisterEpilogue values(program, scores.getResult(), plan.n, {}, Value());
      s = values.compute({s, firstRow, Value()}, softmax.getWeights());
    }
    if (!oldMaximum)
      s = masked(s);
    Step step;
    step.maximum = builder.create<tile::FoldOp>(loc, rowsType, "max", s, /*partial=*/false);
    if (oldMaximum) {
      Value here = step.maximum;
      step.maximum = rows([&](Value row) {
        return builder.create<arith::MaxNumFOp>(loc, at(oldMaximum, {row}), at(here, {row})).getResult();
      });
    }
    Value maximum = step.maximum;
    Value from = rows([&](Value row) {
      Value m = at(maximum, {row}), below = builder.create<arith::MulFOp>(loc, m, number(-factor));
      if (!computed)
        return below;
      Value none = builder.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, m, number(-std::numeric_limits<double>::infinity()));
      return builder.create<arith::SelectOp>(loc, none, number(0), below).getResult();
    });
    step.weights = each(scoresType, 2, [&](ValueRange place) {
      Value c = pairOf(number(factor));
      Value power = builder.create<math::FmaOp>(loc, at(s, place, true), c, pairOf(at(from, {place[0]})));
      return exp2(power);
    });
    Value sum = builder.create<tile::FoldOp>(loc, rowsType, "add", step.weights, /*partial=*/true);
    if (!oldMaximum) {
      step.sum = sum;
      return step;
    }
    step.shrink = rows([&](Value row) {
      return exp2(builder.create<math::FmaOp>(loc, at(oldMaximum, {row}), number(factor), at(from, {row})));
    });
    step.sum = rows([&](Value row) {
      return builder.create<math::FmaOp>(loc, at(oldSum, {row}), at(step.shrink, {row}), at(sum, {row})).getResult();
    });
    return step;
  }

  Value exp2(Value power) {
    auto quick = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::afn);
    return builder.create<math::Exp2Op>(loc, power, quick);
  }

  Value scaled(Value result, Value shrink) {
    return each(resultType, 2, [&](ValueRange place) {
      return builder.create<arith::MulFOp>(loc, at(result, place, true), pairOf(at(shrink, {place[0]}))).getResult();
    });
  }

  kernel::SoftmaxOp softmax;
  kernel::ContractOp scores;
  Type f32, element;
  double factor = log2e;
  bool computed = false;
  SmallVector<Value> boxesQ, boxesK, boxesV;
  SmallVector<SmallVector<Value>> storeBoxes;
  tile::SharedType partQ, partK, partV;
  tile::FragmentType scoresType, leftType, resultType, rowsType;
  Value ringQ, ringK, ringV, turns, turn, nextTurn, firstRow;
  int64_t blocks = 1, depth = 0, queryRows = 64;
};

} // namespace

void rolesAttendBody(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores) {
  RolesAttend(program, softmax, scores).emit();
}

} // namespace tgc::pipe
