// In:  a kernel whose plan packs the operand on the atom's columns.
// Out: the kernel with the operand's value read from the packed buffer; a Map kernel that computes that value at
//      every place of the packed buffer; prepare launches.
// 1. Columns have a number: that of their axes, or, where the panels of a block are its own, block by block.
//    Panel and lane are its quotient and remainder by the panel's width; the depth is the number of its axes.
// 2. The packing kernel's axes are the packed buffer's dimensions. The operand's operations are cloned with the
//    columns' axes replaced by expressions of panel and lane; places behind the last column take the fill.
// 3. In the kernel a load of the packed buffer takes the operand's place.
// 4. In the program each launch's weight is replaced by a buffer, filled by a prepare launch.
#include "compiler/schedule/Pack.h"

#include "compiler/affine/Ranges.h"
#include "compiler/kernel/transforms/Launches.h"
#include "compiler/schedule/Describe.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "search/plan/Planners.h"

using namespace mlir;

namespace tgc {
namespace {

Type typeOf(ElementType type, MLIRContext *context) {
  switch (type) {
  case ElementType::F64:
    return Float64Type::get(context);
  case ElementType::F32:
    return Float32Type::get(context);
  case ElementType::F16:
    return Float16Type::get(context);
  case ElementType::BF16:
    return BFloat16Type::get(context);
  case ElementType::F8E4M3:
    return Float8E4M3FNType::get(context);
  case ElementType::I8:
    return IntegerType::get(context, 8);
  default:
    internalError("weights are not packed as {}", nameOf(type));
  }
}

/// Quotients and remainders of one side's columns, both ways.
class Columns {
public:
  Columns(const PipePlan &plan, int64_t panel, MLIRContext *context)
      : side(plan.n), panel(panel), global(panelsAreGlobal(plan.n, panel)), context(context) {
    panelsOfBlock = (side.extent() + panel - 1) / panel;
  }

  /// Panel and lane of a column, over the kernel's axes as dimensions.
  std::pair<AffineExpr, AffineExpr> place() const {
    AffineExpr tile = constant(0), column = constant(0);
    for (const TiledAxis &axis : side.axes) {
      AffineExpr at = getAffineDimExpr(axis.axis, context);
      int64_t size = global ? axis.extent : axis.tile;
      tile = tile * axis.tiles() + at.floorDiv(size);
      column = column * size + at % size;
    }
    if (global)
      return {column.floorDiv(panel), column % panel};
    return {tile * panelsOfBlock + column.floorDiv(panel), column % panel};
  }

  struct Coordinates {
    SmallVector<std::pair<int, AffineExpr>> axes;
    SmallVector<AffineExpr> valid; ///< all >= 0 where the place is a column's
  };
  /// The axes' coordinates at a place.
  Coordinates at(AffineExpr panelIndex, AffineExpr lane) const {
    Coordinates result;
    AffineExpr tile = global ? constant(0) : panelIndex.floorDiv(panelsOfBlock);
    AffineExpr column = (global ? panelIndex : panelIndex % panelsOfBlock) * panel + lane;
    int64_t columns = 1;
    for (const TiledAxis &axis : side.axes)
      columns *= global ? axis.extent : axis.tile;
    result.valid.push_back(constant(columns - 1) - column);
    for (size_t i = side.axes.size(); i-- > 0;) {
      const TiledAxis &axis = side.axes[i];
      int64_t size = global ? axis.extent : axis.tile;
      AffineExpr inside = i == 0 ? column : column % size;
      AffineExpr block = i == 0 ? tile : tile % axis.tiles();
      AffineExpr at = global ? inside : block * axis.tile + inside;
      result.axes.push_back({axis.axis, at});
      if (!global && axis.ragged())
        result.valid.push_back(constant(axis.extent - 1) - at);
      column = column.floorDiv(size);
      tile = tile.floorDiv(axis.tiles());
    }
    return result;
  }

private:
  AffineExpr constant(int64_t value) const { return getAffineConstantExpr(value, context); }
  const Side &side;
  int64_t panel, panelsOfBlock = 1;
  bool global;
  MLIRContext *context;
};

class Packer {
public:
  Packer(ModuleOp module, kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan,
         const PackPlan &pack)
      : module(module), kernel(kernel), info(info), pipe(std::get<PipePlan>(plan.body)), pack(pack),
        sets(kernel), context(kernel.getContext()), columns(pipe, pack.shape.back(), context) {}

  /// The packing kernel, if the module did not have it before.
  kernel::FuncOp run() {
    findValue();
    bool isNew = false;
    kernel::FuncOp packing = findOrAdd(makeKernel(), isNew);
    rewriteKernel();
    rewriteProgram(packing);
    return isNew ? packing : kernel::FuncOp();
  }

private:
  /// The value to pack: the operand without conversions that need not be made ahead.
  void findValue() {
    Operation *contract = nullptr;
    int number = info.contract->reduction;
    for (Operation &op : *kernel.getBlock())
      if (!kernel::reducedAxes(&op).empty() && number-- == 0)
        contract = &op;
    auto product = cast<kernel::ContractOp>(contract);
    value = pipe.flip ? product.getLhs() : product.getRhs();
    element = typeOf(pack.type, context);
    while (auto extend = value.getDefiningOp<arith::ExtFOp>()) {
      if (value.getType().getIntOrFloatBitWidth() <= element.getIntOrFloatBitWidth())
        break;
      value = extend.getIn();
    }
    if (value.getType().getIntOrFloatBitWidth() > element.getIntOrFloatBitWidth())
      internalError("kernel {}: packing would round {}", info.name, info.buffers[pack.buffer].name);
    batch = pipe.b.batch;
    type = MemRefType::get(pack.shape, element);
  }

  // The packing kernel.

  kernel::FuncOp makeKernel() {
    OpBuilder builder(context);
    builder.setInsertionPointAfter(kernel);
    auto made = builder.create<kernel::FuncOp>(kernel.getLoc(), "pack");
    auto sourceType = cast<MemRefType>(kernel.getBuffers()[pack.buffer].getType());
    made.addBuffer("w", sourceType);
    made.addBuffer("p", type);
    // Axes: batch, panel, depth, lane, with the kernel's names where it has them.
    axisMap.assign(kernel.getNumAxes(), AffineExpr());
    for (const TiledAxis &axis : pipe.batch)
      if (axis.extent == 1)
        axisMap[axis.axis] = getAffineConstantExpr(0, context);
    SmallVector<Value> axes;
    SmallVector<int64_t> extents;
    auto addAxis = [&](StringRef name, int64_t extent) {
      axes.push_back(made.addAxis(name, extent));
      extents.push_back(extent);
      return getAffineDimExpr(axes.size() - 1, context);
    };
    auto nameOf = [&](int axis) { return cast<StringAttr>(kernel.getAxisNames()[axis]).getValue(); };
    SmallVector<AffineExpr> place;
    for (int axis : batch)
      place.push_back(axisMap[axis] = addAxis(nameOf(axis), kernel.getExtents()[axis]));
    AffineExpr panel = addAxis("panel", pack.shape[batch.size()]);
    AffineExpr depth = getAffineConstantExpr(0, context);
    for (const TiledAxis &axis : pipe.k.axes) {
      axisMap[axis.axis] = addAxis(nameOf(axis.axis), axis.extent);
      depth = depth * axis.extent + axisMap[axis.axis];
    }
    AffineExpr lane = addAxis("lane", pack.shape.back());
    Columns::Coordinates coordinates = columns.at(panel, lane);
    for (auto [axis, expr] : coordinates.axes)
      axisMap[axis] = affine::simplify(expr, extents);
    SmallVector<bool> equalities(coordinates.valid.size(), false);
    valid = affine::simplify(IntegerSet::get(axes.size(), 0, coordinates.valid, equalities), extents);
    place.append({panel, depth, lane});

    builder.setInsertionPointToStart(made.getBlock());
    IRMapping mapping;
    mapping.map(kernel.getBuffers()[pack.buffer], made.getBuffers()[0]);
    Value stored = clone(value, made, axes, extents, builder, mapping);
    if (stored.getType() != element)
      stored = builder.create<arith::ExtFOp>(value.getLoc(), element, stored);
    builder.create<kernel::StoreOp>(value.getLoc(), stored, made.getBuffers()[1], axes,
                                    AffineMap::get(axes.size(), 0, place, context));
    return made;
  }

  Value clone(Value from, kernel::FuncOp made, ValueRange axes, ArrayRef<int64_t> extents, OpBuilder &builder,
              IRMapping &mapping) {
    if (Value known = mapping.lookupOrNull(from))
      return known;
    Operation *op = from.getDefiningOp();
    if (auto load = dyn_cast<kernel::LoadOp>(op)) {
      SmallVector<Value> buffers;
      SmallVector<AffineMap> maps;
      SmallVector<IntegerSet> conditions;
      for (unsigned i = 0; i < load.getNumPieces(); ++i) {
        buffers.push_back(mapping.lookup(load.getBuffers()[i]));
        maps.push_back(affine::simplify(replaced(load.getMap(i), load.getAxes(), axes.size()), extents));
        IntegerSet condition =
            affine::conjoin(replaced(load.getCondition(i), load.getAxes(), axes.size()), valid);
        conditions.push_back(affine::simplify(condition, extents));
      }
      bool whole = !load.getFill() && kernel::isAlwaysTrue(conditions[0]);
      TypedAttr fill =
          load.getFill() ? *load.getFill() : cast<TypedAttr>(builder.getZeroAttr(from.getType()));
      Value made = whole
                       ? builder.create<kernel::LoadOp>(load.getLoc(), buffers[0], axes, maps[0]).getResult()
                       : builder.create<kernel::LoadOp>(load.getLoc(), buffers, axes, maps, conditions, fill)
                             .getResult();
      mapping.map(from, made);
      return made;
    }
    if (auto coord = dyn_cast<kernel::CoordOp>(op)) {
      AffineMap map = affine::simplify(replaced(coord.getMap(), coord.getAxes(), axes.size()), extents);
      Value made =
          builder.create<kernel::CoordOp>(op->getLoc(), from.getType(), axes, AffineMapAttr::get(map));
      mapping.map(from, made);
      return made;
    }
    if (auto test = dyn_cast<kernel::TestOp>(op)) {
      IntegerSet set = affine::simplify(replaced(test.getCondition(), test.getAxes(), axes.size()), extents);
      Value made =
          builder.create<kernel::TestOp>(op->getLoc(), from.getType(), axes, IntegerSetAttr::get(set));
      mapping.map(from, made);
      return made;
    }
    for (Value operand : op->getOperands())
      clone(operand, made, axes, extents, builder, mapping);
    builder.clone(*op, mapping);
    return mapping.lookup(from);
  }

  SmallVector<AffineExpr> replacements(ValueRange axes) const {
    SmallVector<AffineExpr> dims;
    for (Value axis : axes) {
      AffineExpr expr = axisMap[const_cast<kernel::FuncOp &>(kernel).axisIndex(axis)];
      if (!expr)
        internalError("kernel {}: a packed weight depends on an axis of the rows", info.name);
      dims.push_back(expr);
    }
    return dims;
  }
  AffineMap replaced(AffineMap map, ValueRange axes, unsigned dims) const {
    return map.replaceDimsAndSymbols(replacements(axes), {}, dims, 0);
  }
  IntegerSet replaced(IntegerSet set, ValueRange axes, unsigned dims) const {
    return set.replaceDimsAndSymbols(replacements(axes), {}, dims, 0);
  }

  /// `made`, or an equal kernel that the module already has.
  kernel::FuncOp findOrAdd(kernel::FuncOp made, bool &isNew) {
    isNew = true;
    auto textOf = [](kernel::FuncOp func) {
      OwningOpRef<Operation *> copy(func->clone());
      cast<kernel::FuncOp>(*copy).setSymName("pack");
      (*copy)->removeAttr("schedule");
      std::string text;
      llvm::raw_string_ostream(text) << **copy;
      return text;
    };
    std::string text = textOf(made);
    for (auto other : module.getOps<kernel::FuncOp>())
      if (other != made && other.getSymName().starts_with("pack_") && textOf(other) == text) {
        made.erase();
        isNew = false;
        return other;
      }
    std::string base = "pack_" + kernel.getSymName().str(), name = base;
    for (int i = 1; module.lookupSymbol(name); ++i)
      name = base + "_" + std::to_string(i);
    made.setSymName(name);
    return made;
  }

  // The kernel and the program.

  void rewriteKernel() {
    BlockArgument buffer = kernel.getBuffers()[pack.buffer];
    Operation *definition = value.getDefiningOp();
    OpBuilder builder(definition);
    builder.setInsertionPointAfter(definition);
    SmallVector<Value> axes;
    SmallVector<AffineExpr> dims(kernel.getNumAxes());
    for (unsigned axis : sets.of(value).set_bits()) {
      dims[axis] = getAffineDimExpr(axes.size(), context);
      axes.push_back(kernel.getAxes()[axis]);
    }
    // Axes that the weight does not have (a column axis of extent 1) stand for 0.
    for (AffineExpr &dim : dims)
      if (!dim)
        dim = getAffineConstantExpr(0, context);
    SmallVector<int64_t> extents;
    for (Value axis : axes)
      extents.push_back(kernel.extentOf(axis));
    SmallVector<AffineExpr> place;
    for (int axis : batch)
      place.push_back(dims[axis]);
    auto [panel, lane] = columns.place();
    AffineExpr depth = getAffineConstantExpr(0, context);
    for (const TiledAxis &axis : pipe.k.axes)
      depth = depth * axis.extent + dims[axis.axis];
    place.append({panel.replaceDims(dims), depth, lane.replaceDims(dims)});
    AffineMap map = affine::simplify(AffineMap::get(axes.size(), 0, place, context), extents);
    buffer.setType(type);
    // Where ranges do not tell that the place is one of the buffer's, the load has an else that is never taken.
    bool inside = affine::alwaysInside(map, type.getShape(), extents);
    Value load =
        builder.create<kernel::LoadOp>(value.getLoc(), ValueRange(buffer), axes, ArrayRef<AffineMap>{map},
                                       ArrayRef<IntegerSet>{kernel::alwaysTrue(context, axes.size())},
                                       inside ? TypedAttr() : cast<TypedAttr>(builder.getZeroAttr(element)));
    // Conversions to the packed type are made; those beyond it stay.
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : value.getUses())
      uses.push_back(&use);
    for (OpOperand *use : uses) {
      if (use->getOwner() == load.getDefiningOp())
        continue;
      auto extend = dyn_cast<arith::ExtFOp>(use->getOwner());
      if (extend && extend.getType() == load.getType()) {
        extend.replaceAllUsesWith(load);
        extend.erase();
      } else {
        use->set(load);
      }
    }
    // What computed the value is dead; loads of the buffer would no longer fit it.
    eraseDead(definition);
  }

  void eraseDead(Operation *op) {
    if (!op->use_empty())
      return;
    SmallVector<Value> operands(op->getOperands());
    op->erase();
    for (Value operand : operands)
      if (Operation *definition = operand.getDefiningOp())
        eraseDead(definition);
  }

  void rewriteProgram(kernel::FuncOp packing) {
    for (auto program : module.getOps<kernel::ProgramOp>()) {
      SmallVector<kernel::LaunchOp> launches;
      for (auto launch : program.getBlock()->getOps<kernel::LaunchOp>())
        if (launch.getKernel() == kernel.getSymName())
          launches.push_back(launch);
      for (kernel::LaunchOp launch : launches) {
        Value packed =
            packedBuffer(program, launch.getBuffers()[pack.buffer], launch.offsetOf(pack.buffer), packing);
        launch.getBuffersMutable()[pack.buffer].set(packed);
        if (std::optional<ArrayRef<int64_t>> offsets = launch.getOffsets()) {
          SmallVector<int64_t> starts(*offsets);
          starts[pack.buffer] = 0;
          launch.setOffsets(starts);
        }
      }
    }
  }

  /// The buffer that the packing kernel fills from that place of the weight; made unless there is one.
  Value packedBuffer(kernel::ProgramOp program, Value weight, int64_t offset, kernel::FuncOp packing) {
    kernel::LaunchOp firstRun;
    for (auto launch : program.getBlock()->getOps<kernel::LaunchOp>()) {
      if (!launch.getPrepare()) {
        firstRun = firstRun ? firstRun : launch;
        continue;
      }
      if (launch.getKernel() == packing.getSymName() && launch.getBuffers()[0] == weight &&
          launch.offsetOf(0) == offset)
        return launch.getBuffers()[1];
    }
    // Prepare launches come first; the weight's own definition moves before it if need be.
    kernel::defineBefore(weight, firstRun);
    OpBuilder builder(firstRun);
    Value buffer = builder.create<kernel::BufferOp>(firstRun.getLoc(), type);
    auto launch = builder.create<kernel::LaunchOp>(firstRun.getLoc(), packing.getSymName(),
                                                   ValueRange{weight, buffer}, /*prepare=*/true);
    if (offset != 0)
      launch.setOffsets(ArrayRef<int64_t>{offset, 0});
    return buffer;
  }

  ModuleOp module;
  kernel::FuncOp kernel;
  const KernelInfo &info;
  const PipePlan &pipe;
  const PackPlan &pack;
  kernel::AxisSets sets;
  MLIRContext *context;
  Columns columns;
  Value value;
  Type element;
  MemRefType type;
  std::vector<int> batch;
  SmallVector<AffineExpr> axisMap; ///< the kernel's axes over the packing kernel's
  IntegerSet valid;
};

} // namespace

SmallVector<kernel::FuncOp> packWeights(ModuleOp module, kernel::FuncOp kernel, const KernelInfo &info,
                                        const Plan &plan) {
  SmallVector<kernel::FuncOp> made;
  for (const PackPlan &pack : plan.packs)
    if (kernel::FuncOp packing = Packer(module, kernel, info, plan, pack).run())
      made.push_back(packing);
  return made;
}

} // namespace tgc
