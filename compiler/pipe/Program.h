// What the bodies of the pipe share: the walk over tiles, operands' tiles, and the epilogue.
#pragma once
#include "compiler/pipe/Values.h"
#include "compiler/tile/Tile.h"
#include "search/Plan.h"

namespace tgc::pipe {

class Program {
public:
  Program(mlir::OpBuilder &builder, kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan);

  /// Writes the function; `body` fills it, every axis at its first coordinate.
  tile::FuncOp write(llvm::function_ref<void()> body);
  /// The tile of that number in the grid's order; `body` fills the walk. Tiles of a cluster have one number, and the
  /// block takes its own.
  void walk(mlir::Value ordinal, llvm::function_ref<void()> body);
  mlir::Value block() const { return blockIndex; }
  /// Blocks of a cluster that lie side by side along the axis.
  int64_t blocksAlong(int axis) const {
    return plan.roles && plan.roles->clusterAxis == axis ? plan.roles->cluster : 1;
  }

  // Coordinates.

  mlir::Value index(int64_t value) { return builder.create<mlir::arith::ConstantIndexOp>(loc, value); }
  mlir::Value apply(mlir::AffineExpr expr, llvm::ArrayRef<mlir::OpFoldResult> operands);
  mlir::Value apply(mlir::AffineExpr expr, mlir::Value operand) {
    return apply(expr, mlir::OpFoldResult(operand));
  }
  mlir::AffineExpr dim(unsigned position) { return mlir::getAffineDimExpr(position, builder.getContext()); }
  /// First coordinate of the block along the axis: a constant 0, of the walk, or of a loop.
  mlir::Value start(int axis) const { return starts[axis]; }
  void setStart(int axis, mlir::Value value) { starts[axis] = value; }
  /// Whether all of them hold at the point `relative` (one an axis; none: 0) from the present coordinates.
  mlir::Value holds(llvm::ArrayRef<Condition> conditions, llvm::ArrayRef<mlir::OpFoldResult> relative = {});
  /// Points of the axis in the block: the tile, or what is left of a ragged axis at its end.
  mlir::OpFoldResult count(const TiledAxis &axis);
  /// Points of the side in the block as far as a ragged outermost axis bounds them; null: all of them.
  mlir::Value validExtent(const Side &side);
  /// Loops over the tiles of a side, outermost axis first; `body` gets whether this is the first tile (null: the
  /// only one).
  void forTiles(const Side &side, llvm::function_ref<void(mlir::Value first)> body);
  /// Every axis at the block's first coordinate.
  Point origin();

  // Operands.

  mlir::Value scratch(llvm::ArrayRef<int64_t> shape, mlir::Type element,
                      mlir::MemRefLayoutAttrInterface layout = {});
  /// Scratch for an operand of rows × depth with the plan's strides.
  mlir::Value scratchRows(const OperandPlan &operand, const Side &rows, const Side &depth);
  /// Scratch of depth × columns in panels.
  mlir::Value scratchPanels(int64_t depth, int64_t columns, mlir::Type element);
  /// Copies the kernel's value into `target`, whose coordinates are the numbers of `first` and `second` in the
  /// sides' tiles.
  void copy(mlir::Value value, mlir::Value target, const Side &first, const Side &second, int laneAxis,
            int64_t lanes);
  /// The operand's tile as rows × depth: a view of its buffer, or `scratch` filled now.
  mlir::Value rows(mlir::Value value, const OperandPlan &operand, const Side &rows, const Side &depth,
                   mlir::Value scratch);
  /// A view of a packed weight: this block's panels from the present depth on.
  mlir::Value packedPanels(mlir::Value value, const Side &depth, const Side &columns);
  mlir::Type typeOf(ElementType type);
  /// The layout of depth × columns in panels of `panel`, each of `stride` elements.
  tile::LayoutAttr panelLayout(int64_t depth, int64_t columns, int64_t panel, int64_t stride);

  // Epilogue.

  /// Runs every store over the block's points of the sides.
  void epilogue(llvm::ArrayRef<const Side *> sides);
  /// The number of a point in its side, from coordinates relative to the block.
  mlir::AffineExpr flat(const Side &side);
  /// The point with coordinates relative to the block.
  Point relative(const Point &point, mlir::OpBuilder &builder, mlir::Location loc);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  kernel::FuncOp kernel;
  const KernelInfo &info;
  const Plan &whole;
  const PipePlan &plan;
  std::unique_ptr<Values> values;

private:
  void epilogue(llvm::ArrayRef<kernel::StoreOp> stores, llvm::ArrayRef<TiledAxis> axes);

  llvm::SmallVector<mlir::Value> starts;
  mlir::Value blockIndex;
};

/// The bodies.
void contractBody(Program &program, kernel::ContractOp contract);
void directAttendBody(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores);
void directContractBody(Program &program, kernel::ContractOp contract);
void groupsContractBody(Program &program, kernel::ContractOp contract);
void rolesContractBody(Program &program, kernel::ContractOp contract);
void rolesAttendBody(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores);
void attendBody(Program &program, kernel::SoftmaxOp softmax, kernel::ContractOp scores);

} // namespace tgc::pipe
