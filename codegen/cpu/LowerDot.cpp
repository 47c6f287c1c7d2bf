// In:  tile.dot on views and scratch. Out: the micro-kernel on their memory.
// 1. Follow every operand to its memory: base, offset and parts of its layout.
// 2. Left: rows with one stride, or panels of the register tile's rows. Right: panels of its columns, or rows of
//    exactly one panel. Sums: rows, contiguous columns.
#include "codegen/cpu/LowerCopy.h"
#include "codegen/cpu/MicroKernel.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace tgc::cpu {

TilePlace placeOf(OpBuilder &builder, Value value) {
  auto type = cast<MemRefType>(value.getType());
  TilePlace place;
  place.dims = *tile::layoutOf(type);
  if (auto view = value.getDefiningOp<tile::ViewOp>()) {
    TilePlace source = placeOf(builder, view.getSource());
    place.memref = source.memref;
    // The source's layout takes the view's indices to elements.
    AffineExpr sum = builder.getAffineConstantExpr(0);
    SmallVector<OpFoldResult> operands;
    for (auto [d, index] : llvm::enumerate(view.getIndices())) {
      AffineExpr rest = builder.getAffineDimExpr(d);
      for (auto [i, part] : llvm::enumerate(source.dims[d])) {
        bool last = i + 1 == source.dims[d].size();
        sum = sum + (last ? rest : rest % part.shape) * part.stride;
        rest = rest.floorDiv(part.shape);
      }
      operands.push_back(index);
    }
    if (source.offset) {
      sum = sum + builder.getAffineDimExpr(operands.size());
      operands.push_back(source.offset);
    }
    OpFoldResult offset = affine::makeComposedFoldedAffineApply(
        builder, view.getLoc(), AffineMap::get(operands.size(), 0, sum), operands);
    place.offset = getValueOrCreateConstantIndexOp(builder, view.getLoc(), offset);
    return place;
  }
  place.memref = value;
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (!isa<tile::LayoutAttr>(type.getLayout()) && succeeded(getStridesAndOffset(type, strides, offset)) &&
      offset > 0)
    place.offset = builder.create<arith::ConstantIndexOp>(value.getLoc(), offset);
  return place;
}

namespace {

using Parts = SmallVector<tile::LayoutAttr::Part>;

void lower(tile::DotOp dot, const CpuTarget &target) {
  OpBuilder builder(dot);
  TilePlace left = placeOf(builder, dot.getLeft()), right = placeOf(builder, dot.getRight()),
            sums = placeOf(builder, dot.getSums());
  auto refuse = [&](const char *what) {
    std::string text;
    llvm::raw_string_ostream(text) << *dot.getOperation();
    internalError("the fma atom does not take this layout of {}: {}", what, text);
  };
  Type element = dot.getSums().getType().getElementType();
  MicroTile tile;
  tile.rows = int(dot.getAtomM());
  tile.lanes = target.lanes(element.getIntOrFloatBitWidth());
  tile.vectors = int(dot.getAtomN()) / tile.lanes;
  tile.unroll = 2;
  if (dot.getAtom() != "fma" || tile.columns() != int64_t(dot.getAtomN()))
    internalError("the CPU has no atom {}<{}x{}>", dot.getAtom().str(), dot.getAtomM(), dot.getAtomN());

  DotProblem problem;
  problem.left.memref = left.memref;
  problem.left.offset = left.offset;
  const Parts &rows = left.dims[0], &depth = left.dims[1];
  if (depth.size() != 1 || rows.size() > 2 || (rows.size() == 2 && rows[0].shape != tile.rows))
    refuse("the left operand");
  problem.left.rowStride = rows[0].stride;
  problem.left.kStride = depth[0].stride;
  if (rows.size() == 2) {
    problem.left.panelRows = tile.rows;
    problem.left.panelStride = rows[1].stride;
  }
  const Parts &steps = right.dims[0], &columns = right.dims[1];
  problem.right.memref = right.memref;
  problem.right.offset = right.offset;
  if (steps.size() != 1 || steps[0].stride != tile.columns() || columns[0].stride != 1 ||
      columns[0].shape != tile.columns() || columns.size() > 2)
    refuse("the right operand");
  problem.right.panelStride = columns.size() == 2 ? columns[1].stride : 0;
  Type narrow = dot.getRight().getType().getElementType();
  int64_t depthOf = dot.getRight().getType().getShape()[0],
          rowTiles = dot.getLeft().getType().getShape()[0] / tile.rows;
  if (narrow != element && rowTiles >= 4)
    problem.right.widened =
        builder.create<tile::ScratchOp>(dot.getLoc(), MemRefType::get({depthOf * tile.columns()}, element));
  if (sums.dims[0].size() != 1 || sums.dims[1].size() != 1 || sums.dims[1][0].stride != 1)
    refuse("the sums");
  problem.sums.memref = sums.memref;
  problem.sums.offset = sums.offset;
  problem.sums.rowStride = sums.dims[0][0].stride;
  problem.rows = dot.getLeft().getType().getShape()[0];
  problem.dynamicRows = dot.getRows();
  problem.columns = dot.getRight().getType().getShape()[1];
  problem.depth = dot.getLeft().getType().getShape()[1];
  problem.dynamicDepth = dot.getDepth();
  problem.dynamicStart = dot.getFresh();
  problem.startFromZero = dot.getFromZero();
  // Scratch is near already.
  problem.prefetchRight = isa<BlockArgument>(right.memref);
  emitDot(builder, dot.getLoc(), target, tile, problem);
}

} // namespace

void lowerDots(Operation *root, const CpuTarget &target) {
  SmallVector<tile::DotOp> dots;
  root->walk([&](tile::DotOp dot) { dots.push_back(dot); });
  for (tile::DotOp dot : dots) {
    lower(dot, target);
    dot.erase();
  }
}

} // namespace tgc::cpu
