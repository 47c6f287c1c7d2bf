// The body of a contraction by asynchronous atoms, a ring between a producer and consumers with sums in registers:
//   ring of (left tile, right tile); the tiles of the walk are the block's, `grid` apart
//   producer: for each tile, for each block of the depth: acquire a fill, fetch both operands' boxes into it
//   consumer: for each tile (with pingpong each second one)
//     the turn; the first block of the depth starts the sums from zero
//     for the others: wait for the fill, start the product, wait for the one before, release its fill
//     pass the turn; wait for the sums; release the last fill; epilogue
// Fill j·KT + b holds block b of the block's tile number j, so that both roles count alike. With pingpong the
// second consumer must not look at its first fill before the first has seen all of its own: hence the turns.
#include "compiler/pipe/Registers.h"
#include "compiler/pipe/Roles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace tgc::pipe {

namespace {

class RolesContract : RolesProgram {
public:
  RolesContract(Program &program, kernel::ContractOp contract) : RolesProgram(program), contract(contract) {}

  void emit() {
    boxesA = RegisterEpilogue::boxesOf(program, plan.a.boxes);
    boxesB = RegisterEpilogue::boxesOf(program, plan.b.boxes);
    storeBoxes = boxesOfStores();
    MLIRContext *context = builder.getContext();
    ring =
        builder.create<tile::RingOp>(loc, tile::RingType::get(context, {sharedOf(plan.a), sharedOf(plan.b)}),
                                     roles.stages, roles.pingpong ? 1 : roles.consumers,
                                     /*subgroups=*/false, roles.cluster);
    if (roles.pingpong)
      turns = builder.create<tile::TurnsOp>(loc, tile::TurnsType::get(context), 2);
    steps = plan.k.tiles();
    sums = tile::FragmentType::get(context, {roles.fragmentRows, plan.n.extent()},
                                   contract.getResult().getType(), builder.getStringAttr("sums"));

    auto all = builder.create<tile::RolesOp>(loc, roles.groupThreads, roles.producerRegisters,
                                             roles.consumers, roles.groupThreads, roles.consumerRegisters);
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&all.getProducer());
    forTiles(program.index(0), 1, [&](Value ordinal) { produce(ordinal); });
    Block *consumer = builder.createBlock(&all.getConsumer());
    consume(consumer->addArgument(builder.getIndexType(), loc));
  }

private:
  Value fill(Value ordinal, Value step, int64_t shift = 0) {
    return program.apply(program.dim(0) * steps + program.dim(1) + shift,
                         {OpFoldResult(ordinal), OpFoldResult(step)});
  }

  void produce(Value ordinal) {
    auto loop = builder.create<scf::ForOp>(loc, program.index(0), program.index(steps), program.index(1));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar();
    toTile(plan.k, step);
    Value p = fill(ordinal, step);
    builder.create<tile::RingAcquireOp>(loc, ring, p);
    fetch(plan.a, boxesA, ring, p, 0);
    fetch(plan.b, boxesB, ring, p, 1);
    toTile(plan.k, Value());
  }

  void consume(Value number) {
    Value slots = makeSlots(), firstRow;
    if (!roles.pingpong && roles.consumers > 1)
      firstRow = program.apply(program.dim(0) * roles.fragmentRows, number);
    if (roles.pingpong) {
      Value second = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, number, program.index(1));
      builder.create<tile::TurnPassOp>(loc, turns, program.index(0), second);
    }
    RegisterEpilogue epilogue(program, contract.getResult(), plan.n, storeBoxes, slots);
    forTiles(roles.pingpong ? number : program.index(0), roles.pingpong ? 2 : 1, [&](Value ordinal) {
      Value other;
      if (roles.pingpong) {
        other = program.apply(program.dim(0) * -1 + 1, number);
        builder.create<tile::TurnWaitOp>(loc, turns, number);
      }
      Value total = product(ordinal, firstRow, other);
      epilogue.emit({total, firstRow, Value()});
    });
    if (slots)
      builder.create<tile::SlotsDrainOp>(loc, slots);
  }

  Value product(Value ordinal, Value firstRow, Value other) {
    Value zero = program.index(0), p = fill(ordinal, zero);
    builder.create<tile::RingWaitOp>(loc, ring, p);
    Value started = dot(p, firstRow, Value());
    auto loop = builder.create<scf::ForOp>(loc, program.index(1), program.index(steps), program.index(1),
                                           ValueRange(started));
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      Value q = fill(ordinal, loop.getInductionVar());
      builder.create<tile::RingWaitOp>(loc, ring, q);
      Value next = dot(q, firstRow, loop.getRegionIterArg(0));
      builder.create<tile::DotWaitOp>(loc, TypeRange(), 1, ValueRange());
      builder.create<tile::RingReleaseOp>(loc, ring, fill(ordinal, loop.getInductionVar(), -1));
      builder.create<scf::YieldOp>(loc, next);
    }
    if (other) {
      Value next = program.apply(program.dim(0) + 1, ordinal);
      Value more = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, next, countOfTiles());
      builder.create<tile::TurnPassOp>(loc, turns, other, more);
    }
    auto done = builder.create<tile::DotWaitOp>(loc, TypeRange(sums), 0, ValueRange(loop.getResult(0)));
    builder.create<tile::RingReleaseOp>(loc, ring, fill(ordinal, program.index(steps - 1)));
    return done.getResult(0);
  }

  Value dot(Value p, Value firstRow, Value into) {
    Value a = partOf(plan.a, ring, p, 0, firstRow, roles.fragmentRows);
    // All of the tile: boxes may have brought more columns than the product takes.
    Value b = builder.create<tile::RingPartOp>(loc, sharedOf(plan.b), ring, p, 1, program.index(0),
                                               program.index(0));
    return builder.create<tile::DotAsyncOp>(loc, sums, a, b, into, plan.a.depthInRows, plan.b.depthInRows);
  }

  kernel::ContractOp contract;
  SmallVector<Value> boxesA, boxesB;
  SmallVector<SmallVector<Value>> storeBoxes;
  tile::FragmentType sums;
  Value ring, turns;
  int64_t steps = 1;
};

} // namespace

void rolesContractBody(Program &program, kernel::ContractOp contract) {
  RolesContract(program, contract).emit();
}

} // namespace tgc::pipe
