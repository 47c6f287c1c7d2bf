// The body of a contraction:
//   for each block of the depth
//     left:  its rows in place, or copied
//     right: its panels packed ahead, or copied
//     sums (+)= left · right
//   epilogue over the sums
#include "compiler/pipe/Program.h"

using namespace mlir;

namespace tgc::pipe {

void contractBody(Program &program, kernel::ContractOp contract) {
  const PipePlan &plan = program.plan;
  OpBuilder &builder = program.builder;
  Location loc = program.loc;
  Value left = plan.flip ? contract.getRhs() : contract.getLhs();
  Value right = plan.flip ? contract.getLhs() : contract.getRhs();
  Type sumType = contract.getResult().getType();

  Value leftScratch = program.scratchRows(plan.a, plan.m, plan.k), rightScratch;
  int64_t columns = plan.paddedColumns();
  if (plan.b.copy == "pack")
    rightScratch = program.scratchPanels(plan.k.extent(), columns, program.typeOf(plan.b.type));
  Value sums = program.scratch({plan.m.extent(), columns}, sumType);

  program.forTiles(plan.k, [&](Value first) {
    Value a = program.rows(left, plan.a, plan.m, plan.k, leftScratch), b = rightScratch;
    if (b)
      program.copy(right, b, plan.k, plan.n, plan.b.laneAxis, plan.b.lanes);
    else
      b = program.packedPanels(right, plan.k, plan.n);
    Value rows = program.validExtent(plan.m), depth = program.validExtent(plan.k);
    builder.create<tile::DotOp>(loc, builder.getStringAttr(plan.atom), builder.getI64IntegerAttr(plan.atomM),
                                builder.getI64IntegerAttr(plan.atomN), a, b, sums, rows, depth, first,
                                first ? UnitAttr() : builder.getUnitAttr());
  });

  auto place = AffineMap::get(program.kernel.getNumAxes(), 0, {program.flat(plan.m), program.flat(plan.n)},
                              builder.getContext());
  program.values->define(contract.getResult(),
                         [&program, sums, place](OpBuilder &at, Location where, const Point &point) {
                           MemoryEmitter memory(at, where, program.kernel, program.kernel.getAxes(),
                                                program.relative(point, at, where));
                           return memory.load({sums, place});
                         });
  program.epilogue({&plan.m, &plan.n});
}

} // namespace tgc::pipe
