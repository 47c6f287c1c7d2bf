// The body of a contraction by atoms that their threads wait for, every group copying and multiplying alike:
//   ring of (left tile, right tile); fill b holds block b of the depth
//   fetch the first fills
//   for each block of the depth
//     wait for its fill; here all groups meet, so that the stage before it is free
//     fetch the fill that goes there, `stages` - 1 ahead
//     sums += this group's rows of the left tile · its columns of the right one
//   epilogue over the sums
#include "compiler/pipe/Registers.h"
#include "compiler/pipe/Roles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace tgc::pipe {

namespace {

class GroupsContract : RolesProgram {
public:
  GroupsContract(Program &program, kernel::ContractOp contract) : RolesProgram(program), contract(contract) {}

  void emit() {
    boxesA = RegisterEpilogue::boxesOf(program, plan.a.boxes);
    boxesB = RegisterEpilogue::boxesOf(program, plan.b.boxes);
    storeBoxes = boxesOfStores();
    MLIRContext *context = builder.getContext();
    ring =
        builder.create<tile::RingOp>(loc, tile::RingType::get(context, {sharedOf(plan.a), sharedOf(plan.b)}),
                                     roles.stages, roles.consumers, /*subgroups=*/false);
    steps = plan.k.tiles();
    sums = tile::FragmentType::get(context, {roles.fragmentRows, roles.fragmentColumns},
                                   contract.getResult().getType(), builder.getStringAttr("sums"));
    auto groups = builder.create<tile::GroupsOp>(loc, roles.consumers, roles.groupThreads, IntegerAttr());
    OpBuilder::InsertionGuard guard(builder);
    Block *body = builder.createBlock(&groups.getBody());
    Value number = body->addArgument(builder.getIndexType(), loc), slots = makeSlots();
    Sums total;
    if (roles.consumers > roles.columnGroups)
      total.firstRow =
          program.apply(program.dim(0).floorDiv(roles.columnGroups) * roles.fragmentRows, number);
    if (roles.columnGroups > 1)
      total.firstColumn = program.apply(program.dim(0) % roles.columnGroups * roles.fragmentColumns, number);
    RegisterEpilogue epilogue(program, contract.getResult(), plan.n, storeBoxes, slots);
    forTiles(program.index(0), 1, [&](Value) {
      total.fragment = product(total);
      epilogue.emit(total);
    });
  }

private:
  void fetchStep(Value step) {
    toTile(plan.k, step);
    fetch(plan.a, boxesA, ring, step, 0);
    fetch(plan.b, boxesB, ring, step, 1);
    toTile(plan.k, Value());
  }
  void commit() { builder.create<tile::RingCommitOp>(loc, ring); }

  Value product(const Sums &place) {
    int64_t ahead = roles.stages - 1;
    for (int64_t step = 0; step < ahead; ++step) {
      if (step < steps)
        fetchStep(program.index(step));
      commit();
    }
    Value zero = builder.create<tile::ZeroOp>(loc, sums);
    auto loop = builder.create<scf::ForOp>(loc, program.index(0), program.index(steps), program.index(1),
                                           ValueRange(zero));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar();
    builder.create<tile::RingAwaitOp>(loc, ring, step, ahead - 1);
    if (steps > ahead) {
      Value next = program.apply(program.dim(0) + ahead, step);
      Value more = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, next, program.index(steps));
      OpBuilder::InsertionGuard inner(builder);
      builder.setInsertionPoint(builder.create<scf::IfOp>(loc, more, /*withElse=*/false).thenYield());
      fetchStep(next);
    }
    commit();
    Value a = partOf(plan.a, ring, step, 0, place.firstRow, roles.fragmentRows);
    Value b = partOf(plan.b, ring, step, 1, place.firstColumn, roles.fragmentColumns);
    Value next = builder.create<tile::DotGroupOp>(loc, sums, a, b, loop.getRegionIterArg(0),
                                                  plan.a.depthInRows, plan.b.depthInRows);
    builder.create<scf::YieldOp>(loc, next);
    return loop.getResult(0);
  }

  kernel::ContractOp contract;
  SmallVector<Value> boxesA, boxesB;
  SmallVector<SmallVector<Value>> storeBoxes;
  tile::FragmentType sums;
  Value ring;
  int64_t steps = 1;
};

} // namespace

void groupsContractBody(Program &program, kernel::ContractOp contract) {
  GroupsContract(program, contract).emit();
}

} // namespace tgc::pipe
