#include "compiler/pipe/Roles.h"

#include "compiler/pipe/Registers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "search/plan/Boxes.h"

using namespace mlir;

namespace tgc::pipe {

// Blocks of a cluster go together: they count by clusters, and differ along the cluster's axis.
void RolesProgram::forTiles(Value first, int64_t step, function_ref<void(Value)> body) {
  int64_t grid = program.whole.launches.front().blocks / roles.cluster;
  AffineExpr number = program.dim(0).floorDiv(roles.cluster);
  if (grid == roles.tiles / roles.cluster && step == 1) { // one tile a block
    program.walk(program.apply(number, program.block()), [&] { body(program.index(0)); });
    return;
  }
  auto loop = builder.create<scf::ForOp>(loc, first, countOfTiles(), program.index(step));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value ordinal = loop.getInductionVar();
  Value tile =
      program.apply(number + program.dim(1) * grid, {OpFoldResult(program.block()), OpFoldResult(ordinal)});
  program.walk(tile, [&] { body(ordinal); });
}

Value RolesProgram::countOfTiles() {
  int64_t grid = program.whole.launches.front().blocks / roles.cluster, tiles = roles.tiles / roles.cluster;
  AffineExpr number = program.dim(0).floorDiv(roles.cluster);
  return program.apply((number * -1 + (tiles + grid - 1)).floorDiv(grid), program.block());
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

void RolesProgram::fetch(const OperandPlan &operand, ArrayRef<Value> boxes, Value ring, Value fill,
                         int64_t part, ArrayRef<std::pair<int, int64_t>> shift) {
  // `nothing` comes from behind the first dimension's end, where everything is 0.
  auto fetchAll = [&](ArrayRef<BoxUse> fetches, bool nothing = false) {
    for (const BoxUse &use : fetches) {
      SmallVector<OpFoldResult> relative(program.kernel.getNumAxes(), builder.getIndexAttr(0));
      for (auto [axis, by] : shift)
        relative[axis] = builder.getIndexAttr(by);
      for (auto [axis, by] : use.shift)
        relative[axis] = builder.getIndexAttr(by);
      const BoxPlan &box = operand.boxes[use.box];
      auto coords = RegisterEpilogue::coordsOf(program, box, relative);
      SmallVector<int64_t> clipped = clippedDims(box, use.shift);
      if (nothing) {
        coords.front() = program.index(box.sizes.front());
        if (!llvm::is_contained(clipped, 0))
          clipped.insert(clipped.begin(), 0);
      }
      builder.create<tile::FetchOp>(loc, boxes[use.box], coords, ring, fill, part, use.bytes,
                                    operand.copy == "async" ? builder.getDenseI64ArrayAttr(clipped)
                                                            : DenseI64ArrayAttr(),
                                    operand.shared);
    }
  };
  OpBuilder::InsertionGuard guard(builder);
  if (operand.shared) {
    ArrayRef<BoxUse> all = operand.fetches;
    size_t each = all.size() / size_t(roles.cluster);
    Value rank = program.apply(program.dim(0) % roles.cluster, program.block());
    for (int64_t block = 0; block < roles.cluster; ++block) {
      Value mine = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, rank, program.index(block));
      OpBuilder::InsertionGuard inner(builder);
      builder.setInsertionPoint(builder.create<scf::IfOp>(loc, mine, /*withElse=*/false).thenYield());
      fetchAll(all.slice(size_t(block) * each, each));
    }
    return;
  }
  if (operand.choices.empty())
    return fetchAll(operand.fetches);
  auto fetchChoice = [&](const ChoicePlan &choice) {
    fetchAll(choice.fetches.empty() ? operand.fetches : choice.fetches, /*nothing=*/choice.fetches.empty());
  };
  for (const ChoicePlan &choice : operand.choices) {
    if (choice.conditions.empty())
      return fetchChoice(choice);
    auto branch = builder.create<scf::IfOp>(loc, program.holds(choice.conditions), /*withElse=*/true);
    builder.setInsertionPoint(branch.thenYield());
    fetchChoice(choice);
    builder.setInsertionPoint(branch.elseYield());
  }
  fetchAll(operand.fetches, /*nothing=*/true);
}

SmallVector<int64_t> RolesProgram::clippedDims(const BoxPlan &box, ArrayRef<std::pair<int, int64_t>> shift) {
  SmallVector<int64_t> dims;
  for (auto [d, index] : llvm::enumerate(box.coords)) {
    // Least and greatest value over all tiles.
    auto range = [&](ArrayRef<int64_t> coefficients, int64_t offset) {
      std::pair<int64_t, int64_t> found(offset, offset);
      for (auto [axis, coefficient] : llvm::enumerate(coefficients)) {
        int64_t by = 0;
        for (auto [shifted, distance] : shift)
          by += shifted == int(axis) ? distance : 0;
        const TiledAxis *tiled = plan.find(axis);
        int64_t last = tiled ? (tiled->tiles() - 1) * tiled->tile : 0;
        found.first += coefficient * by + std::min<int64_t>(0, coefficient * last);
        found.second += coefficient * by + std::max<int64_t>(0, coefficient * last);
      }
      return found;
    };
    auto [least, most] = range(index.coefficients, index.offset);
    for (const FloorTerm &term : index.floors) {
      auto [low, high] = range(term.coefficients, term.offset);
      low = llvm::divideFloorSigned(low, term.divisor) * term.factor;
      high = llvm::divideFloorSigned(high, term.divisor) * term.factor;
      least += std::min(low, high);
      most += std::max(low, high);
    }
    most += (box.box[d] - 1) * box.steps[d];
    if (least < 0 || most >= box.sizes[d])
      dims.push_back(d);
  }
  return dims;
}

Value RolesProgram::makeSlots() {
  if (roles.slots == 0)
    return Value();
  MLIRContext *context = builder.getContext();
  auto slot = tile::SharedType::get(context, {roles.pieceRows(), 64}, builder.getIntegerType(16), 128);
  return builder.create<tile::SlotsOp>(loc, tile::SlotsType::get(context, slot), roles.slots);
}

SmallVector<SmallVector<Value>> RolesProgram::boxesOfStores() {
  SmallVector<SmallVector<Value>> boxes;
  for (const StorePlan &store : plan.stores)
    boxes.push_back(RegisterEpilogue::boxesOf(program, store.boxes));
  return boxes;
}

tile::SharedType RolesProgram::sharedOf(const OperandPlan &operand) {
  return tile::SharedType::get(builder.getContext(), {operand.tileRows, operand.tileColumns},
                               program.typeOf(operand.type), operand.boxes[0].swizzle);
}

Value RolesProgram::partOf(const OperandPlan &operand, Value ring, Value fill, int64_t number, Value first,
                           int64_t points) {
  Value zero = program.index(0), row = first ? first : zero, column = zero;
  SmallVector<int64_t> shape{points, plan.k.extent()};
  if (operand.depthInRows) {
    std::swap(shape[0], shape[1]);
    std::swap(row, column);
  }
  auto type = tile::SharedType::get(builder.getContext(), shape, program.typeOf(operand.type),
                                    operand.boxes[0].swizzle);
  return builder.create<tile::RingPartOp>(loc, type, ring, fill, number, row, column);
}

} // namespace tgc::pipe
