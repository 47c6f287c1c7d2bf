// 1. Workspaces are one-dimensional: where two axes stand side by side in all indices of a kernel they become one.
// 2. A launch of the kernel becomes launches of its pieces. Those to prepare come before the first launch that runs
//    every time, and are not repeated where another launch has the same weights.
#include "compiler/schedule/Pieces.h"

#include "compiler/affine/Ranges.h"
#include "compiler/kernel/Canonical.h"
#include "compiler/kernel/transforms/Access.h"
#include "compiler/kernel/transforms/Launches.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace tgc {

static AffineExpr dim(kernel::FuncOp func, unsigned position) {
  return getAffineDimExpr(position, func.getContext());
}

static void dropAxes(kernel::FuncOp func) {
  kernel::AxisChange change;
  for (unsigned axis = 0; axis < func.getNumAxes(); ++axis) {
    bool used = !func.getAxes()[axis].use_empty();
    if (used) {
      change.newAsOld.push_back(dim(func, axis));
      change.names.push_back(func.axisName(func.getAxes()[axis]).str());
      change.extents.push_back(func.getExtents()[axis]);
    }
    change.oldAsNew.push_back(used ? dim(func, change.extents.size() - 1)
                                   : getAffineConstantExpr(0, func.getContext()));
  }
  if (change.extents.size() < func.getNumAxes())
    kernel::changeAxes(func, change);
}

static bool reducedTogether(kernel::FuncOp func, unsigned a, unsigned b) {
  for (Operation &op : *func.getBlock()) {
    auto over = kernel::reducedAxes(&op);
    auto argument = dyn_cast<kernel::ReduceOp>(op);
    bool indexed = argument && (argument.getKind() == kernel::ReduceKind::ArgMax ||
                                argument.getKind() == kernel::ReduceKind::ArgMin);
    bool overA = llvm::is_contained(over, func.getAxes()[a]),
         overB = llvm::is_contained(over, func.getAxes()[b]);
    if (overA != overB || (overA && indexed))
      return false;
    if (auto remap = dyn_cast<kernel::RemapOp>(op))
      if (remap.getAxis() == func.getAxes()[a] || remap.getAxis() == func.getAxes()[b])
        return false;
  }
  return true;
}

static kernel::AxisChange merging(kernel::FuncOp func, unsigned a, unsigned b) {
  kernel::AxisChange change;
  int64_t inner = func.getExtents()[b];
  for (unsigned axis = 0; axis < func.getNumAxes(); ++axis) {
    if (axis == b) {
      change.oldAsNew.push_back(AffineExpr());
      continue;
    }
    AffineExpr now = dim(func, change.extents.size());
    change.oldAsNew.push_back(axis == a ? now.floorDiv(inner) : now);
    change.newAsOld.push_back(axis == a ? dim(func, a) * inner + dim(func, b) : dim(func, axis));
    change.names.push_back(func.axisName(func.getAxes()[axis]).str());
    change.extents.push_back(func.getExtents()[axis] * (axis == a ? inner : 1));
  }
  unsigned merged = a < b ? a : a - 1;
  change.oldAsNew[b] = dim(func, merged) % inner;
  return change;
}

static bool divides(kernel::FuncOp func, const kernel::AxisChange &change) {
  bool found = false;
  auto look = [&](AffineExpr expr) {
    expr.walk([&](AffineExpr part) {
      found |= part.getKind() == AffineExprKind::FloorDiv || part.getKind() == AffineExprKind::Mod;
    });
    return expr;
  };
  for (Operation &op : *func.getBlock())
    if (kernel::hasAccess(&op))
      (void)kernel::mapExprs(kernel::accessOf(func, &op), change.extents.size(), [&](AffineExpr expr) {
        return look(tgc::affine::simplify(expr.replaceDims(change.oldAsNew), change.extents));
      });
  return found;
}

/// Makes axes a and b one, if after that no index divides and reductions run over both or neither.
static bool mergeTwo(kernel::FuncOp func) {
  for (unsigned a = 0; a < func.getNumAxes(); ++a)
    for (unsigned b = 0; b < func.getNumAxes(); ++b)
      if (a != b && reducedTogether(func, a, b)) {
        kernel::AxisChange change = merging(func, a, b);
        if (!divides(func, change)) {
          kernel::changeAxes(func, change);
          return true;
        }
      }
  return false;
}

/// The argument of a workspace, added unless the piece has it.
static Value workspaceOf(Piece &piece, int workspace, MemRefType type, bool free) {
  for (auto [i, buffer] : llvm::enumerate(piece.buffers))
    if (buffer == ~workspace)
      return piece.func.getBuffers()[i];
  piece.buffers.push_back(~workspace);
  return piece.func.addBuffer("s" + std::to_string(workspace), type, free);
}

void storeAt(OpBuilder &inside, Piece &piece, Value value, int workspace, MemRefType type, AffineExpr place) {
  kernel::FuncOp func = piece.func;
  Value buffer = workspaceOf(piece, workspace, type, /*free=*/false);
  SmallVector<Value> axes(func.getAxes().begin(), func.getAxes().end());
  auto store = inside.create<kernel::StoreOp>(value.getLoc(), value, buffer, axes,
                                              AffineMap::get(axes.size(), 0, place));
  kernel::setAccess(func, store, kernel::accessOf(func, store));
}

Value loadAt(OpBuilder &inside, Piece &piece, int workspace, MemRefType type, AffineExpr place, Location loc,
             bool free) {
  kernel::FuncOp func = piece.func;
  Value buffer = workspaceOf(piece, workspace, type, free);
  SmallVector<Value> axes(func.getAxes().begin(), func.getAxes().end());
  auto load = inside.create<kernel::LoadOp>(loc, buffer, axes, AffineMap::get(axes.size(), 0, place));
  kernel::setAccess(func, load, kernel::accessOf(func, load));
  return load;
}

void finishPiece(Piece &piece) {
  kernel::FuncOp func = piece.func;
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*func.getBlock())))
    if (!isa<kernel::StoreOp>(op) && op.use_empty())
      op.erase();
  SmallVector<unsigned> order;
  SmallVector<int> buffers;
  for (auto [i, buffer] : llvm::enumerate(func.getBuffers()))
    if (!buffer.use_empty()) {
      order.push_back(i);
      buffers.push_back(piece.buffers[i]);
    }
  kernel::reorderBuffers(func, order, {});
  piece.buffers = std::move(buffers);
  dropAxes(func);
  while (mergeTwo(func))
    ;
  order.clear();
  kernel::canonicalize(func, order);
  SmallVector<int> canonical;
  for (unsigned old : order)
    canonical.push_back(piece.buffers[old]);
  piece.buffers = std::move(canonical);
}

namespace {

/// The launches of one kernel, one after another.
class Relauncher {
public:
  Relauncher(ArrayRef<Piece> pieces, ArrayRef<MemRefType> types) : pieces(pieces), types(types) {}

  void replace(kernel::LaunchOp launch) {
    SmallVector<Value> made(types.size());
    for (const Piece &piece : pieces)
      if (piece.prepare && !launch.getPrepare())
        prepare(piece, launch, made);
    OpBuilder at(launch);
    for (const Piece &piece : pieces)
      if (!piece.prepare || launch.getPrepare())
        add(at, piece, launch, made, launch.getPrepare());
    launch.erase();
  }

private:
  /// A piece's launch that is there already gives its workspaces; else they and it are made.
  void prepare(const Piece &piece, kernel::LaunchOp launch, SmallVector<Value> &made) {
    auto program = launch->getParentOfType<kernel::ProgramOp>();
    kernel::FuncOp func = piece.func;
    kernel::LaunchOp first;
    for (auto other : program.getOps<kernel::LaunchOp>()) {
      if (!other.getPrepare()) {
        first = other;
        break;
      }
      if (other.getKernel() == func.getSymName() && onSameWeights(piece, launch, other)) {
        for (auto [i, buffer] : llvm::enumerate(piece.buffers))
          if (buffer < 0)
            made[~buffer] = other.getBuffers()[i];
        return;
      }
    }
    for (int buffer : piece.buffers)
      if (buffer >= 0)
        kernel::defineBefore(launch.getBuffers()[buffer], first);
    OpBuilder at(first);
    add(at, piece, launch, made, /*prepare=*/true);
  }

  static bool onSameWeights(const Piece &piece, kernel::LaunchOp launch, kernel::LaunchOp other) {
    for (auto [i, buffer] : llvm::enumerate(piece.buffers))
      if (buffer >= 0 && (launch.getBuffers()[buffer] != other.getBuffers()[i] ||
                          launch.offsetOf(buffer) != other.offsetOf(i)))
        return false;
    return true;
  }

  void add(OpBuilder &at, const Piece &piece, kernel::LaunchOp launch, SmallVector<Value> &made,
           bool prepare) {
    SmallVector<Value> buffers;
    SmallVector<int64_t> offsets;
    for (int buffer : piece.buffers) {
      if (buffer < 0 && !made[~buffer])
        made[~buffer] = at.create<kernel::BufferOp>(launch.getLoc(), types[~buffer]);
      buffers.push_back(buffer >= 0 ? launch.getBuffers()[buffer] : made[~buffer]);
      offsets.push_back(buffer >= 0 ? launch.offsetOf(buffer) : 0);
    }
    kernel::FuncOp func = piece.func;
    auto added = at.create<kernel::LaunchOp>(launch.getLoc(), func.getSymName(), buffers, prepare);
    if (launch.getOffsets())
      added.setOffsets(offsets);
  }

  ArrayRef<Piece> pieces;
  ArrayRef<MemRefType> types;
};

} // namespace

void sortByStride(std::vector<int> &axes, const Access &access, const KernelInfo &info) {
  auto reach = [&](int axis) {
    return std::abs(access.strideOf(axis, info.buffers[access.buffer]).value_or(0));
  };
  llvm::stable_sort(axes, [&](int a, int b) { return reach(a) > reach(b); });
}

SmallVector<kernel::FuncOp> launchPieces(ModuleOp module, kernel::FuncOp kernel, ArrayRef<Piece> pieces,
                                         ArrayRef<MemRefType> workspaces) {
  auto launches = kernel::launchesByKernel(module);
  Relauncher relauncher(pieces, workspaces);
  for (kernel::LaunchOp launch : launches[kernel.getSymName()])
    relauncher.replace(launch);
  kernel.erase();
  return llvm::map_to_vector(pieces, [](const Piece &piece) { return piece.func; });
}

} // namespace tgc
