// The body of attention whose groups read operands straight into registers, each for its own queries:
//   the last block of keys first, which may end inside
//   for each block of keys
//     ask the cache for this group's share of the keys and values `ahead` blocks on
//     scores = queries · keys; their softmax; result = (scaled) result + weights · values
//   the result divided by the sums
#include "compiler/pipe/Direct.h"
#include "compiler/pipe/SoftmaxSteps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace tgc::pipe {

namespace {

class DirectAttend : DirectProgram {
public:
  DirectAttend(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores)
      : DirectProgram(program), softmax(softmax), scores(scores), steps(program, softmax, scores) {}

  void emit() {
    queries = operandOf(scores.getLhs(), plan.a, plan.m, plan.k, /*left=*/true);
    keys = operandOf(scores.getRhs(), plan.b, plan.n, plan.k, /*left=*/false);
    values = operandOf(softmax.getValues(), plan.v, plan.e, plan.n, /*left=*/false);
    auto storeBoxes = boxesOfStores();
    blocks = plan.n.tiles();
    depth = (plan.k.extent() + 15) / 16 * 16;
    OpBuilder::InsertionGuard guard(builder);
    number = startGroups();
    if (roles.consumers > 1)
      firstRow = program.apply(program.dim(0) * roles.fragmentRows, number);
    RegisterEpilogue epilogue(program, softmax.getResult(), plan.e, storeBoxes, Value());
    forTiles(program.index(0), 1, [&](Value) { epilogue.emit(attend()); });
  }

private:
  /// The program's coordinates at the block that comes so many steps after the first one, which is the last of the keys.
  void toBlock(Value step) { toTile(plan.n, program.apply(program.dim(0) * -1 + (blocks - 1), step)); }

  void askFor(Value step) {
    toBlock(step);
    prefetch(keys, number);
    prefetch(values, number);
  }

  Value dot(tile::FragmentType type, Value left, Value right, Value into) {
    return builder.create<tile::DotGroupOp>(loc, type, left, right, into, false, false);
  }

  Value readQueries() { return read(queries, firstRow, roles.fragmentRows, depth); }

  Value scoresHere(Value held) {
    Value left = held ? held : readQueries();
    return dot(steps.scoresType, left, read(keys, Value(), plan.n.extent(), depth), Value());
  }

  Value resultHere(Value weights, Value into) {
    Value left = builder.create<tile::ConvertOp>(loc, steps.leftType, weights);
    return dot(steps.resultType, left, read(values, Value(), roles.fragmentColumns, plan.n.extent()), into);
  }

  Sums attend() {
    Value held = roles.holdLeft ? readQueries() : Value();
    for (int64_t step = 0; step <= roles.ahead && step < blocks && roles.ahead > 0; ++step)
      askFor(program.index(step));
    toBlock(program.index(0));
    SoftmaxSteps::Step first = steps.next(scoresHere(held), Value(), Value(), firstRow);
    Value result = resultHere(first.weights, Value());
    auto loop = builder.create<scf::ForOp>(loc, program.index(1), program.index(blocks), program.index(1),
                                           ValueRange{first.maximum, first.sum, result});
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      Value b = loop.getInductionVar();
      ValueRange carried = loop.getRegionIterArgs();
      if (roles.ahead > 0)
        askFor(program.apply(program.dim(0) + roles.ahead, b));
      toBlock(b);
      SoftmaxSteps::Step step = steps.next(scoresHere(held), carried[0], carried[1], firstRow);
      Value result = resultHere(step.weights, steps.scaled(carried[2], step.shrink));
      builder.create<scf::YieldOp>(loc, ValueRange{step.maximum, step.sum, result});
    }
    toTile(plan.n, Value());
    return {loop.getResult(2), firstRow, steps.divisorOf(loop.getResult(1))};
  }

  kernel::SoftmaxOp softmax;
  kernel::ContractOp scores;
  SoftmaxSteps steps;
  Operand queries, keys, values;
  Value number, firstRow;
  int64_t blocks = 1, depth = 0;
};

} // namespace

void directAttendBody(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores) {
  DirectAttend(program, softmax, scores).emit();
}

} // namespace tgc::pipe
