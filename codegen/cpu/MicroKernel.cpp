// acc[M×N] += A[M×K]·B[K×N]:
//  for each panel of B (NR columns)                 B's panel stays in L1/L2 while the rows pass by
//    widen it into scratch, if there is one
//    for each R rows                                R × V accumulators
//      load the accumulators or start from zero
//      for k in steps of `unroll`, with the accumulators in registers
//        V vectors of B; R broadcast elements of A; R × V fused multiply-adds
//      store the accumulators
//    the rows that remain: one tile of exactly as many if their number is fixed, else a chain of tiles of
//    8, 4, 2 and 1 rows, each taken or not
#include "codegen/cpu/MicroKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <algorithm>
#include <fmt/format.h>

using namespace mlir;

namespace tgc::cpu {

std::string MicroTile::print() const { return fmt::format("{}x{}x{} u{}", rows, vectors, lanes, unroll); }

std::vector<MicroTile> microTileCandidates(const CpuTarget &target, Type element) {
  int lanes = target.lanes(element.getIntOrFloatBitWidth());
  std::vector<MicroTile> tiles;
  auto add = [&](int rows, int vectors, int unroll) { tiles.push_back({rows, vectors, lanes, unroll}); };
  if (target.vectorRegisters >= 32) {
    for (int unroll : {4, 2, 1}) {
      add(12, 2, unroll);
      add(14, 2, unroll);
      add(8, 3, unroll);
      add(9, 3, unroll);
      add(6, 4, unroll);
      add(24, 1, unroll);
    }
  } else {
    for (int unroll : {4, 2, 1}) {
      add(6, 2, unroll);
      add(4, 3, unroll);
      add(12, 1, unroll);
    }
  }
  return tiles;
}

MicroTile chooseMicroTile(const CpuTarget &target, Type element) {
  return microTileCandidates(target, element).front();
}

namespace {

class DotEmitter {
public:
  DotEmitter(OpBuilder &builder, Location loc, const CpuTarget &target, const MicroTile &tile,
             const DotProblem &problem)
      : builder(builder), loc(loc), target(target), tile(tile), problem(problem),
        element(getElementTypeOrSelf(problem.sums.memref.getType())),
        vector(VectorType::get({tile.lanes}, element)) {}

  void emit() {
    clearRegisters();
    left = flatten(problem.left.memref, problem.left.offset, leftOffset);
    packed = right = flatten(problem.right.memref, problem.right.offset, rightOffset);
    if (problem.right.widened)
      right = flatten(problem.right.widened, nullptr, widenedOffset);
    sums = flatten(problem.sums.memref, problem.sums.offset, sumsOffset);
    int64_t panels = problem.columns / tile.columns();
    loop(index(0), index(panels), 1, {}, [&](Value panel, ValueRange) {
      Value rightBase = add(rightOffset, scaled(panel, problem.right.panelStride));
      nextRight = add(rightBase, index(problem.right.panelStride));
      Value sumsBase = add(sumsOffset, scaled(panel, tile.columns()));
      if (problem.right.widened)
        rightBase = widenPanel(rightBase);
      emitRows(rightBase, sumsBase);
      return SmallVector<Value>();
    });
    clearRegisters();
  }

private:
  using Body = llvm::function_ref<SmallVector<Value>(Value, ValueRange)>;

  /// No vector stays in a register across this. LLVM would keep those of the code around a product in registers, and have
  /// its sums take turns in the others.
  void clearRegisters() {
    std::string registers;
    for (int i = 0; i < target.vectorRegisters; ++i)
      registers += fmt::format("{}~{{xmm{}}}", i ? "," : "", i);
    builder.create<LLVM::InlineAsmOp>(loc, TypeRange(), ValueRange(), "", registers,
                                      /*has_side_effects=*/true,
                                      /*is_align_stack=*/false, LLVM::AsmDialectAttr(), ArrayAttr());
  }

  Value index(int64_t value) { return builder.create<arith::ConstantIndexOp>(loc, value); }

  Value add(Value a, Value b) { return builder.createOrFold<arith::AddIOp>(loc, a, b); }

  Value scaled(Value a, int64_t factor) {
    return factor == 1 ? a : builder.createOrFold<arith::MulIOp>(loc, a, index(factor));
  }

  SmallVector<Value> loop(Value from, Value to, int64_t step, ValueRange inits, Body body) {
    auto op = builder.create<scf::ForOp>(loc, from, to, index(step), inits,
                                         [&](OpBuilder &inner, Location, Value at, ValueRange values) {
                                           OpBuilder::InsertionGuard guard(builder);
                                           builder.setInsertionPointToEnd(inner.getBlock());
                                           builder.create<scf::YieldOp>(loc, body(at, values));
                                         });
    return SmallVector<Value>(op.getResults());
  }

  /// The memref as one of rank 1 from the base of its memory; `offset` becomes where the operand starts in
  /// it.
  Value flatten(Value memref, Value start, Value &offset) {
    auto type = cast<MemRefType>(memref.getType());
    SmallVector<int64_t> strides;
    int64_t constant = 0;
    [[maybe_unused]] LogicalResult strided = getStridesAndOffset(type, strides, constant);
    assert(succeeded(strided) && !ShapedType::isDynamic(constant) && "operands of a dot have static layout");
    int64_t size = constant + 1;
    for (auto [extent, stride] : llvm::zip(type.getShape(), strides))
      size += (extent - 1) * stride;
    offset = start ? start : index(0);
    auto flat =
        MemRefType::get({size}, type.getElementType(), MemRefLayoutAttrInterface(), type.getMemorySpace());
    if (flat == type)
      return memref;
    return builder.create<memref::ReinterpretCastOp>(loc, flat, memref, /*offset=*/0, ArrayRef<int64_t>{size},
                                                     ArrayRef<int64_t>{1});
  }

  /// Copies a panel of B into its scratch; where it begins there.
  Value widenPanel(Value rightBase) {
    Value end = problem.dynamicDepth ? problem.dynamicDepth : index(problem.depth);
    loop(index(0), end, 1, {}, [&](Value k, ValueRange) {
      for (int v = 0; v < tile.vectors; ++v) {
        Value at = add(scaled(k, tile.columns()), index(v * tile.lanes));
        builder.create<vector::StoreOp>(loc, loadRight(packed, add(rightBase, at)), right,
                                        add(widenedOffset, at));
      }
      return SmallVector<Value>();
    });
    return widenedOffset;
  }

  void emitRows(Value rightBase, Value sumsBase) {
    if (!problem.dynamicRows) {
      int64_t whole = problem.rows / tile.rows, rest = problem.rows % tile.rows;
      emitWholeTiles(index(whole), rightBase, sumsBase);
      if (rest)
        emitTile(rest, index(whole), nullptr, rightBase, sumsBase);
      return;
    }
    Value rows = problem.dynamicRows;
    Value whole = builder.create<arith::DivUIOp>(loc, rows, index(tile.rows));
    emitWholeTiles(whole, rightBase, sumsBase);
    Value rest = builder.create<arith::RemUIOp>(loc, rows, index(tile.rows));
    int size = 1;
    while (size * 2 < tile.rows)
      size *= 2;
    Value first = index(0);
    for (; size >= 1 && tile.rows > 1; size /= 2) {
      // `rest` is less than 2·size here.
      Value taken = builder.create<arith::CmpIOp>(loc, arith::CmpIPredicate::uge, rest, index(size));
      auto branch = builder.create<scf::IfOp>(loc, taken, /*withElseRegion=*/false);
      {
        OpBuilder::InsertionGuard guard(builder);
        builder.setInsertionPointToStart(branch.thenBlock());
        emitTile(size, whole, first, rightBase, sumsBase);
      }
      Value done = builder.create<arith::SelectOp>(loc, taken, index(size), index(0));
      first = add(first, done);
      rest = builder.create<arith::SubIOp>(loc, rest, done);
    }
  }

  void emitWholeTiles(Value count, Value rightBase, Value sumsBase) {
    loop(index(0), count, 1, {}, [&](Value tileIndex, ValueRange) {
      emitTile(tile.rows, tileIndex, nullptr, rightBase, sumsBase);
      return SmallVector<Value>();
    });
  }

  /// `rows` rows of micro panel `panel`, from row `first` of it (an index) or from its start.
  void emitTile(int64_t rows, Value panel, Value first, Value rightBase, Value sumsBase) {
    const DotLeft &a = problem.left;
    Value leftBase = add(leftOffset, scaled(panel, a.panelRows ? a.panelStride : a.rowStride * tile.rows));
    Value base = add(sumsBase, scaled(panel, problem.sums.rowStride * tile.rows));
    if (first) {
      leftBase = add(leftBase, scaled(first, a.rowStride));
      base = add(base, scaled(first, problem.sums.rowStride));
    }
    // Each tile of rows fetches its share of the next panel, a little every step of k.
    int64_t tiles = std::max<int64_t>(1, problem.rows / tile.rows);
    fetchStep = std::max<int64_t>(1, tile.columns() / tiles);
    fetchFrom = add(nextRight, scaled(panel, fetchStep * problem.depth));
    SmallVector<Value> accumulators = startTile(rows, base);
    if (problem.dynamicDepth) {
      Value whole = builder.create<arith::DivUIOp>(loc, problem.dynamicDepth, index(tile.unroll));
      Value end = builder.create<arith::MulIOp>(loc, whole, index(tile.unroll));
      accumulators = walk(rows, leftBase, rightBase, index(0), end, tile.unroll, accumulators);
      if (tile.unroll > 1)
        accumulators = walk(rows, leftBase, rightBase, end, problem.dynamicDepth, 1, accumulators);
    } else {
      int64_t end = problem.depth / tile.unroll * tile.unroll;
      accumulators = walk(rows, leftBase, rightBase, index(0), index(end), tile.unroll, accumulators);
      for (int64_t k = end; k < problem.depth; ++k)
        accumulators = step(rows, leftBase, rightBase, index(k), accumulators);
    }
    for (int64_t r = 0; r < rows; ++r)
      for (int v = 0; v < tile.vectors; ++v)
        builder.create<vector::StoreOp>(loc, accumulators[r * tile.vectors + v], sums, sumAt(base, r, v));
  }

  Value sumAt(Value base, int64_t row, int v) {
    return add(base, index(row * problem.sums.rowStride + v * tile.lanes));
  }

  SmallVector<Value> startTile(int64_t rows, Value base) {
    auto zeros = [&] {
      Value zero = builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(vector));
      return SmallVector<Value>(rows * tile.vectors, zero);
    };
    auto loads = [&] {
      SmallVector<Value> values;
      for (int64_t r = 0; r < rows; ++r)
        for (int v = 0; v < tile.vectors; ++v)
          values.push_back(builder.create<vector::LoadOp>(loc, vector, sums, sumAt(base, r, v)));
      return values;
    };
    if (!problem.dynamicStart)
      return problem.startFromZero ? zeros() : loads();
    SmallVector<Type> types(rows * tile.vectors, vector);
    auto choice = builder.create<scf::IfOp>(loc, types, problem.dynamicStart, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(choice.thenBlock());
    builder.create<scf::YieldOp>(loc, zeros());
    builder.setInsertionPointToStart(choice.elseBlock());
    builder.create<scf::YieldOp>(loc, loads());
    return SmallVector<Value>(choice.getResults());
  }

  SmallVector<Value> walk(int64_t rows, Value leftBase, Value rightBase, Value from, Value to, int unroll,
                          SmallVector<Value> accumulators) {
    return loop(from, to, unroll, accumulators, [&](Value k, ValueRange values) {
      SmallVector<Value> sum(values);
      if (problem.prefetchRight)
        builder.create<memref::PrefetchOp>(loc, packed, add(fetchFrom, scaled(k, fetchStep)),
                                           /*isWrite=*/false,
                                           /*locality=*/2, /*isDataCache=*/true);
      for (int u = 0; u < unroll; ++u)
        sum = step(rows, leftBase, rightBase, add(k, index(u)), sum);
      return sum;
    });
  }

  /// One outer product.
  SmallVector<Value> step(int64_t rows, Value leftBase, Value rightBase, Value k, SmallVector<Value> sum) {
    SmallVector<Value> columns;
    Value rightAt = add(rightBase, scaled(k, tile.columns()));
    for (int v = 0; v < tile.vectors; ++v)
      columns.push_back(loadRight(right, add(rightAt, index(v * tile.lanes))));
    Value leftAt = add(leftBase, scaled(k, problem.left.kStride));
    for (int64_t r = 0; r < rows; ++r) {
      Value a = builder.create<memref::LoadOp>(loc, left, add(leftAt, index(r * problem.left.rowStride)));
      if (a.getType() != element)
        a = builder.create<arith::ExtFOp>(loc, element, a);
      Value splat = builder.create<vector::BroadcastOp>(loc, vector, a);
      for (int v = 0; v < tile.vectors; ++v) {
        Value &s = sum[r * tile.vectors + v];
        s = multiplyAdd(splat, columns[v], s);
      }
    }
    return sum;
  }

  Value loadRight(Value from, Value at) {
    Type narrow = getElementTypeOrSelf(from.getType());
    Value loaded = builder.create<vector::LoadOp>(loc, VectorType::get({tile.lanes}, narrow), from, at);
    return narrow == element ? loaded : builder.create<arith::ExtFOp>(loc, vector, loaded);
  }

  Value multiplyAdd(Value a, Value b, Value sum) {
    if (target.hasFma)
      return builder.create<vector::FMAOp>(loc, a, b, sum);
    return builder.create<arith::AddFOp>(loc, builder.create<arith::MulFOp>(loc, a, b), sum);
  }

  OpBuilder &builder;
  Location loc;
  const CpuTarget &target;
  const MicroTile &tile;
  const DotProblem &problem;
  Type element;
  VectorType vector;
  /// `right` is what the rows are multiplied by: `packed`, or its scratch.
  Value left, packed, right, sums;
  Value leftOffset, rightOffset, sumsOffset, widenedOffset;
  Value nextRight, fetchFrom; ///< places in `packed`
  int64_t fetchStep = 1;
};

} // namespace

void emitDot(OpBuilder &builder, Location loc, const CpuTarget &target, const MicroTile &tile,
             const DotProblem &problem) {
  assert(problem.columns % tile.columns() == 0 && "columns are padded to whole panels");
  assert((problem.left.panelRows == 0 || problem.left.panelRows == tile.rows) &&
         "A's panels are the tile's rows");
  DotEmitter(builder, loc, target, tile, problem).emit();
}

} // namespace tgc::cpu
