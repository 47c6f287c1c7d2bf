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
#include "compiler/pipe/Registers.h"
#include "compiler/pipe/Roles.h"
#include "compiler/pipe/SoftmaxSteps.h"
#include "search/plan/Boxes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace tgc::pipe {

namespace {

class RolesAttend : RolesProgram {
public:
  RolesAttend(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores)
      : RolesProgram(program), softmax(softmax), steps(program, softmax, scores) {}

  void emit() {
    boxesQ = RegisterEpilogue::boxesOf(program, plan.a.boxes);
    boxesK = RegisterEpilogue::boxesOf(program, plan.b.boxes);
    boxesV = RegisterEpilogue::boxesOf(program, plan.v.boxes);
    storeBoxes = boxesOfStores();
    blocks = plan.n.tiles();
    element = program.typeOf(plan.a.type);
    // The depth that the products walk is padded to the atom's; what pads it was fetched as 0.
    depth = (plan.k.extent() + 15) / 16 * 16;
    queryRows = roles.fragmentRows;
    partQ = sharedOf(plan.a);
    partK = sharedOf(plan.b);
    partV = sharedOf(plan.v);
    if (roles.producers == 0) {
      emitGroups();
      return;
    }
    ringQ = ring(partQ, roles.consumers, 1);
    ringK = ring(partK, roles.stages, roles.consumers);
    ringV = ring(partV, roles.stages, roles.consumers);
    if (roles.pingpong)
      turns = builder.create<tile::TurnsOp>(loc, tile::TurnsType::get(builder.getContext()), roles.consumers);

    auto all = builder.create<tile::RolesOp>(loc, roles.groupThreads, roles.producerRegisters,
                                             roles.consumers, roles.groupThreads, roles.consumerRegisters);
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
  Value ring(tile::SharedType part, int64_t stages, int64_t freedBy) {
    return builder.create<tile::RingOp>(loc, tile::RingType::get(builder.getContext(), {part}), stages,
                                        freedBy,
                                        /*subgroups=*/true);
  }

  void emitGroups() {
    auto make = [&](int64_t stages, ArrayRef<tile::SharedType> parts) {
      return builder.create<tile::RingOp>(loc, tile::RingType::get(builder.getContext(), parts), stages,
                                          roles.consumers,
                                          /*subgroups=*/false);
    };
    ringQ = make(1, {partQ});
    ringK = ringV = make(roles.stages, {partK, partV});
    auto groups = builder.create<tile::GroupsOp>(loc, roles.consumers, roles.groupThreads, IntegerAttr());
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
    Value queries = builder.create<tile::RingPartOp>(loc, shared(queryRows, depth, plan.a), ringQ, zero, 0,
                                                     firstRow ? firstRow : zero, zero);
    if (roles.holdLeft)
      queries =
          builder.create<tile::GatherOp>(loc, steps.fragment({queryRows, depth}, element, "left"), queries);
    auto scoresOf = [&](Value step) {
      return dot(steps.scoresType, queries, part(ringK, step, {plan.n.extent(), depth}), Value(), false);
    };
    auto resultOf = [&](Value weights, Value step, Value into) {
      Value left = builder.create<tile::ConvertOp>(loc, steps.leftType, weights);
      return dot(steps.resultType, left, part(ringV, step, {plan.v.tileRows, plan.v.tileColumns}, 1), into,
                 true);
    };
    toTile(plan.n, program.index(blocks - 1));
    SoftmaxSteps::Step first = steps.next(scoresOf(zero), Value(), Value(), firstRow);
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
      SoftmaxSteps::Step step = steps.next(scoresOf(b), carried[0], carried[1], firstRow);
      Value result = resultOf(step.weights, b, steps.scaled(carried[2], step.shrink));
      builder.create<scf::YieldOp>(loc, ValueRange{step.maximum, step.sum, result});
    }
    toTile(plan.n, Value());
    return {loop.getResult(2), firstRow, steps.divisorOf(loop.getResult(1))};
  }

  Value fill(Value ordinal, int64_t perTile, Value step, int64_t shift = 0) {
    return program.apply(
        program.dim(0) * perTile + program.dim(1) + shift,
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
      Value last = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, number,
                                                 program.index(roles.consumers - 1));
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
        queries = builder.create<tile::GatherOp>(loc, steps.fragment({64, depth}, element, "left"), queries);
      Sums total = attend(ordinal, queries, queryFill);
      epilogue.emit(total);
    });
    if (slots)
      builder.create<tile::SlotsDrainOp>(loc, slots);
  }

  Value part(Value ring, Value fill, ArrayRef<int64_t> shape, int64_t number = 0) {
    Value zero = program.index(0);
    const OperandPlan &operand = ring == ringQ ? plan.a : ring == ringK && number == 0 ? plan.b : plan.v;
    return builder.create<tile::RingPartOp>(loc, shared(shape[0], shape[1], operand), ring, fill, number,
                                            zero, zero);
  }

  Value startScores(Value queries, Value p) {
    Value keys = part(ringK, p, {plan.n.extent(), depth});
    return builder.create<tile::DotAsyncOp>(loc, steps.scoresType, queries, keys, Value(), false, false);
  }
  Value startResult(Value weights, Value p, Value into) {
    Value values = part(ringV, p, {plan.v.tileRows, plan.v.tileColumns});
    return builder.create<tile::DotAsyncOp>(loc, steps.resultType, weights, values, into, false,
                                            /*transpose_right=*/true);
  }
  Value wait(int64_t pending, Value sums) {
    return builder.create<tile::DotWaitOp>(loc, TypeRange(sums.getType()), pending, ValueRange(sums))
        .getResult(0);
  }
  void release(Value ring, Value p) { builder.create<tile::RingReleaseOp>(loc, ring, p); }
  void waitFor(Value ring, Value p) { builder.create<tile::RingWaitOp>(loc, ring, p); }

  Sums attend(Value ordinal, Value queries, Value queryFill) {
    Value first = fill(ordinal, blocks, Value());
    waitFor(ringK, first);
    Value s = wait(0, startScores(queries, first));
    release(ringK, first);
    // Behind the product that read them, not right behind their load.
    if (roles.holdLeft)
      release(ringQ, queryFill);
    toTile(plan.n, program.index(blocks - 1));
    SoftmaxSteps::Step step = steps.next(s, Value(), Value(), firstRow);
    Value weights = builder.create<tile::ConvertOp>(loc, steps.leftType, step.weights);
    Value zero = builder.create<tile::ZeroOp>(loc, steps.resultType);

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
      SoftmaxSteps::Step step = steps.next(s, carried[1], carried[2], firstRow);
      result = wait(0, result);
      release(ringV, before);
      // Only now: the product was still reading the weights before.
      Value weights = builder.create<tile::ConvertOp>(loc, steps.leftType, step.weights);
      result = steps.scaled(result, step.shrink);
      builder.create<scf::YieldOp>(loc, ValueRange{weights, step.maximum, step.sum, result});
    }
    toTile(plan.n, Value());
    if (!roles.holdLeft)
      release(ringQ, queryFill);
    Value last = fill(ordinal, blocks, Value(), blocks - 1);
    waitFor(ringV, last);
    Value result = wait(0, startResult(loop.getResult(0), last, loop.getResult(3)));
    release(ringV, last);
    return {result, firstRow, steps.divisorOf(loop.getResult(2))};
  }

  kernel::SoftmaxOp softmax;
  SoftmaxSteps steps;
  Type element;
  SmallVector<Value> boxesQ, boxesK, boxesV;
  SmallVector<SmallVector<Value>> storeBoxes;
  tile::SharedType partQ, partK, partV;
  Value ringQ, ringK, ringV, turns, turn, nextTurn, firstRow;
  int64_t blocks = 1, depth = 0, queryRows = 64;
};

} // namespace

void rolesAttendBody(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores) {
  RolesAttend(program, softmax, scores).emit();
}

} // namespace tgc::pipe
