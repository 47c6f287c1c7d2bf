// In:  a kernel with one contract over taps r, s and channels c, of data that moves with h + r and w + s, and weights;
//      and its launches.
// Out: with tiles of t × t results, T = t + 2, and p a point of the T × T:
//      NAME_weights:  U[p, c, n]    = (G · weights[n, c, :, :] · Gᵀ)[p], prepared
//      NAME_data:     V[p, m, c]    = (Bᵀ · data of the tile m · B)[p]
//      NAME_product:  M[p, m, n]    = Σ_c V[p, m, c] · U[p, c, n]
//      NAME_results:  the T × T of M, transformed to t × t results (Aᵀ · M · A), and what the kernel does to each
// 1. Each kernel has the axes of the old one that it needs, h and w in tiles, and p; the point's elements stand side by
//    side in it, so that transforms are additions of values.
// 2. Operations of the old kernel are cloned once an element with its taps and its place in the tile put for the axes.
// 3. Workspaces lie as the product reads them: channels, or columns, innermost.
#include "compiler/schedule/Winograd.h"

#include "compiler/affine/Ranges.h"
#include "compiler/kernel/transforms/Access.h"
#include "compiler/schedule/Pieces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace tgc {
namespace {

using Matrix = std::vector<std::vector<double>>;
using Grid = std::vector<std::vector<Value>>;

/// The three transforms of one size.
struct Filtering {
  Matrix data, weights, results; ///< Bᵀ, G, Aᵀ
};

const Filtering &filteringOf(int64_t tile) {
  static const Filtering two{{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}},
                             {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
                             {{1, 1, 1, 0}, {0, 1, -1, -1}}};
  static const Filtering four{
      {{4, 0, -5, 0, 1, 0},
       {0, -4, -4, 1, 1, 0},
       {0, 4, -4, -1, 1, 0},
       {0, -2, -1, 2, 1, 0},
       {0, 2, -1, -2, 1, 0},
       {0, 4, 0, -5, 0, 1}},
      {{1. / 4, 0, 0},
       {-1. / 6, -1. / 6, -1. / 6},
       {-1. / 6, 1. / 6, -1. / 6},
       {1. / 24, 1. / 12, 1. / 6},
       {1. / 24, -1. / 12, 1. / 6},
       {0, 0, 1}},
      {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}}};
  return tile == 2 ? two : four;
}

class Rewriter {
public:
  Rewriter(ModuleOp module, kernel::FuncOp kernel, const KernelInfo &info, const WinogradPlan &plan)
      : module(module), kernel(kernel), info(info), plan(plan), filtering(filteringOf(plan.tile)),
        context(kernel.getContext()), builder(kernel), points(plan.tile + 2) {
    contract = *kernel.getBlock()->getOps<kernel::ContractOp>().begin();
    const ContractInfo &roles = *info.contract;
    batch = roles.batch;
    // A place of two axes is in tiles along the outer one.
    for (int axis : plan.flip ? roles.n : roles.m)
      if (axis == plan.rows.axes.front() || axis == plan.columns.axes.front() ||
          (!llvm::is_contained(plan.rows.axes, axis) && !llvm::is_contained(plan.columns.axes, axis)))
        results.push_back(axis);
    others = plan.flip ? roles.m : roles.n;
    for (int axis : roles.k)
      if (axis != plan.rows.tap && axis != plan.columns.tap)
        channels.push_back(axis);
    const OperandInfo &data = plan.flip ? roles.rhs : roles.lhs;
    sortByStride(results, info.accesses[data.accesses.front()], info);
    sortByStride(channels, info.accesses[data.accesses.front()], info);
  }

  SmallVector<kernel::FuncOp> run() {
    Value data = plan.flip ? contract.getRhs() : contract.getLhs();
    Value weights = plan.flip ? contract.getLhs() : contract.getRhs();
    std::vector<int> weightAxes = joined({&batchOf(weights), &channels, &others}),
                     dataAxes = joined({&batch, &results, &channels}),
                     productAxes = joined({&batch, &results, &others});
    addWorkspace(weightAxes);
    addWorkspace(dataAxes);
    addWorkspace(productAxes);
    pieces.push_back(makeWeights(weights));
    pieces.push_back(makeData(data));
    pieces.push_back(makeProduct());
    pieces.push_back(makeResults());
    SmallVector<MemRefType> types;
    for (const Workspace &workspace : workspaces)
      types.push_back(workspace.type);
    for (Piece &piece : pieces)
      finishPiece(piece);
    return launchPieces(module, kernel, pieces, types);
  }

private:
  enum { U, V, M };

  /// A buffer between the new kernels: [point, axes].
  struct Workspace {
    std::vector<int> axes;
    MemRefType type;
  };

  static std::vector<int> joined(std::initializer_list<const std::vector<int> *> lists) {
    std::vector<int> all;
    for (const std::vector<int> *list : lists)
      all.insert(all.end(), list->begin(), list->end());
    return all;
  }

  /// The batch axes that the weights have.
  const std::vector<int> &batchOf(Value weights) {
    kernel::AxisSets sets(kernel);
    llvm::SmallBitVector used = sets.of(weights);
    weightBatch.clear();
    for (int axis : batch)
      if (used.test(axis))
        weightBatch.push_back(axis);
    return weightBatch;
  }

  /// Points of an axis in the new kernels.
  int64_t extentOf(int axis) const {
    int64_t extent = info.axes[axis].extent;
    for (const WindowInfo *window : {&plan.rows, &plan.columns})
      if (axis == window->axes.front())
        return extent * innerOf(*window) / plan.tile;
    return extent;
  }

  /// Places of the window's inner axis; 1 without one.
  int64_t innerOf(const WindowInfo &window) const {
    return window.axes.size() > 1 ? info.axes[window.axes.back()].extent : 1;
  }

  /// Puts the axes of the window at that place of the present tile.
  void goTo(const WindowInfo &window, int64_t place, SmallVectorImpl<AffineExpr> &at) const {
    int64_t inner = innerOf(window);
    int outer = window.axes.front();
    at[outer] = now[outer] * (plan.tile / inner) + place / inner;
    if (inner > 1)
      at[window.axes.back()] = number(place % inner);
  }

  void addWorkspace(std::vector<int> axes) {
    int64_t size = points * points;
    for (int axis : axes)
      size *= extentOf(axis);
    workspaces.push_back({std::move(axes), MemRefType::get({size}, Float32Type::get(context))});
  }

  /// A kernel with the given axes of the old one, at their places in `now`, and its buffers.
  Piece begin(StringRef suffix, ArrayRef<int> axes) {
    Piece piece{builder.create<kernel::FuncOp>(kernel.getLoc(), (kernel.getSymName() + suffix).str()), {}};
    now.assign(info.axes.size(), getAffineConstantExpr(0, context));
    for (auto [position, axis] : llvm::enumerate(axes)) {
      piece.func.addAxis(info.axes[axis].name, extentOf(axis));
      now[axis] = getAffineDimExpr(position, context);
    }
    for (auto [i, buffer] : llvm::enumerate(info.buffers)) {
      piece.func.addBuffer(buffer.name, cast<MemRefType>(kernel.getBuffers()[i].getType()),
                           kernel.getFree()[i]);
      piece.buffers.push_back(int(i));
    }
    return piece;
  }

  /// The place of the axes' present point in a workspace.
  AffineExpr placeIn(int workspace, AffineExpr point) const {
    AffineExpr place = point;
    for (int axis : workspaces[workspace].axes)
      place = place * extentOf(axis) + now[axis];
    return place;
  }
  AffineExpr number(int64_t value) const { return getAffineConstantExpr(value, context); }

  /// The operations that make the values, without the contract and what stands before it, in order.
  SmallVector<Operation *> sliceOf(ArrayRef<Value> values) {
    llvm::SetVector<Operation *> needed;
    SmallVector<Value> work(values);
    while (!work.empty()) {
      Operation *op = work.pop_back_val().getDefiningOp();
      if (op && op != contract && needed.insert(op))
        work.append(op->operand_begin(), op->operand_end());
    }
    SmallVector<Operation *> ordered;
    for (Operation &op : *kernel.getBlock())
      if (needed.contains(&op))
        ordered.push_back(&op);
    return ordered;
  }

  /// Clones operations into the piece with `at` in the place of the old axes.
  void cloneAt(OpBuilder &inside, Piece &piece, ArrayRef<Operation *> operations, ArrayRef<AffineExpr> at,
               IRMapping &mapping) {
    kernel::FuncOp func = piece.func;
    for (auto [old, argument] : llvm::zip(kernel.getBuffers(), func.getBuffers()))
      mapping.map(old, argument);
    for (Operation *op : operations) {
      Operation *clone = inside.clone(*op, mapping);
      if (!kernel::hasAccess(op))
        continue;
      kernel::Access access = kernel::accessOf(kernel, op);
      kernel::setAccess(func, clone, kernel::mapExprs(access, func.getNumAxes(), [&](AffineExpr expr) {
                          return tgc::affine::simplify(expr.replaceDims(at), func.getExtents());
                        }));
      if (auto load = dyn_cast<kernel::LoadOp>(clone))
        kernel::guardIfNeeded(func, load);
    }
  }

  /// Σ coefficients · values.
  Value combine(OpBuilder &inside, Location loc, ArrayRef<double> coefficients,
                ArrayRef<Value> values) const {
    Value sum;
    for (auto [coefficient, value] : llvm::zip(coefficients, values)) {
      if (coefficient == 0)
        continue;
      Value term = value;
      if (std::abs(coefficient) != 1 || (!sum && coefficient < 0))
        term = inside.create<arith::MulFOp>(
            loc, value,
            inside.create<arith::ConstantOp>(
                loc, inside.getFloatAttr(value.getType(), sum ? std::abs(coefficient) : coefficient)));
      if (!sum)
        sum = term;
      else if (coefficient > 0)
        sum = inside.create<arith::AddFOp>(loc, sum, term);
      else
        sum = inside.create<arith::SubFOp>(loc, sum, term);
    }
    return sum;
  }

  /// matrix · grid · matrixᵀ.
  Grid transform(OpBuilder &inside, Location loc, const Matrix &matrix, const Grid &grid) const {
    Grid half(matrix.size(), std::vector<Value>(grid.size())),
        whole(matrix.size(), std::vector<Value>(matrix.size()));
    for (size_t column = 0; column < grid.size(); ++column) {
      SmallVector<Value> values;
      for (const std::vector<Value> &row : grid)
        values.push_back(row[column]);
      for (size_t i = 0; i < matrix.size(); ++i)
        half[i][column] = combine(inside, loc, matrix[i], values);
    }
    for (size_t i = 0; i < matrix.size(); ++i)
      for (size_t j = 0; j < matrix.size(); ++j)
        whole[i][j] = combine(inside, loc, matrix[j], half[i]);
    return whole;
  }

  /// A value of the old kernel at size × size places: as `place` puts the axes.
  Grid valueAt(OpBuilder &inside, Piece &piece, Value value, int64_t size,
               llvm::function_ref<void(SmallVectorImpl<AffineExpr> &at, int64_t row, int64_t column)> place) {
    SmallVector<Operation *> slice = sliceOf({value});
    Grid grid(size, std::vector<Value>(size));
    for (int64_t row = 0; row < size; ++row)
      for (int64_t column = 0; column < size; ++column) {
        SmallVector<AffineExpr> at(now.begin(), now.end());
        place(at, row, column);
        IRMapping mapping;
        cloneAt(inside, piece, slice, at, mapping);
        grid[row][column] = mapping.lookup(value);
      }
    return grid;
  }

  void storeGrid(OpBuilder &inside, Piece &piece, const Grid &grid, int workspace) {
    for (int64_t i = 0; i < points; ++i)
      for (int64_t j = 0; j < points; ++j)
        storeAt(inside, piece, grid[i][j], workspace, workspaces[workspace].type,
                placeIn(workspace, number(i * points + j)));
  }

  Piece makeWeights(Value weights) {
    Piece piece = begin("_weights", workspaces[U].axes);
    piece.prepare = true;
    OpBuilder inside = OpBuilder::atBlockEnd(piece.func.getBlock());
    Grid taps =
        valueAt(inside, piece, weights, 3, [&](SmallVectorImpl<AffineExpr> &at, int64_t row, int64_t column) {
          at[plan.rows.tap] = number(row);
          at[plan.columns.tap] = number(column);
        });
    storeGrid(inside, piece, transform(inside, contract.getLoc(), filtering.weights, taps), U);
    return piece;
  }

  Piece makeData(Value data) {
    Piece piece = begin("_data", workspaces[V].axes);
    OpBuilder inside = OpBuilder::atBlockEnd(piece.func.getBlock());
    Grid tile = valueAt(inside, piece, data, points,
                        [&](SmallVectorImpl<AffineExpr> &at, int64_t row, int64_t column) {
                          goTo(plan.rows, row, at);
                          goTo(plan.columns, column, at);
                        });
    storeGrid(inside, piece, transform(inside, contract.getLoc(), filtering.data, tile), V);
    return piece;
  }

  Piece makeProduct() {
    std::vector<int> axes = joined({&batch, &results, &channels, &others});
    Piece piece = begin("_product", axes);
    AffineExpr point = getAffineDimExpr(piece.func.getNumAxes(), context);
    piece.func.addAxis(kernel::freshAxisName(piece.func, "point"), points * points);
    OpBuilder inside = OpBuilder::atBlockEnd(piece.func.getBlock());
    Location loc = contract.getLoc();
    Value data = loadAt(inside, piece, V, workspaces[V].type, placeIn(V, point), loc);
    Value weights = loadAt(inside, piece, U, workspaces[U].type, placeIn(U, point), loc, /*free=*/true);
    SmallVector<Value> over;
    for (auto [position, axis] : llvm::enumerate(axes))
      if (llvm::is_contained(channels, axis))
        over.push_back(piece.func.getAxes()[position]);
    Value sum =
        inside.create<kernel::ContractOp>(loc, contract.getType(), data, weights, over, contract.getTf32());
    storeAt(inside, piece, sum, M, workspaces[M].type, placeIn(M, point));
    return piece;
  }

  Piece makeResults() {
    Piece piece = begin("_results", workspaces[M].axes);
    OpBuilder inside = OpBuilder::atBlockEnd(piece.func.getBlock());
    Grid sums(points, std::vector<Value>(points));
    for (int64_t i = 0; i < points; ++i)
      for (int64_t j = 0; j < points; ++j)
        sums[i][j] = loadAt(inside, piece, M, workspaces[M].type, placeIn(M, number(i * points + j)),
                            contract.getLoc());
    Grid made = transform(inside, contract.getLoc(), filtering.results, sums);
    SmallVector<Operation *> stores;
    SmallVector<Value> stored;
    for (auto store : kernel.getBlock()->getOps<kernel::StoreOp>()) {
      stores.push_back(store);
      stored.push_back(store.getValue());
    }
    SmallVector<Operation *> slice = sliceOf(stored);
    slice.append(stores);
    for (int64_t row = 0; row < plan.tile; ++row)
      for (int64_t column = 0; column < plan.tile; ++column) {
        SmallVector<AffineExpr> at(now.begin(), now.end());
        goTo(plan.rows, row, at);
        goTo(plan.columns, column, at);
        IRMapping mapping;
        mapping.map(contract.getResult(), made[row][column]);
        cloneAt(inside, piece, slice, at, mapping);
      }
    return piece;
  }

  ModuleOp module;
  kernel::FuncOp kernel;
  const KernelInfo &info;
  const WinogradPlan &plan;
  const Filtering &filtering;
  MLIRContext *context;
  OpBuilder builder;
  int64_t points; ///< T
  kernel::ContractOp contract;
  std::vector<int> batch, weightBatch, results, others, channels; ///< axes; results: that the data has
  std::vector<Workspace> workspaces;
  SmallVector<AffineExpr> now; ///< old axis i over the axes of the kernel being made
  SmallVector<Piece> pieces;
};

} // namespace

SmallVector<kernel::FuncOp> applyWinograd(ModuleOp module, kernel::FuncOp kernel, const KernelInfo &info,
                                          const WinogradPlan &plan) {
  return Rewriter(module, kernel, info, plan).run();
}

} // namespace tgc
