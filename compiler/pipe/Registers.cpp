// For every store of the kernel:
// - staged: pieces of the sums, each computed by tile.each into a fragment of the stored type, put into a slot and
//   stored by the copy engine, which clips what is outside.
// - blocks: pieces likewise, each stored from registers at once.
// - direct: tile.each over all sums, whose body stores.
// A row or column of the sums is a point of its side, whose axes are its digits. Axes that are not full are read at
// their last point where the tile goes on behind it; nothing of that is stored.
#include "compiler/pipe/Registers.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace tgc::pipe {

RegisterEpilogue::RegisterEpilogue(Program &program, Value result, const Side &columns,
                                   ArrayRef<SmallVector<Value>> boxes, Value slots)
    : program(program), plan(program.plan), builder(program.builder), loc(program.loc), result(result),
      columns(columns), boxes(boxes.begin(), boxes.end()), slots(slots) {}

SmallVector<Value> RegisterEpilogue::boxesOf(Program &program, ArrayRef<BoxPlan> boxes) {
  SmallVector<Value> made;
  for (const BoxPlan &box : boxes) {
    bool stepped = llvm::any_of(box.steps, [](int64_t step) { return step != 1; });
    made.push_back(program.builder.create<tile::BoxOp>(
        program.loc, tile::BoxType::get(program.builder.getContext()), program.values->buffers[box.buffer],
        box.offset, box.sizes, box.strides, box.box,
        stepped ? program.builder.getDenseI64ArrayAttr(box.steps) : DenseI64ArrayAttr(), box.swizzle));
  }
  return made;
}

SmallVector<Value> RegisterEpilogue::coordsOf(Program &program, const BoxPlan &box,
                                              ArrayRef<OpFoldResult> relative) {
  SmallVector<Value> coords;
  for (const LinearIndex &index : box.coords) {
    SmallVector<OpFoldResult> operands;
    auto sumOf = [&](ArrayRef<int64_t> coefficients, int64_t offset) {
      AffineExpr sum = program.builder.getAffineConstantExpr(offset);
      for (auto [axis, coefficient] : llvm::enumerate(coefficients)) {
        if (coefficient == 0)
          continue;
        sum = sum + (program.dim(operands.size()) + program.dim(operands.size() + 1)) * coefficient;
        operands.push_back(program.start(axis));
        operands.push_back(relative[axis]);
      }
      return sum;
    };
    AffineExpr sum = sumOf(index.coefficients, index.offset);
    for (const FloorTerm &term : index.floors)
      sum = sum + sumOf(term.coefficients, term.offset).floorDiv(term.divisor) * term.factor;
    coords.push_back(program.apply(sum, operands));
  }
  return coords;
}

void RegisterEpilogue::digits(Program &program, const Side &side, OpFoldResult point, OpFoldResult first,
                              SmallVectorImpl<OpFoldResult> &relative) {
  AffineExpr number = program.dim(0) + program.dim(1);
  int64_t inner = 1;
  for (size_t i = side.axes.size(); i-- > 0;) {
    const TiledAxis &axis = side.axes[i];
    if (axis.tile == 1)
      continue;
    bool outermost = llvm::none_of(ArrayRef(side.axes).take_front(i),
                                   [](const TiledAxis &other) { return other.tile > 1; });
    AffineExpr digit = number.floorDiv(inner);
    relative[axis.axis] = affine::makeComposedFoldedAffineApply(
        program.builder, program.loc, AffineMap::get(2, 0, outermost ? digit : digit % axis.tile),
        {point, first});
    inner *= axis.tile;
  }
}

int64_t RegisterEpilogue::lanes(bool direct, const Access &access) const {
  if (plan.neighbours == 1 || (direct && access.guarded)) // each element has a condition of its own
    return 1;
  for (auto axis = columns.axes.rbegin(); axis != columns.axes.rend(); ++axis)
    if (axis->tile > 1)
      return axis->tile % 2 == 0 && axis->extent % 2 == 0 ? 2 : 1;
  return 1;
}

Value RegisterEpilogue::each(ArrayRef<int64_t> shape, ArrayRef<int64_t> origin, const Sums &sums,
                             const Access &access, Type element,
                             function_ref<Value(PointEmitter &, Value)> body) {
  auto layout = cast<tile::FragmentType>(sums.fragment.getType()).getLayout();
  Type made;
  if (element)
    made = tile::FragmentType::get(builder.getContext(), shape, element, layout);
  int64_t pair = lanes(/*direct=*/!element, access);
  auto each = builder.create<tile::EachOp>(loc, made ? TypeRange(made) : TypeRange(), shape, origin, pair,
                                           layout.getValue());
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&each.getBody());
  Value row = block->addArgument(builder.getIndexType(), loc), column;
  if (shape.size() == 2)
    column = block->addArgument(builder.getIndexType(), loc);

  OpFoldResult zero = builder.getIndexAttr(0), first = sums.firstRow ? OpFoldResult(sums.firstRow) : zero;
  OpFoldResult firstColumn = sums.firstColumn ? OpFoldResult(sums.firstColumn) : zero;
  SmallVector<OpFoldResult> raw(program.kernel.getNumAxes(), zero);
  digits(plan.m, row, first, raw);
  if (column)
    digits(columns, column, firstColumn, raw);

  Point point = program.origin();
  Value inside;
  for (const Side *side : {&plan.m, &columns})
    for (const TiledAxis &axis : side->axes) {
      if (axis.tile == 1)
        continue;
      if (!access.uses[axis.axis]) {
        raw[axis.axis] = zero; // only its first point is stored
        continue;
      }
      Value at = program.apply(program.dim(0) + program.dim(1),
                               {OpFoldResult(program.start(axis.axis)), raw[axis.axis]});
      bool isLane = pair == 2 && side == &columns && axis.axis == innermost();
      // What pads columns to the atom's lies behind a tile that is the whole axis.
      bool padded = side == &columns && plan.roles->direct &&
                    plan.roles->fragmentColumns * plan.roles->columnGroups > side->extent();
      if (axis.ragged() || padded) {
        Value last = program.index(axis.extent - (isLane ? 2 : 1));
        Value here = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::sle, at, last);
        inside = inside ? builder.create<arith::AndIOp>(loc, inside, here).getResult() : here;
        at = builder.create<arith::MinSIOp>(loc, at, last);
      }
      point.coords[axis.axis] = at;
      if (isLane) {
        point.laneAxis = axis.axis;
        point.lanes = 2;
      }
    }

  Point here = point;
  Value fragment = sums.fragment;
  program.values->define(
      result,
      [&, here, raw, first, firstColumn, fragment, sums](OpBuilder &at, Location where,
                                                         const Point &there) -> Value {
        // Coordinates that are still this place's are its digits; others come from a remap.
        SmallVector<OpFoldResult> operands;
        for (auto [axis, coord] : llvm::enumerate(there.coords)) {
          if (coord == here.coords[axis])
            operands.push_back(raw[axis]);
          else
            operands.push_back(affine::makeComposedFoldedAffineApply(
                at, where, AffineMap::get(2, 0, program.dim(0) - program.dim(1)),
                {OpFoldResult(coord), OpFoldResult(program.start(axis))}));
        }
        unsigned axes = operands.size();
        operands.push_back(first);
        operands.push_back(firstColumn);
        auto number = [&](AffineExpr expr) {
          return getValueOrCreateConstantIndexOp(
              at, where,
              affine::makeComposedFoldedAffineApply(at, where, AffineMap::get(axes + 2, 0, expr), operands));
        };
        auto same = [&](const Side &side) {
          return llvm::all_of(side.axes, [&](const TiledAxis &axis) {
            return there.coords[axis.axis] == here.coords[axis.axis] &&
                   (axis.tile == 1 || access.uses[axis.axis]);
          });
        };
        Value i = same(plan.m) ? row : number(program.flat(plan.m) - program.dim(axes));
        SmallVector<Value> place{i};
        if (column)
          place.push_back(same(columns) ? column : number(program.flat(columns) - program.dim(axes + 1)));
        Type type = cast<tile::FragmentType>(fragment.getType()).getElementType();
        if (there.lanes == 2)
          type = VectorType::get({2}, type);
        Value element = at.create<tile::ElementOp>(where, type, fragment, place);
        if (!sums.factor)
          return element;
        Value factor =
            at.create<tile::ElementOp>(where, getElementTypeOrSelf(type), sums.factor, ValueRange{i});
        if (isa<VectorType>(type))
          factor = at.create<vector::BroadcastOp>(where, type, factor);
        return at.create<arith::MulFOp>(where, element, factor);
      });

  PointEmitter emitter(*program.values, builder, point);
  Value yielded = body(emitter, inside);
  builder.create<tile::YieldOp>(loc, yielded ? ValueRange(yielded) : ValueRange());
  return each.getResult();
}

int RegisterEpilogue::innermost() const {
  for (auto axis = columns.axes.rbegin(); axis != columns.axes.rend(); ++axis)
    if (axis->tile > 1)
      return axis->axis;
  return -1;
}

/// Products may be fused with sums; what goes into 8 bits of mantissa needs no more than an approximation.
static void relax(Operation *root, Type stored) {
  root->walk([&](Operation *op) {
    auto math = dyn_cast<arith::ArithFastMathInterface>(op);
    if (!math)
      return;
    arith::FastMathFlagsAttr own = math.getFastMathFlagsAttr();
    auto flags = (own ? own.getValue() : arith::FastMathFlags::none) | arith::FastMathFlags::contract;
    if (stored.isBF16() && isa<math::MathDialect>(op->getDialect()))
      flags = flags | arith::FastMathFlags::afn;
    op->setAttr(math.getFastMathAttrName(), arith::FastMathFlagsAttr::get(op->getContext(), flags));
  });
}

void RegisterEpilogue::staged(kernel::StoreOp store, const StorePlan &storePlan, ArrayRef<Value> boxes,
                              const Sums &sums) {
  const Access &access = program.info.accesses[storePlan.access];
  Type type = store.getValue().getType();
  Value condition = isFirst(access);
  OpBuilder::InsertionGuard guard(builder);
  if (Value inside = reaches(access)) {
    auto branch = builder.create<scf::IfOp>(loc, inside, /*withElse=*/false);
    builder.setInsertionPoint(branch.thenYield());
  }
  for (const StagedPiece &piece : storePlan.pieces) {
    int64_t slot = storePlan.blocks ? 0 : nextSlot++ % plan.roles->slots;
    Value made = each({piece.rows, piece.columns}, {piece.row, piece.column}, sums, access, type,
                      [&](PointEmitter &emitter, Value) { return emitter.valueInLanes(store.getValue()); });
    relax(made.getDefiningOp(), type);
    if (storePlan.blocks) {
      const BoxPlan &box = storePlan.boxes[piece.stores.front().box];
      SmallVector<OpFoldResult> relative(program.kernel.getNumAxes(), builder.getIndexAttr(0));
      digits(plan.m, builder.getIndexAttr(piece.row),
             sums.firstRow ? OpFoldResult(sums.firstRow) : builder.getIndexAttr(0), relative);
      digits(columns, builder.getIndexAttr(piece.column),
             sums.firstColumn ? OpFoldResult(sums.firstColumn) : builder.getIndexAttr(0), relative);
      builder.create<tile::BlockWriteOp>(loc, made, boxes[piece.stores.front().box],
                                         coordsOf(program, box, relative), condition);
      continue;
    }
    builder.create<tile::SlotsAcquireOp>(loc, slots, plan.roles->slots - 1);
    // Widths that are no swizzle's lie in columns of one each.
    builder.create<tile::SlotsPutOp>(loc, made, slots, slot, /*offset=*/0, piece.swizzle,
                                     storePlan.transposed);
    builder.create<tile::SlotsPublishOp>(loc, slots);
    for (const BoxUse &use : piece.stores) {
      SmallVector<OpFoldResult> relative(program.kernel.getNumAxes(), builder.getIndexAttr(0));
      for (auto [axis, shift] : use.shift)
        relative[axis] = builder.getIndexAttr(shift);
      if (sums.firstRow)
        digits(plan.m, builder.getIndexAttr(piece.row), sums.firstRow, relative);
      if (sums.firstColumn)
        digits(columns, builder.getIndexAttr(piece.column + use.bytes / (2 * piece.rows)), sums.firstColumn,
               relative);
      const BoxPlan &box = storePlan.boxes[use.box];
      builder.create<tile::SlotsStoreOp>(loc, slots, slot, use.bytes, boxes[use.box],
                                         coordsOf(program, box, relative), condition);
    }
    builder.create<tile::SlotsCommitOp>(loc, slots);
  }
}

void RegisterEpilogue::direct(kernel::StoreOp store, const StorePlan &storePlan, const Sums &sums) {
  const Access &access = program.info.accesses[storePlan.access];
  OpBuilder::InsertionGuard guard(builder);
  if (Value condition = isFirst(access)) {
    auto branch = builder.create<scf::IfOp>(loc, condition, /*withElse=*/false);
    builder.setInsertionPoint(branch.thenYield());
  }
  // Of a side without axes one row is stored; of rows alone, every thread's own.
  SmallVector<int64_t> shape{plan.m.axes.empty() ? 1 : plan.roles->fragmentRows}, origin{0};
  if (cast<tile::FragmentType>(sums.fragment.getType()).getShape().size() == 2) {
    shape.push_back(plan.roles->columnGroups > 1 ? plan.roles->fragmentColumns : storePlan.columns);
    origin.push_back(0);
  }
  each(shape, origin, sums, access, Type(), [&](PointEmitter &emitter, Value inside) {
    Value value = emitter.value(store.getValue());
    relax(value.getParentRegion()->getParentOp(), store.getValue().getType());
    OpBuilder::InsertionGuard inner(builder);
    if (inside) {
      auto branch = builder.create<scf::IfOp>(loc, inside, /*withElse=*/false);
      builder.setInsertionPoint(branch.thenYield());
    }
    emitter.store(store);
    return Value();
  });
}

Value RegisterEpilogue::reaches(const Access &access) {
  if (!access.guarded)
    return Value();
  const BufferInfo &buffer = program.info.buffers[access.buffer];
  Value all;
  auto require = [&](AffineExpr nonNegative, ValueRange starts) {
    SmallVector<OpFoldResult> operands(starts.begin(), starts.end());
    Value here = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::sge,
                                               program.apply(nonNegative, operands), program.index(0));
    all = all ? builder.create<arith::AndIOp>(loc, all, here).getResult() : here;
  };
  for (auto [d, index] : llvm::enumerate(access.indices)) {
    AffineExpr first = builder.getAffineConstantExpr(index.offset);
    SmallVector<Value> starts;
    int64_t least = index.offset, most = index.offset, span = 0;
    for (auto [axis, coefficient] : llvm::enumerate(index.coefficients)) {
      const TiledAxis *tiled = plan.find(axis);
      if (coefficient == 0 || !tiled)
        continue;
      first = first + program.dim(starts.size()) * coefficient;
      starts.push_back(program.start(axis));
      (coefficient > 0 ? most : least) += coefficient * (tiled->extent - 1);
      span += std::abs(coefficient) * (tiled->tile - 1);
    }
    if (least < 0)
      require(first + span, starts);
    if (most >= buffer.shape[d])
      require(first * -1 + (buffer.shape[d] - 1), starts);
  }
  return all;
}

Value RegisterEpilogue::isFirst(const Access &access) {
  Value first;
  for (int axis : plan.gridOrder) {
    if (access.uses[axis])
      continue;
    Value here =
        builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, program.start(axis), program.index(0));
    first = first ? builder.create<arith::AndIOp>(loc, first, here).getResult() : here;
  }
  return first;
}

Value RegisterEpilogue::compute(const Sums &sums, Value value) {
  auto type = cast<tile::FragmentType>(sums.fragment.getType());
  Access everywhere;
  everywhere.uses.assign(program.kernel.getNumAxes(), true);
  SmallVector<int64_t> origin(type.getShape().size(), 0);
  return each(type.getShape(), origin, sums, everywhere, type.getElementType(),
              [&](PointEmitter &emitter, Value) { return emitter.valueInLanes(value); });
}

void RegisterEpilogue::emit(const Sums &sums) {
  SmallVector<kernel::StoreOp> stores(program.kernel.getBlock()->getOps<kernel::StoreOp>());
  nextSlot = 0;
  for (auto [i, store] : llvm::enumerate(stores))
    if (plan.stores[i].staged)
      staged(store, plan.stores[i], boxes[i], sums);
    else
      direct(store, plan.stores[i], sums);
}

} // namespace tgc::pipe
