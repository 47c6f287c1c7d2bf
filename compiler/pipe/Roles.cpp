#include "compiler/pipe/Roles.h"

#include "compiler/pipe/Registers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace tgc::pipe {

void RolesProgram::forTiles(Value first, int64_t step, function_ref<void(Value)> body) {
  int64_t grid = program.whole.launches.front().blocks;
  if (grid == roles.tiles && step == 1) { // one tile a block
    program.walk(program.block(), [&] { body(program.index(0)); });
    return;
  }
  auto loop = builder.create<scf::ForOp>(loc, first, countOfTiles(), program.index(step));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value ordinal = loop.getInductionVar();
  Value tile =
      program.apply(program.dim(0) + program.dim(1) * grid, {OpFoldResult(program.block()), OpFoldResult(ordinal)});
  program.walk(tile, [&] { body(ordinal); });
}

Value RolesProgram::countOfTiles() {
  int64_t grid = program.whole.launches.front().blocks;
  return program.apply((program.dim(0) * -1 + (roles.tiles + grid - 1)).floorDiv(grid), program.block());
}

void RolesProgram::toTile(const Side &side, Value number) {
  int64_t inner = 1, all = side.tiles();
  for (auto axis = side.axes.rbegin(); axis != side.axes.rend(); ++axis) {
    if (axis->tiles() == 1)
      continue;
    AffineExpr digit = program.dim(0).floorDiv(inner);
    if (inner * axis->tiles() < all)
      digit = digit % axis->tiles();
    program.setStart(axis->axis, number ? program.apply(digit * axis->tile, number) : program.index(0));
    inner *= axis->tiles();
  }
}

void RolesProgram::fetch(const OperandPlan &operand, ArrayRef<Value> boxes, Value ring, Value fill, int64_t part,
                         ArrayRef<std::pair<int, int64_t>> shift) {
  for (const BoxUse &use : operand.fetches) {
    SmallVector<OpFoldResult> relative(program.kernel.getNumAxes(), builder.getIndexAttr(0));
    for (auto [axis, by] : shift)
      relative[axis] = builder.getIndexAttr(by);
    for (auto [axis, by] : use.shift)
      relative[axis] = builder.getIndexAttr(by);
    builder.create<tile::FetchOp>(loc, boxes[use.box],
                                  RegisterEpilogue::coordsOf(program, operand.boxes[use.box], relative), ring, fill,
                                  part, use.bytes);
  }
}

Value RolesProgram::makeSlots() {
  if (roles.slots == 0)
    return Value();
  MLIRContext *context = builder.getContext();
  auto slot = tile::SharedType::get(context, {64, 64}, builder.getIntegerType(16), 128);
  return builder.create<tile::SlotsOp>(loc, tile::SlotsType::get(context, slot), roles.slots);
}

} // namespace tgc::pipe
