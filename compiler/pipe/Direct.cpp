// An operand's fragment:
// - block2d: one box of the plan, whose first point is the group's; where the operand is a choice, the box of the first
//   one whose conditions hold at that point, or 0.
// - plain: tile.each in the operand's layout computes the kernel's value at every element that a thread holds. Behind
//   the end of the side it is read at the last point, whose sums nobody stores; behind that of the depth it is 0.
#include "compiler/pipe/Direct.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace tgc::pipe {

DirectProgram::Operand DirectProgram::operandOf(Value value, const OperandPlan &plan, const Side &side,
                                                const Side &depth, bool left) {
  Operand operand{&plan, &side, &depth, value, left, RegisterEpilogue::boxesOf(program, plan.boxes), Value()};
  if (plan.prefetch)
    operand.prefetchBox = RegisterEpilogue::boxesOf(program, plan.prefetch->box).front();
  return operand;
}

Value DirectProgram::startGroups() {
  auto groups = builder.create<tile::GroupsOp>(loc, roles.consumers, roles.groupThreads,
                                               builder.getI64IntegerAttr(roles.consumerRegisters));
  Block *body = builder.createBlock(&groups.getBody());
  return body->addArgument(builder.getIndexType(), loc);
}

DenseI64ArrayAttr DirectProgram::clippedOf(const BoxPlan &box) {
  SmallVector<int64_t> dims;
  for (auto [d, index] : llvm::enumerate(box.coords)) {
    int64_t least = index.offset, most = index.offset + (box.box[d] - 1) * box.steps[d];
    for (auto [axis, coefficient] : llvm::enumerate(index.coefficients)) {
      const TiledAxis *tiled = plan.find(axis);
      int64_t last = tiled ? tiled->tiles() * tiled->tile - 1 : 0;
      least += std::min<int64_t>(0, coefficient * last);
      most += std::max<int64_t>(0, coefficient * last);
    }
    if (least < 0 || most >= box.sizes[d])
      dims.push_back(d);
  }
  return builder.getDenseI64ArrayAttr(dims);
}

Value DirectProgram::read(const Operand &operand, Value first, int64_t points, int64_t deep) {
  auto type =
      tile::FragmentType::get(builder.getContext(), {points, deep}, program.typeOf(operand.plan->type),
                              builder.getStringAttr(operand.left ? "left" : "right"));
  return operand.plan->copy == "block2d" ? readBlocks(operand, type, first)
                                         : readElements(operand, type, first);
}

Value DirectProgram::readBlocks(const Operand &operand, tile::FragmentType type, Value first) {
  SmallVector<OpFoldResult> relative(program.kernel.getNumAxes(), builder.getIndexAttr(0));
  if (first)
    RegisterEpilogue::digits(program, *operand.side, builder.getIndexAttr(0), first, relative);
  auto readBox = [&](int number) -> Value {
    const BoxPlan &box = operand.plan->boxes[number];
    return builder.create<tile::BlockReadOp>(loc, type, operand.boxes[number],
                                             RegisterEpilogue::coordsOf(program, box, relative),
                                             operand.plan->depthInRows, clippedOf(box));
  };
  const std::vector<ChoicePlan> &choices = operand.plan->choices;
  if (choices.empty())
    return readBox(operand.plan->fetches.front().box);
  auto readChoice = [&](auto &self, size_t number) -> Value {
    if (number == choices.size())
      return builder.create<tile::ZeroOp>(loc, type);
    const ChoicePlan &choice = choices[number];
    auto readHere = [&]() -> Value {
      return choice.fetches.empty() ? builder.create<tile::ZeroOp>(loc, type).getResult()
                                    : readBox(choice.fetches.front().box);
    };
    if (choice.conditions.empty())
      return readHere();
    auto branch = builder.create<scf::IfOp>(loc, TypeRange(type), program.holds(choice.conditions, relative),
                                            /*withElse=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    builder.create<scf::YieldOp>(loc, readHere());
    builder.setInsertionPointToStart(branch.elseBlock());
    builder.create<scf::YieldOp>(loc, self(self, number + 1));
    return branch.getResult(0);
  };
  return readChoice(readChoice, 0);
}

Value DirectProgram::readElements(const Operand &operand, tile::FragmentType type, Value first) {
  int64_t lanes = operand.plan->lanes;
  auto each = builder.create<tile::EachOp>(loc, type, type.getShape(), ArrayRef<int64_t>{0, 0}, lanes,
                                           type.getLayout().getValue());
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&each.getBody());
  Value row = block->addArgument(builder.getIndexType(), loc),
        column = block->addArgument(builder.getIndexType(), loc);
  OpFoldResult zero = builder.getIndexAttr(0);
  SmallVector<OpFoldResult> relative(program.kernel.getNumAxes(), zero);
  RegisterEpilogue::digits(program, *operand.side, row, first ? OpFoldResult(first) : zero, relative);
  RegisterEpilogue::digits(program, *operand.depth, column, zero, relative);
  Point point = program.origin();
  Value inside;
  for (const Side *side : {operand.side, operand.depth})
    for (const TiledAxis &axis : side->axes) {
      // What pads to the atom's lies behind a tile that is the whole axis.
      bool padded = (side == operand.depth ? type.getShape()[1]
                     : first               ? 0
                                           : type.getShape()[0]) > side->extent();
      if (axis.tile == 1 && !padded)
        continue;
      Value at = program.apply(program.dim(0) + program.dim(1),
                               {OpFoldResult(program.start(axis.axis)), relative[axis.axis]});
      bool isLane = lanes > 1 && axis.axis == operand.plan->laneAxis;
      if (axis.ragged() || padded) {
        Value last = program.index(axis.extent - (isLane ? lanes : 1));
        if (side == operand.depth) {
          Value here = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::sle, at, last);
          inside = inside ? builder.create<arith::AndIOp>(loc, inside, here).getResult() : here;
        }
        at = builder.create<arith::MinSIOp>(loc, at, last);
      }
      point.coords[axis.axis] = at;
      if (isLane) {
        point.laneAxis = axis.axis;
        point.lanes = lanes;
      }
    }
  PointEmitter emitter(*program.values, builder, point);
  Value element = lanes > 1 ? emitter.valueInLanes(operand.value) : emitter.value(operand.value);
  if (inside) {
    Value none = builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(element.getType()));
    element = builder.create<arith::SelectOp>(loc, inside, element, none);
  }
  builder.create<tile::YieldOp>(loc, element);
  return each.getResult();
}

void DirectProgram::prefetch(const Operand &operand, Value number) {
  if (!operand.plan->prefetch)
    return;
  const PrefetchPlan &plan = *operand.plan->prefetch;
  const Side &rows = operand.plan->depthInRows ? *operand.depth : *operand.side;
  const Side &columns = operand.plan->depthInRows ? *operand.side : *operand.depth;
  int64_t messages = plan.down * plan.across;
  for (int64_t round = 0; round < plan.rounds; ++round) {
    AffineExpr message = program.dim(0) + round * roles.consumers;
    if (messages < plan.rounds * roles.consumers)
      message = message % messages;
    Value row = program.apply(message % plan.down * plan.rows, number);
    Value column = program.apply(message.floorDiv(plan.down) * plan.columns, number);
    SmallVector<OpFoldResult> relative(program.kernel.getNumAxes(), builder.getIndexAttr(0));
    RegisterEpilogue::digits(program, rows, builder.getIndexAttr(0), row, relative);
    RegisterEpilogue::digits(program, columns, builder.getIndexAttr(0), column, relative);
    builder.create<tile::BlockPrefetchOp>(loc, operand.prefetchBox,
                                          RegisterEpilogue::coordsOf(program, plan.box, relative),
                                          clippedOf(plan.box));
  }
}

} // namespace tgc::pipe
