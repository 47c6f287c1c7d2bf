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
  auto fetchAll = [&](ArrayRef<BoxUse> fetches) {
    for (const BoxUse &use : fetches) {
      SmallVector<OpFoldResult> relative(program.kernel.getNumAxes(), builder.getIndexAttr(0));
      for (auto [axis, by] : shift)
        relative[axis] = builder.getIndexAttr(by);
      for (auto [axis, by] : use.shift)
        relative[axis] = builder.getIndexAttr(by);
      const BoxPlan &box = operand.boxes[use.box];
      auto clipped = operand.copy == "async" ? builder.getDenseI64ArrayAttr(clippedDims(box, use.shift))
                                             : DenseI64ArrayAttr();
      builder.create<tile::FetchOp>(loc, boxes[use.box], RegisterEpilogue::coordsOf(program, box, relative),
                                    ring, fill, part, use.bytes, clipped, operand.shared);
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
  for (const PiecePlan &piece : operand.pieces) {
    Value inside = startsIn(program.info.accesses[piece.access]);
    auto choice = builder.create<scf::IfOp>(loc, inside, /*withElse=*/true);
    builder.setInsertionPoint(choice.thenYield());
    fetchAll(piece.fetches);
    builder.setInsertionPoint(choice.elseYield());
  }
  fetchAll(operand.fetches);
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

/// The operand of a product that the load is.
static const OperandInfo *operandOf(const KernelInfo &info, const Access &access) {
  std::vector<const OperandInfo *> operands;
  if (info.contract)
    operands = {&info.contract->lhs, &info.contract->rhs};
  else if (info.attend && info.attend->scores)
    operands = {&info.attend->scores->lhs, &info.attend->scores->rhs, &info.attend->values};
  for (const OperandInfo *operand : operands)
    if (llvm::is_contained(operand->accesses, int(&access - info.accesses.data())))
      return operand;
  return nullptr;
}

Value RolesProgram::startsIn(const Access &access) {
  const BufferInfo &buffer = program.info.buffers[access.buffer];
  const OperandInfo *operand = operandOf(program.info, access);
  Value all = builder.create<arith::ConstantIntOp>(loc, 1, 1);
  for (auto [d, index] : llvm::enumerate(access.indices)) {
    if (operand && isCommon(program.info, *operand, d))
      continue;
    AffineExpr place = builder.getAffineConstantExpr(index.offset);
    SmallVector<OpFoldResult> starts;
    for (auto [axis, coefficient] : llvm::enumerate(index.coefficients))
      if (coefficient != 0) {
        place = place + program.dim(starts.size()) * coefficient;
        starts.push_back(program.start(axis));
      }
    for (AffineExpr notNegative : {place, place * -1 + (buffer.shape[d] - 1)})
      all = builder.create<arith::AndIOp>(loc, all,
                                          builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::sge,
                                                                        program.apply(notNegative, starts),
                                                                        program.index(0)));
  }
  return all;
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
