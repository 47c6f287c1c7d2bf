// In:  a kernel with one contract, whose operands are computed, chosen element by element or scattered in memory; and its
//      launches.
// Out: NAME_lhs, NAME_rhs: the operand's value at [points of its side][depth], prepared if it is of weights alone;
//      NAME_product:       the kernel with loads of these in the operands' place.
// 1. The depth is numbered as the other operand lies in memory, so that its axes become one; else as this one does. Rows
//    are as far apart as a block of memory wants them.
// 2. Operations that only the operand needs are left to it.
#include "compiler/schedule/Unfold.h"

#include "compiler/kernel/transforms/Access.h"
#include "compiler/schedule/Pieces.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace tgc {
namespace {

/// Elements of 16 bits in the 64 bytes that a row begins at multiples of.
constexpr int64_t rowMultiple = 32;

class Unfolder {
public:
  Unfolder(ModuleOp module, kernel::FuncOp kernel, const KernelInfo &info, const UnfoldPlan &plan)
      : module(module), kernel(kernel), info(info), plan(plan), sets(kernel), context(kernel.getContext()),
        builder(kernel), contract(*kernel.getBlock()->getOps<kernel::ContractOp>().begin()) {}

  SmallVector<kernel::FuncOp> run() {
    orderDepth();
    std::vector<Piece> pieces;
    if (plan.lhs)
      pieces.push_back(makeOperand("_lhs", contract.getLhs(), info.contract->lhs));
    if (plan.rhs)
      pieces.push_back(makeOperand("_rhs", contract.getRhs(), info.contract->rhs));
    pieces.push_back(makeProduct());
    SmallVector<MemRefType> types;
    for (const Workspace &workspace : workspaces)
      types.push_back(workspace.type);
    for (Piece &piece : pieces)
      finishPiece(piece);
    return launchPieces(module, kernel, pieces, types);
  }

private:
  /// An operand's value over its axes, the depth last.
  struct Workspace {
    std::vector<int> rows;
    MemRefType type;
    bool weights = false;
  };

  int64_t depthExtent() const {
    int64_t extent = 1;
    for (int axis : depth)
      extent *= info.axes[axis].extent;
    return extent;
  }

  void orderDepth() {
    depth = info.contract->k;
    const OperandInfo &guide = plan.lhs && !plan.rhs ? info.contract->rhs : info.contract->lhs;
    if (!guide.accesses.empty())
      sortByStride(depth, info.accesses[guide.accesses.front()], info);
  }

  /// Where the present point of the axes lies in the workspace.
  AffineExpr placeIn(const Workspace &workspace) const {
    AffineExpr row = getAffineConstantExpr(0, context), column = row;
    for (int axis : workspace.rows)
      row = row * info.axes[axis].extent + getAffineDimExpr(axis, context);
    for (int axis : depth)
      column = column * info.axes[axis].extent + getAffineDimExpr(axis, context);
    return row * int64_t(llvm::alignTo(depthExtent(), rowMultiple)) + column;
  }

  /// A kernel with all axes and buffers of the old one.
  Piece begin(StringRef suffix) {
    Piece piece{builder.create<kernel::FuncOp>(kernel.getLoc(), (kernel.getSymName() + suffix).str()), {}};
    for (const AxisInfo &axis : info.axes)
      piece.func.addAxis(axis.name, axis.extent);
    for (auto [i, buffer] : llvm::enumerate(info.buffers)) {
      piece.func.addBuffer(buffer.name, cast<MemRefType>(kernel.getBuffers()[i].getType()),
                           kernel.getFree()[i]);
      piece.buffers.push_back(int(i));
    }
    return piece;
  }

  IRMapping mappingTo(Piece &piece) {
    IRMapping mapping;
    for (auto [old, made] : llvm::zip(kernel.getBuffers(), piece.func.getBuffers()))
      mapping.map(old, made);
    for (auto [old, made] : llvm::zip(kernel.getAxes(), piece.func.getAxes()))
      mapping.map(old, made);
    return mapping;
  }

  Piece makeOperand(StringRef suffix, Value value, const OperandInfo &operand) {
    Workspace &workspace = workspaces.emplace_back();
    llvm::SmallBitVector used = sets.of(value);
    int64_t rows = 1;
    for (int axis : used.set_bits())
      if (!llvm::is_contained(depth, axis)) {
        workspace.rows.push_back(axis);
        rows *= info.axes[axis].extent;
      }
    for (const Access &access : info.accesses)
      if (access.store) {
        sortByStride(workspace.rows, access, info);
        break;
      }
    workspace.type =
        MemRefType::get({rows * int64_t(llvm::alignTo(depthExtent(), rowMultiple))}, value.getType());
    workspace.weights = llvm::all_of(
        operand.accesses, [&](int access) { return info.buffers[info.accesses[access].buffer].free; });

    Piece piece = begin(suffix);
    piece.prepare = workspace.weights;
    OpBuilder inside = OpBuilder::atBlockEnd(piece.func.getBlock());
    IRMapping mapping = mappingTo(piece);
    for (Operation &op : *kernel.getBlock()) {
      if (&op == contract)
        break;
      if (!isa<kernel::StoreOp>(op))
        inside.clone(op, mapping);
    }
    storeAt(inside, piece, mapping.lookup(value), int(workspaces.size()) - 1, workspace.type,
            placeIn(workspace));
    return piece;
  }

  Piece makeProduct() {
    Piece piece = begin("_product");
    OpBuilder inside = OpBuilder::atBlockEnd(piece.func.getBlock());
    IRMapping mapping = mappingTo(piece);
    for (Operation &op : *kernel.getBlock()) {
      Operation *made = inside.clone(op, mapping);
      if (&op != contract)
        continue;
      OpBuilder::InsertionGuard guard(inside);
      inside.setInsertionPoint(made);
      auto product = cast<kernel::ContractOp>(made);
      for (auto [i, workspace] : llvm::enumerate(workspaces)) {
        Value loaded = loadAt(inside, piece, int(i), workspace.type, placeIn(workspace), contract.getLoc(),
                              workspace.weights);
        (i == 0 && plan.lhs ? product.getLhsMutable() : product.getRhsMutable()).assign(loaded);
      }
    }
    return piece;
  }

  ModuleOp module;
  kernel::FuncOp kernel;
  const KernelInfo &info;
  const UnfoldPlan &plan;
  kernel::AxisSets sets;
  MLIRContext *context;
  OpBuilder builder;
  kernel::ContractOp contract;
  std::vector<int> depth;
  std::vector<Workspace> workspaces;
};

} // namespace

SmallVector<kernel::FuncOp> applyUnfold(ModuleOp module, kernel::FuncOp kernel, const KernelInfo &info,
                                        const UnfoldPlan &plan) {
  return Unfolder(module, kernel, info, plan).run();
}

} // namespace tgc
