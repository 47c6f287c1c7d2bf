#include "compiler/pipe/Program.h"

#include "compiler/support/Error.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "search/plan/Planners.h"

using namespace mlir;

namespace tgc::pipe {

Program::Program(OpBuilder &builder, kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan)
    : builder(builder), loc(kernel.getLoc()), kernel(kernel), info(info), whole(plan),
      plan(std::get<PipePlan>(plan.body)) {}

tile::FuncOp Program::write(function_ref<void()> body) {
  SmallVector<Type> types;
  for (BlockArgument buffer : kernel.getBuffers())
    types.push_back(buffer.getType());
  SmallVector<Attribute> names(kernel.getBufferNames().begin(), kernel.getBufferNames().end());
  const LaunchPlan &launch = whole.launches.front();
  auto target =
      builder.create<tile::FuncOp>(loc, kernel.getSymName(), types, names, launch.blocks, launch.threads);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(target.getBlock());
  values = std::make_unique<Values>(
      kernel, SmallVector<Value>(target.getBuffers().begin(), target.getBuffers().end()));

  starts.assign(kernel.getNumAxes(), index(0));
  blockIndex = target.getBlockIndex();
  body();
  return target;
}

void Program::walk(Value ordinal, function_ref<void()> body) {
  if (plan.gridOrder.empty()) {
    body();
    return;
  }
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Value> outside = starts;
  SmallVector<StringRef> axisNames;
  SmallVector<int64_t> counts;
  DenseI64ArrayAttr raster;
  for (auto [position, axis] : llvm::enumerate(plan.gridOrder)) {
    axisNames.push_back(cast<StringAttr>(kernel.getAxisNames()[axis]).getValue());
    counts.push_back(plan.find(axis)->tiles() / blocksAlong(axis));
    if (axis == plan.rasterAxis)
      raster = builder.getDenseI64ArrayAttr({int64_t(position), plan.rasterTiles});
  }
  auto walk = builder.create<tile::WalkOp>(loc, ordinal, axisNames, counts, raster);
  builder.setInsertionPointToStart(walk.getBlock());
  for (auto [coord, axis] : llvm::zip(walk.getBlock()->getArguments(), plan.gridOrder)) {
    int64_t tile = plan.find(axis)->tile;
    if (int64_t blocks = blocksAlong(axis); blocks > 1)
      starts[axis] =
          apply((dim(0) * blocks + dim(1) % blocks) * tile, {OpFoldResult(coord), OpFoldResult(block())});
    else
      starts[axis] = tile == 1 ? Value(coord) : apply(dim(0) * tile, Value(coord));
  }
  body();
  starts = outside;
}

Value Program::apply(AffineExpr expr, ArrayRef<OpFoldResult> operands) {
  AffineMap map = AffineMap::get(operands.size(), 0, expr);
  return getValueOrCreateConstantIndexOp(builder, loc,
                                         affine::makeComposedFoldedAffineApply(builder, loc, map, operands));
}

Value Program::holds(ArrayRef<Condition> conditions, ArrayRef<OpFoldResult> relative) {
  Value all;
  for (const Condition &condition : conditions) {
    AffineExpr sum = builder.getAffineConstantExpr(condition.value.offset);
    SmallVector<OpFoldResult> operands;
    auto add = [&](OpFoldResult operand, int64_t coefficient) {
      sum = sum + dim(operands.size()) * coefficient;
      operands.push_back(operand);
    };
    for (auto [axis, coefficient] : llvm::enumerate(condition.value.coefficients)) {
      if (coefficient == 0)
        continue;
      add(start(axis), coefficient);
      if (!relative.empty())
        add(relative[axis], coefficient);
    }
    auto predicate = condition.equal ? arith::CmpIPredicate::eq : arith::CmpIPredicate::sge;
    Value here = builder.create<arith::CmpIOp>(loc, predicate, apply(sum, operands), index(0));
    all = all ? builder.create<arith::AndIOp>(loc, all, here).getResult() : here;
  }
  return all;
}

OpFoldResult Program::count(const TiledAxis &axis) {
  if (!axis.ragged())
    return builder.getIndexAttr(axis.tile);
  Value left = apply(builder.getAffineConstantExpr(axis.extent) - dim(0), start(axis.axis));
  return builder.create<arith::MinSIOp>(loc, left, index(axis.tile)).getResult();
}

Value Program::validExtent(const Side &side) {
  int64_t inside = side.extent();
  for (const TiledAxis &axis : side.axes) {
    if (axis.tile == 1)
      continue;
    inside /= axis.tile;
    if (!axis.ragged())
      return Value();
    return apply(dim(0) * inside, count(axis));
  }
  return Value();
}

void Program::forTiles(const Side &side, function_ref<void(Value)> body) {
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Value> outside = starts;
  Value first;
  for (const TiledAxis &axis : side.axes) {
    if (axis.tiles() == 1)
      continue;
    auto loop = builder.create<scf::ForOp>(loc, index(0), index(axis.tiles()), index(1));
    builder.setInsertionPointToStart(loop.getBody());
    Value at = loop.getInductionVar();
    starts[axis.axis] = axis.tile == 1 ? at : apply(dim(0) * axis.tile, at);
    Value here = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, at, index(0));
    first = first ? builder.create<arith::AndIOp>(loc, first, here).getResult() : here;
  }
  body(first);
  starts = outside;
}

Point Program::origin() {
  Point point;
  for (Value start : starts)
    point.coords.push_back(start);
  return point;
}

Type Program::typeOf(ElementType type) {
  switch (type) {
  case ElementType::F64:
    return builder.getF64Type();
  case ElementType::F32:
    return builder.getF32Type();
  case ElementType::F16:
    return builder.getF16Type();
  case ElementType::BF16:
    return builder.getBF16Type();
  case ElementType::F8E4M3:
    return builder.getFloat8E4M3FNType();
  case ElementType::I8:
    return builder.getI8Type();
  default:
    internalError("no atom takes {}", nameOf(type));
  }
}

Value Program::scratch(ArrayRef<int64_t> shape, Type element, MemRefLayoutAttrInterface layout) {
  return builder.create<tile::ScratchOp>(loc, MemRefType::get(shape, element, layout));
}

Value Program::scratchRows(const OperandPlan &operand, const Side &rows, const Side &depth) {
  if (operand.copy != "pack")
    return Value();
  auto layout = StridedLayoutAttr::get(builder.getContext(), 0, {operand.rowStride, operand.depthStride});
  return scratch({rows.extent(), depth.extent()}, typeOf(operand.type), layout);
}

tile::LayoutAttr Program::panelLayout(int64_t depth, int64_t columns, int64_t panel, int64_t stride) {
  using Part = tile::LayoutAttr::Part;
  return tile::LayoutAttr::get(builder.getContext(),
                               {{Part{depth, panel}}, {Part{panel, 1}, Part{columns / panel, stride}}});
}

Value Program::scratchPanels(int64_t depth, int64_t columns, Type element) {
  return scratch({depth, columns}, element, panelLayout(depth, columns, plan.atomN, depth * plan.atomN));
}

AffineExpr Program::flat(const Side &side) {
  AffineExpr sum = builder.getAffineConstantExpr(0);
  int64_t inner = 1;
  for (auto axis = side.axes.rbegin(); axis != side.axes.rend(); ++axis) {
    if (axis->tile > 1)
      sum = sum + dim(axis->axis) * inner;
    inner *= axis->tile;
  }
  return sum;
}

void Program::copy(Value value, Value target, const Side &first, const Side &second, int laneAxis,
                   int64_t lanes) {
  // The lanes' axis runs innermost, the others as they come: second side outside.
  SmallVector<TiledAxis> axes;
  std::optional<TiledAxis> last;
  for (const Side *side : {&second, &first})
    for (const TiledAxis &axis : side->axes)
      if (axis.axis == laneAxis)
        last = axis;
      else if (axis.tile > 1)
        axes.push_back(axis);
  if (last)
    axes.push_back(*last);
  if (axes.empty())
    axes.push_back(first.axes.empty() ? second.axes.front() : first.axes.front());
  SmallVector<OpFoldResult> bounds;
  SmallVector<StringRef> names;
  SmallVector<AffineExpr> coordOf(kernel.getNumAxes(), builder.getAffineConstantExpr(0));
  for (auto [position, axis] : llvm::enumerate(axes)) {
    bounds.push_back(count(axis));
    names.push_back(cast<StringAttr>(kernel.getAxisNames()[axis.axis]).getValue());
    coordOf[axis.axis] = dim(position);
  }
  auto place =
      AffineMap::get(axes.size(), 0, {flat(first).replaceDims(coordOf), flat(second).replaceDims(coordOf)},
                     builder.getContext());
  bool tail = lanes > 1 && (axes.back().ragged() || axes.back().tile % lanes != 0);
  auto copy = builder.create<tile::CopyOp>(loc, target, place, bounds, names, lanes, tail);
  for (Region *region : {&copy.getBody(), &copy.getTail()}) {
    if (region->empty())
      continue;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&region->front());
    Point point = origin();
    for (auto [position, axis] : llvm::enumerate(axes))
      point.coords[axis.axis] = apply(
          dim(0) + dim(1), {OpFoldResult(start(axis.axis)), OpFoldResult(region->getArgument(position))});
    if (region == &copy.getBody() && lanes > 1) {
      point.laneAxis = laneAxis;
      point.lanes = lanes;
    }
    Value element = PointEmitter(*values, builder, point).valueInLanes(value);
    Type wanted = copy.getTarget().getType().getElementType();
    if (getElementTypeOrSelf(element.getType()) != wanted) {
      Type shaped = wanted;
      if (auto vector = dyn_cast<VectorType>(element.getType()))
        shaped = vector.clone(wanted);
      element = builder.create<arith::ExtFOp>(loc, shaped, element);
    }
    builder.create<tile::YieldOp>(loc, element);
  }
}

Value Program::rows(Value value, const OperandPlan &operand, const Side &rows, const Side &depth,
                    Value scratch) {
  if (operand.copy == "pack") {
    copy(value, scratch, rows, depth, operand.laneAxis, operand.lanes);
    return scratch;
  }
  auto load = value.getDefiningOp<kernel::LoadOp>();
  if (!load)
    internalError("an operand read in place is a load");
  IndexEmitter index(builder, loc, kernel, load.getAxes(), origin());
  SmallVector<Value> at;
  for (AffineExpr expr : load.getMap(0).getResults())
    at.push_back(index.first(expr));
  auto layout = StridedLayoutAttr::get(builder.getContext(), ShapedType::kDynamic,
                                       {operand.rowStride, operand.depthStride});
  Value buffer = values->buffers[cast<BlockArgument>(load.getBuffers()[0]).getArgNumber()];
  auto type = MemRefType::get({rows.extent(), depth.extent()}, load.getResult().getType(), layout);
  return builder.create<tile::ViewOp>(loc, type, buffer, at);
}

Value Program::packedPanels(Value value, const Side &depth, const Side &columns) {
  // Conversions of the packed elements to the atom's type are the dot's.
  while (auto extend = value.getDefiningOp<arith::ExtFOp>())
    value = extend.getIn();
  auto load = value.getDefiningOp<kernel::LoadOp>();
  if (!load)
    internalError("a packed operand is a load");
  auto packed = cast<MemRefType>(load.getBuffers()[0].getType());
  int64_t panel = plan.atomN, steps = packed.getShape()[packed.getRank() - 2];
  if (packed.getShape().back() != panel)
    internalError("a packed operand has panels of {}, not {}", packed.getShape().back(), panel);

  SmallVector<Value> at;
  for (int axis : plan.b.batch)
    at.push_back(start(axis));
  // The block's first panel, and its depth in the order of the whole depth.
  SmallVector<OpFoldResult> operands(starts.begin(), starts.end());
  AffineExpr first = builder.getAffineConstantExpr(0), deep = first;
  if (panelsAreGlobal(columns, panel)) {
    if (columns.tiles() > 1)
      first = dim(columns.axes.front().axis).floorDiv(panel);
  } else {
    for (const TiledAxis &axis : columns.axes)
      first = first * axis.tiles() + dim(axis.axis).floorDiv(axis.tile);
    first = first * (plan.paddedColumns() / panel);
  }
  for (const TiledAxis &axis : depth.axes)
    deep = deep * axis.extent + dim(axis.axis);
  at.push_back(apply(first, operands));
  at.push_back(apply(deep, operands));
  at.push_back(index(0));
  auto layout = panelLayout(depth.extent(), plan.paddedColumns(), panel, steps * panel);
  auto type = MemRefType::get({depth.extent(), plan.paddedColumns()}, packed.getElementType(), layout);
  Value buffer = values->buffers[cast<BlockArgument>(load.getBuffers()[0]).getArgNumber()];
  return builder.create<tile::ViewOp>(loc, type, buffer, at);
}

Point Program::relative(const Point &point, OpBuilder &at, Location where) {
  Point local = point;
  for (auto [axis, coord] : llvm::enumerate(local.coords))
    if (coord)
      coord = getValueOrCreateConstantIndexOp(
          at, where,
          affine::makeComposedFoldedAffineApply(at, where, AffineMap::get(2, 0, dim(0) - dim(1)),
                                                {OpFoldResult(coord), OpFoldResult(starts[axis])}));
  return local;
}

void Program::epilogue(ArrayRef<const Side *> sides) {
  // Stores over the same axes share their loops.
  std::map<std::vector<int>, SmallVector<kernel::StoreOp>> groups;
  for (auto store : kernel.getBlock()->getOps<kernel::StoreOp>()) {
    llvm::SmallBitVector used = values->axes.of(store);
    std::vector<int> key(used.set_bits_begin(), used.set_bits_end());
    groups[key].push_back(store);
  }
  for (auto &[used, stores] : groups) {
    OpBuilder::InsertionGuard guard(builder);
    auto uses = [&, &used = used](int axis) { return llvm::is_contained(used, axis); };
    // What does not depend on an axis of the grid is stored by the axis's first block.
    for (int axis : plan.gridOrder) {
      if (uses(axis))
        continue;
      Value first = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, start(axis), index(0));
      auto branch = builder.create<scf::IfOp>(loc, first, /*withElse=*/false);
      builder.setInsertionPoint(branch.thenYield());
    }
    SmallVector<TiledAxis> axes;
    std::optional<TiledAxis> last;
    for (const Side *side : sides)
      for (const TiledAxis &axis : side->axes)
        if (uses(axis.axis) && axis.axis == plan.laneAxis)
          last = axis;
        else if (uses(axis.axis) && axis.tile > 1)
          axes.push_back(axis);
    if (last)
      axes.push_back(*last);
    epilogue(stores, axes);
  }
}

void Program::epilogue(ArrayRef<kernel::StoreOp> stores, ArrayRef<TiledAxis> axes) {
  if (axes.empty()) {
    PointEmitter emitter(*values, builder, origin());
    for (kernel::StoreOp store : stores)
      emitter.store(store);
    return;
  }
  SmallVector<OpFoldResult> bounds;
  SmallVector<StringRef> names;
  for (const TiledAxis &axis : axes) {
    bounds.push_back(count(axis));
    names.push_back(cast<StringAttr>(kernel.getAxisNames()[axis.axis]).getValue());
  }
  int64_t lanes = axes.back().axis == plan.laneAxis ? plan.lanes : 1;
  bool tail = lanes > 1 && (axes.back().ragged() || axes.back().tile % lanes != 0);
  auto map = builder.create<tile::MapOp>(loc, bounds, names, lanes, tail);
  for (Region *region : {&map.getBody(), &map.getTail()}) {
    if (region->empty())
      continue;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&region->front());
    Point point = origin();
    for (auto [position, axis] : llvm::enumerate(axes))
      point.coords[axis.axis] = apply(
          dim(0) + dim(1), {OpFoldResult(start(axis.axis)), OpFoldResult(region->getArgument(position))});
    if (region == &map.getBody() && lanes > 1) {
      point.laneAxis = plan.laneAxis;
      point.lanes = lanes;
    }
    PointEmitter emitter(*values, builder, point);
    for (kernel::StoreOp store : stores)
      emitter.store(store);
    builder.create<tile::YieldOp>(loc, ValueRange());
  }
}

} // namespace tgc::pipe
