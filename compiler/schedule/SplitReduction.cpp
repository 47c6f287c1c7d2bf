// In:  a kernel with reductions R over an axis p (and others), and its launches.
// Out: NAME_part:  for each of n parts of p the reductions' results over p's part, axes `kept` left alone;
//      NAME_join:  the results of R from the parts, then every value that depends on R but not on p; what of it
//                  is stored is stored here, what NAME_map needs goes to buffers;
//      NAME_map:   the rest, with those buffers in the place of the values.
// 1. The part kernel is the kernel with p as part · size + place and the stores taken away; its results are
//    stored at [part, axes by stride].
// 2. The join kernel has the kernel's axes without p, and axes of its own for part and `kept`. Moments of equal
//    parts are joined from their means and variances.
// 3. The map kernel loads the join's values over their axes and `kept`, so that they are contiguous where the data
//    are; so it does what the kernel loads over the results' axes alone.
#include "compiler/schedule/SplitReduction.h"

#include "compiler/kernel/transforms/Access.h"
#include "compiler/schedule/Pieces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using llvm::SmallBitVector;

namespace tgc {
namespace {

/// A buffer between the new kernels.
struct Workspace {
  MemRefType type;
  SmallVector<int> axes; ///< of the kernel, outermost first, behind the part if there is one
};

class Splitter {
public:
  Splitter(ModuleOp module, kernel::FuncOp kernel, const KernelInfo &info, const SplitPlan &plan)
      : module(module), kernel(kernel), info(info), plan(plan), sets(kernel), context(kernel.getContext()),
        builder(kernel) {
    int position = 0;
    for (Operation &op : *kernel.getBlock())
      if (!kernel::reducedAxes(&op).empty() && llvm::is_contained(plan.reductions, position++))
        reductions.push_back(&op);
  }

  SmallVector<kernel::FuncOp> run() {
    findJoined();
    pieces.push_back(makePart());
    pieces.push_back(makeJoin());
    if (!left.empty())
      pieces.push_back(makeMap());
    SmallVector<MemRefType> types;
    for (const Workspace &workspace : workspaces)
      types.push_back(workspace.type);
    return launchPieces(module, kernel, pieces, types);
  }

private:
  AffineExpr dim(unsigned position) const { return getAffineDimExpr(position, context); }

  /// A load over the results' axes without `kept` ones: read in the map kernel, it alone would keep a group
  /// and its members two axes there. The join spreads it over the members, as it does the results.
  bool keepsApart(Operation &op) const {
    if (plan.kept.empty() || !isa<kernel::LoadOp>(op))
      return false;
    SmallBitVector axes = sets.of(op.getResult(0)), others = sets.of(reductions.front()->getResult(0));
    others.flip();
    return axes.any() && !axes.anyCommon(others);
  }

  /// Values that depend on the reductions but not on the axis; of them those that others need; the stores of
  /// either side.
  void findJoined() {
    for (Operation &op : *kernel.getBlock()) {
      bool depends =
          llvm::is_contained(reductions, &op) || llvm::any_of(op.getOperands(), [&](Value operand) {
            return operand.getDefiningOp() && after.contains(operand.getDefiningOp());
          });
      if (auto store = dyn_cast<kernel::StoreOp>(op)) {
        bool inJoin = depends && !sets.of(store).test(plan.axis);
        (inJoin ? joined : left).push_back(store);
      } else if ((depends && !sets.of(op.getResult(0)).test(plan.axis)) || keepsApart(op)) {
        after.insert(&op);
      }
    }
    for (Operation *op : after)
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) {
              return !after.contains(user) && !llvm::is_contained(joined, user);
            }))
          frontier.push_back(result);
  }

  /// The axes by how far apart their elements are in the loads, farthest first.
  SmallVector<int> byStride(const SmallBitVector &set) const {
    SmallVector<int> ordered(set.set_bits_begin(), set.set_bits_end());
    auto reach = [&](int axis) {
      int64_t longest = 0;
      for (const Access &access : info.accesses)
        if (!access.store && access.uses[plan.axis])
          if (auto stride = access.strideOf(axis, info.buffers[access.buffer]))
            longest = std::max(longest, std::abs(*stride));
      return longest;
    };
    llvm::stable_sort(ordered, [&](int a, int b) { return reach(a) > reach(b); });
    return ordered;
  }

  SmallBitVector withKept(SmallBitVector set) const {
    for (int axis : plan.kept)
      set.set(axis);
    return set;
  }

  /// Adds a workspace of one element for each point of the axes (and part).
  int addWorkspace(const SmallBitVector &set, Type element, bool parts) {
    Workspace &workspace = workspaces.emplace_back();
    workspace.axes = byStride(set);
    int64_t size = parts ? plan.parts : 1;
    for (int axis : workspace.axes)
      size *= info.axes[axis].extent;
    workspace.type = MemRefType::get({size}, element);
    return int(workspaces.size()) - 1;
  }

  /// The place in a workspace; coordinates[i] for axis i, `part` null without parts.
  AffineExpr placeIn(const Workspace &workspace, AffineExpr part, ArrayRef<AffineExpr> coordinates) const {
    AffineExpr place = part ? part : getAffineConstantExpr(0, context);
    for (int axis : workspace.axes)
      place = place * info.axes[axis].extent + coordinates[axis];
    return place;
  }

  kernel::FuncOp cloneAs(StringRef suffix) {
    auto func = cast<kernel::FuncOp>(builder.clone(*kernel));
    func.setSymName((kernel.getSymName() + suffix).str());
    func.removeScheduleAttr();
    return func;
  }

  Piece makePart() {
    kernel::FuncOp func = cloneAs("_part");
    // Axis p becomes two: its place keeps its position, the part comes last.
    unsigned count = info.axes.size();
    kernel::AxisChange change;
    for (unsigned axis = 0; axis < count; ++axis) {
      change.names.push_back(info.axes[axis].name);
      change.extents.push_back(info.axes[axis].extent);
      change.oldAsNew.push_back(dim(axis));
      change.newAsOld.push_back(dim(axis));
    }
    int64_t size = info.axes[plan.axis].extent / plan.parts;
    change.names.push_back(kernel::freshAxisName(func, "part"));
    change.extents.push_back(plan.parts);
    change.extents[plan.axis] = size;
    change.oldAsNew[plan.axis] = dim(count) * size + dim(plan.axis);
    change.newAsOld[plan.axis] = dim(plan.axis) % size;
    change.newAsOld.push_back(dim(plan.axis).floorDiv(size));
    kernel::changeAxes(func, change);

    for (auto store : llvm::make_early_inc_range(func.getBlock()->getOps<kernel::StoreOp>()))
      store.erase();
    // The kernel's operations and the clone's stand in the same order.
    SmallVector<Operation *> cloned;
    int position = 0;
    for (Operation &op : *func.getBlock())
      if (!kernel::reducedAxes(&op).empty() && llvm::is_contained(plan.reductions, position++))
        cloned.push_back(&op);
    Piece piece{func, {}};
    for (int i = 0; i < int(info.buffers.size()); ++i)
      piece.buffers.push_back(i);
    OpBuilder inside = OpBuilder::atBlockEnd(func.getBlock());
    for (auto [original, op] : llvm::zip(reductions, cloned)) {
      SmallVector<Value> over;
      for (Value axis : kernel::reducedAxes(op)) {
        unsigned index = func.axisIndex(axis);
        if (index != count && !llvm::is_contained(plan.kept, int(index)))
          over.push_back(axis);
      }
      setOver(op, over);
      for (Value result : op->getResults()) {
        int workspace =
            addWorkspace(withKept(sets.of(original->getResult(0))), result.getType(), /*parts=*/true);
        SmallVector<AffineExpr> coordinates;
        for (unsigned axis = 0; axis < count; ++axis)
          coordinates.push_back(dim(axis));
        AffineExpr place = placeIn(workspaces[workspace], dim(count), coordinates);
        storeAt(inside, piece, result, workspace, workspaces[workspace].type, place);
      }
    }
    finishPiece(piece);
    return piece;
  }

  static void setOver(Operation *op, ValueRange over) {
    if (auto reduce = dyn_cast<kernel::ReduceOp>(op))
      reduce.getOverMutable().assign(over);
    else if (auto contract = dyn_cast<kernel::ContractOp>(op))
      contract.getOverMutable().assign(over);
    else
      cast<kernel::MomentsOp>(op).getOverMutable().assign(over);
  }

  Piece makeJoin() {
    auto func = builder.create<kernel::FuncOp>(kernel.getLoc(), (kernel.getSymName() + "_join").str());
    Piece piece{func, {}};
    IRMapping mapping;
    for (unsigned axis = 0; axis < info.axes.size(); ++axis)
      func.addAxis(info.axes[axis].name, axis == unsigned(plan.axis) ? 1 : info.axes[axis].extent);
    // Axes that the join reduces.
    unsigned count = info.axes.size();
    SmallVector<unsigned> over{count};
    func.addAxis(kernel::freshAxisName(func, "part"), plan.parts);
    SmallVector<AffineExpr> coordinates;
    for (unsigned axis = 0; axis < count; ++axis)
      coordinates.push_back(dim(axis));
    for (int axis : plan.kept) {
      over.push_back(func.getNumAxes());
      coordinates[axis] = dim(func.getNumAxes());
      func.addAxis(kernel::freshAxisName(func, info.axes[axis].name), info.axes[axis].extent);
    }
    for (auto [i, buffer] : llvm::enumerate(info.buffers)) {
      auto argument = func.addBuffer(buffer.name, cast<MemRefType>(kernel.getBuffers()[i].getType()),
                                     kernel.getFree()[i]);
      mapping.map(kernel.getBuffers()[i], argument);
      piece.buffers.push_back(int(i));
    }
    for (unsigned axis = 0; axis < count; ++axis)
      mapping.map(kernel.getAxes()[axis], func.getAxes()[axis]);

    OpBuilder inside = OpBuilder::atBlockEnd(func.getBlock());
    int workspace = 0;
    for (Operation *op : reductions) {
      SmallVector<Value> parts;
      for (unsigned i = 0; i < op->getNumResults(); ++i, ++workspace)
        parts.push_back(loadAt(inside, piece, workspace, workspaces[workspace].type,
                               placeIn(workspaces[workspace], dim(count), coordinates), op->getLoc()));
      SmallVector<Value> axes;
      for (unsigned axis : over)
        axes.push_back(func.getAxes()[axis]);
      joinParts(inside, op, parts, axes, mapping);
    }
    // The slices of what is stored and of what the map needs.
    llvm::SetVector<Operation *> needed;
    auto need = [&](Value value) {
      SmallVector<Value> work{value};
      while (!work.empty()) {
        Operation *op = work.pop_back_val().getDefiningOp();
        if (op && !mapping.contains(op->getResult(0)) && needed.insert(op))
          work.append(op->operand_begin(), op->operand_end());
      }
    };
    for (kernel::StoreOp store : joined)
      need(store.getValue());
    for (Value value : frontier)
      need(value);
    for (Operation &op : *kernel.getBlock())
      if (needed.contains(&op))
        inside.clone(op, mapping);
    for (kernel::StoreOp store : joined)
      inside.clone(*store, mapping);
    for (unsigned axis = 0; axis < count; ++axis)
      coordinates[axis] = dim(axis);
    for (Value value : frontier) {
      int between = addWorkspace(withKept(sets.of(value)), value.getType(), /*parts=*/false);
      frontierWorkspaces.push_back(between);
      storeAt(inside, piece, mapping.lookup(value), between, workspaces[between].type,
              placeIn(workspaces[between], AffineExpr(), coordinates));
    }
    finishPiece(piece);
    return piece;
  }

  void joinParts(OpBuilder &inside, Operation *op, ArrayRef<Value> parts, ValueRange axes,
                 IRMapping &mapping) {
    Location loc = op->getLoc();
    auto add = [&](Value value) -> Value {
      return inside.create<kernel::ReduceOp>(loc, value.getType(), kernel::ReduceKind::Add, value, axes,
                                             /*is_unsigned=*/false);
    };
    if (auto reduce = dyn_cast<kernel::ReduceOp>(op)) {
      mapping.map(reduce.getResult(),
                  inside.create<kernel::ReduceOp>(loc, reduce.getType(), reduce.getKind(), parts[0], axes,
                                                  reduce.getIsUnsigned()));
    } else if (isa<kernel::ContractOp>(op)) {
      mapping.map(op->getResult(0), add(parts[0]));
    } else {
      // Parts are equal: the mean of means, and the mean of variances plus the variance of means.
      auto moments =
          inside.create<kernel::MomentsOp>(loc, parts[0].getType(), parts[0].getType(), parts[0], axes);
      double count = 1;
      for (Value axis : axes)
        count *= double(cast<kernel::FuncOp>(moments->getParentOp()).extentOf(axis));
      Value share = inside.create<arith::ConstantOp>(loc, inside.getFloatAttr(parts[1].getType(), 1 / count));
      Value within = inside.create<arith::MulFOp>(loc, add(parts[1]), share);
      mapping.map(op->getResult(0), moments.getMean());
      mapping.map(op->getResult(1), inside.create<arith::AddFOp>(loc, within, moments.getVariance()));
    }
  }

  Piece makeMap() {
    // Values are found in the clone by their position.
    llvm::DenseMap<Operation *, unsigned> positions;
    for (auto [i, op] : llvm::enumerate(*kernel.getBlock()))
      positions[&op] = i;
    kernel::FuncOp func = cloneAs("_map");
    SmallVector<Operation *> operations;
    for (Operation &op : *func.getBlock())
      operations.push_back(&op);
    Piece piece{func, {}};
    for (int i = 0; i < int(info.buffers.size()); ++i)
      piece.buffers.push_back(i);
    SmallVector<AffineExpr> coordinates;
    for (unsigned axis = 0; axis < info.axes.size(); ++axis)
      coordinates.push_back(dim(axis));
    OpBuilder inside = OpBuilder::atBlockBegin(func.getBlock());
    for (auto [value, workspace] : llvm::zip(frontier, frontierWorkspaces)) {
      auto result = cast<OpResult>(value);
      Value old = operations[positions[result.getOwner()]]->getResult(result.getResultNumber());
      Value load = loadAt(inside, piece, workspace, workspaces[workspace].type,
                          placeIn(workspaces[workspace], AffineExpr(), coordinates), value.getLoc());
      old.replaceAllUsesWith(load);
    }
    for (kernel::StoreOp store : joined)
      operations[positions[store]]->erase();
    finishPiece(piece);
    return piece;
  }

  ModuleOp module;
  kernel::FuncOp kernel;
  const KernelInfo &info;
  const SplitPlan &plan;
  kernel::AxisSets sets;
  MLIRContext *context;
  OpBuilder builder;
  SmallVector<Operation *> reductions;
  llvm::SetVector<Operation *> after;
  SmallVector<kernel::StoreOp> joined, left;
  SmallVector<Value> frontier;
  SmallVector<int> frontierWorkspaces;
  std::vector<Workspace> workspaces;
  SmallVector<Piece> pieces;
};

} // namespace

SmallVector<kernel::FuncOp> splitReduction(ModuleOp module, kernel::FuncOp kernel, const KernelInfo &info,
                                           const SplitPlan &plan) {
  return Splitter(module, kernel, info, plan).run();
}

} // namespace tgc
