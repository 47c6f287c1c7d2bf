// Vectors of rank 2 and more become lists of vectors of rank 1, their rows.
//  In: structured control flow (scf), element-wise ops and the data movement of the vector dialect on any rank.
//  Out: the same on rows. Registers are then what LLVM sees: arrays of vectors, to which it would convert ranks
//      above 1, are not promoted well where loops carry them.
//  1. Walk the ops in order of dominance, keeping the rows of every value of rank ≥ 2.
//  2. Loops and branches that carry such values are rebuilt to carry their rows.
//  3. Element-wise ops are repeated for each row; broadcasts, extracts, inserts, slices and shape casts choose
//     among rows; a transpose of the last two dimensions is a butterfly of two-input shuffles.
//  4. Ops without rule keep their type: their operands are put together again, their results taken apart.
#include "codegen/cpu/LowerThread.h"
#include "codegen/cpu/TransposeRows.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

bool hasRank(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector && vector.getRank() >= 2 && !vector.isScalable();
}

VectorType rowType(VectorType type) {
  return VectorType::get({type.getShape().back()}, type.getElementType());
}
int64_t rowCount(VectorType type) { return type.getNumElements() / type.getShape().back(); }

/// Index of a row from the leading coordinates, and back.
int64_t linear(ArrayRef<int64_t> at, ArrayRef<int64_t> shape) {
  int64_t index = 0;
  for (auto [i, size] : llvm::zip(at, shape))
    index = index * size + i;
  return index;
}
SmallVector<int64_t> delinear(int64_t index, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> at(shape.size());
  for (size_t d = shape.size(); d-- > 0; index /= shape[d])
    at[d] = index % shape[d];
  return at;
}

class Unroller {
public:
  explicit Unroller(MLIRContext *context) : builder(context) {}

  void run(Region &region) {
    for (Block &block : region)
      visitBlock(block);
    // They use each other's results, and the arguments of loops among them.
    for (Operation *op : dead)
      op->dropAllReferences();
    for (Operation *op : dead)
      op->erase();
    dead.clear();
  }

private:
  void visitBlock(Block &block) {
    builder.setInsertionPointToStart(&block);
    for (Value argument : block.getArguments())
      if (hasRank(argument.getType()))
        known[argument] = takeApart(argument);
    for (Operation &op : llvm::make_early_inc_range(block))
      visit(&op);
  }

  void visit(Operation *op) {
    builder.setInsertionPoint(op);
    loc = op->getLoc();
    if (auto loop = dyn_cast<scf::ForOp>(op))
      return visitFor(loop);
    if (auto branch = dyn_cast<scf::IfOp>(op))
      return visitIf(branch);
    if (isa<scf::YieldOp>(op) && isa<scf::ForOp, scf::IfOp>(op->getParentOp())) {
      op->setOperands(spread(op->getOperands()));
      return;
    }
    for (Region &region : op->getRegions())
      for (Block &block : region)
        visitBlock(block);
    builder.setInsertionPoint(op);
    loc = op->getLoc();
    if (!touches(op))
      return;
    if (std::optional<Rows> rows = unroll(op)) {
      if (op->getNumResults() == 1 && hasRank(op->getResult(0).getType()))
        known[op->getResult(0)] = *rows;
      else if (op->getNumResults() == 1)
        op->getResult(0).replaceAllUsesWith(rows->front());
      dead.push_back(op);
      return;
    }
    for (OpOperand &operand : op->getOpOperands())
      if (hasRank(operand.get().getType()))
        operand.set(assemble(rowsOf(operand.get()), cast<VectorType>(operand.get().getType())));
    builder.setInsertionPointAfter(op);
    for (Value result : op->getResults())
      if (hasRank(result.getType()))
        known[result] = takeApart(result);
  }

  static bool touches(Operation *op) {
    auto ranked = [](Value value) { return hasRank(value.getType()); };
    return llvm::any_of(op->getOperands(), ranked) || llvm::any_of(op->getResults(), ranked);
  }

  // --- Values
  // -----------------------------------------------------------------------------------------------

  Rows rowsOf(Value value) {
    auto found = known.find(value);
    assert(found != known.end() && "rows are known in order of dominance");
    return found->second;
  }

  Rows takeApart(Value value) {
    auto type = cast<VectorType>(value.getType());
    Rows rows;
    for (int64_t r = 0; r < rowCount(type); ++r)
      rows.push_back(builder.create<vector::ExtractOp>(loc, value, delinear(r, type.getShape().drop_back())));
    return rows;
  }

  Value assemble(const Rows &rows, VectorType type) {
    Value whole = builder.create<arith::ConstantOp>(loc, builder.getZeroAttr(type));
    for (auto [r, row] : llvm::enumerate(rows))
      whole = builder.create<vector::InsertOp>(loc, row, whole, delinear(r, type.getShape().drop_back()));
    return whole;
  }

  SmallVector<Value> spread(ValueRange values) {
    SmallVector<Value> result;
    for (Value value : values) {
      if (hasRank(value.getType()))
        llvm::append_range(result, rowsOf(value));
      else
        result.push_back(value);
    }
    return result;
  }

  /// Takes as many of `values` as the old value has rows.
  void adopt(Value old, ValueRange &values) {
    size_t count = hasRank(old.getType()) ? rowCount(cast<VectorType>(old.getType())) : 1;
    if (hasRank(old.getType()))
      known[old] = Rows(values.take_front(count));
    else
      old.replaceAllUsesWith(values.front());
    values = values.drop_front(count);
  }

  // --- Control flow
  // -----------------------------------------------------------------------------------------

  void visitFor(scf::ForOp loop) {
    if (llvm::none_of(loop.getResultTypes(), hasRank)) {
      for (Operation &inner : llvm::make_early_inc_range(*loop.getBody()))
        visit(&inner);
      return;
    }
    auto wide = builder.create<scf::ForOp>(loop.getLoc(), loop.getLowerBound(), loop.getUpperBound(),
                                           loop.getStep(), spread(loop.getInitArgs()));
    if (!wide.getBody()->empty())
      wide.getBody()->getTerminator()->erase();
    wide->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
    wide.getBody()->getOperations().splice(wide.getBody()->end(), loop.getBody()->getOperations());
    loop.getInductionVar().replaceAllUsesWith(wide.getInductionVar());
    ValueRange arguments = wide.getRegionIterArgs();
    for (Value old : loop.getRegionIterArgs())
      adopt(old, arguments);
    for (Operation &inner : llvm::make_early_inc_range(*wide.getBody()))
      visit(&inner);
    ValueRange results = wide.getResults();
    for (Value old : loop.getResults())
      adopt(old, results);
    dead.push_back(loop);
  }

  void visitIf(scf::IfOp branch) {
    auto visitBlocks = [&](scf::IfOp op) {
      for (Region &region : op->getRegions())
        for (Block &block : region)
          visitBlock(block);
    };
    if (llvm::none_of(branch.getResultTypes(), hasRank))
      return visitBlocks(branch);
    SmallVector<Type> types;
    for (Type type : branch.getResultTypes()) {
      if (hasRank(type))
        types.append(rowCount(cast<VectorType>(type)), rowType(cast<VectorType>(type)));
      else
        types.push_back(type);
    }
    auto wide =
        builder.create<scf::IfOp>(branch.getLoc(), types, branch.getCondition(), /*withElseRegion=*/true);
    wide.getThenRegion().takeBody(branch.getThenRegion());
    wide.getElseRegion().takeBody(branch.getElseRegion());
    visitBlocks(wide);
    ValueRange results = wide.getResults();
    for (Value old : branch.getResults())
      adopt(old, results);
    dead.push_back(branch);
  }

  // --- Ops
  // --------------------------------------------------------------------------------------------------

  std::optional<Rows> unroll(Operation *op) {
    if (OpTrait::hasElementwiseMappableTraits(op) || isa<vector::FMAOp>(op))
      return unrollElementwise(op);
    return llvm::TypeSwitch<Operation *, std::optional<Rows>>(op)
        .Case([&](arith::ConstantOp constant) { return unrollConstant(constant); })
        .Case([&](ub::PoisonOp poison) { return unrollPoison(poison); })
        .Case([&](vector::BitCastOp) { return unrollElementwise(op); })
        .Case([&](vector::InterleaveOp) { return unrollElementwise(op); })
        .Case([&](vector::SplatOp splat) { return broadcast(splat.getInput(), splat.getType()); })
        .Case([&](vector::BroadcastOp broad) {
          return broadcast(broad.getSource(), broad.getResultVectorType());
        })
        .Case([&](vector::ExtractOp extract) { return unrollExtract(extract); })
        .Case([&](vector::InsertOp insert) { return unrollInsert(insert); })
        .Case([&](vector::ExtractStridedSliceOp slice) { return unrollExtractSlice(slice); })
        .Case([&](vector::InsertStridedSliceOp slice) { return unrollInsertSlice(slice); })
        .Case([&](vector::ShapeCastOp cast) { return unrollShapeCast(cast); })
        .Case([&](vector::TransposeOp transpose) { return unrollTranspose(transpose); })
        .Case([&](vector::ShuffleOp shuffle) { return unrollShuffle(shuffle); })
        .Case([&](vector::LoadOp load) { return unrollLoad(load); })
        .Case([&](vector::StoreOp store) { return unrollStore(store); })
        .Default([](Operation *) { return std::nullopt; });
  }

  std::optional<Rows> unrollElementwise(Operation *op) {
    if (op->getNumResults() != 1)
      return std::nullopt;
    auto type = cast<VectorType>(op->getResult(0).getType());
    Rows result;
    for (int64_t r = 0; r < rowCount(type); ++r) {
      SmallVector<Value> operands;
      for (Value operand : op->getOperands())
        operands.push_back(hasRank(operand.getType()) ? rowsOf(operand)[r] : operand);
      OperationState state(loc, op->getName(), operands, rowType(type), op->getAttrs());
      result.push_back(builder.create(state)->getResult(0));
    }
    return result;
  }

  std::optional<Rows> unrollConstant(arith::ConstantOp constant) {
    auto type = cast<VectorType>(constant.getType());
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!elements)
      return std::nullopt;
    Rows rows;
    int64_t width = type.getShape().back();
    if (elements.isSplat()) {
      Value row = builder.create<arith::ConstantOp>(loc, elements.resizeSplat(rowType(type)));
      return Rows(rowCount(type), row);
    }
    auto values = llvm::to_vector(elements.getValues<Attribute>());
    for (int64_t r = 0; r < rowCount(type); ++r)
      rows.push_back(builder.create<arith::ConstantOp>(
          loc, DenseElementsAttr::get(rowType(type), ArrayRef(values).slice(r * width, width))));
    return rows;
  }

  std::optional<Rows> unrollPoison(ub::PoisonOp poison) {
    auto type = cast<VectorType>(poison.getType());
    return Rows(rowCount(type), builder.create<ub::PoisonOp>(loc, rowType(type)));
  }

  std::optional<Rows> broadcast(Value source, VectorType type) {
    VectorType row = rowType(type);
    auto from = dyn_cast<VectorType>(source.getType());
    if (!from || from.getRank() == 0 || (from.getRank() == 1)) {
      Value value =
          from && from == row ? source : builder.create<vector::BroadcastOp>(loc, row, source).getResult();
      return Rows(rowCount(type), value);
    }
    Rows sources = rowsOf(source), rows;
    ArrayRef<int64_t> leading = type.getShape().drop_back(), fromLeading = from.getShape().drop_back();
    for (int64_t r = 0; r < rowCount(type); ++r) {
      SmallVector<int64_t> at = delinear(r, leading);
      SmallVector<int64_t> fromAt(ArrayRef<int64_t>(at).take_back(fromLeading.size()));
      for (auto [i, size] : llvm::zip(fromAt, fromLeading))
        i = size == 1 ? 0 : i;
      Value value = sources[linear(fromAt, fromLeading)];
      rows.push_back(
          value.getType() == row ? value : builder.create<vector::BroadcastOp>(loc, row, value).getResult());
    }
    return rows;
  }

  std::optional<Rows> unrollExtract(vector::ExtractOp extract) {
    if (extract.hasDynamicPosition())
      return std::nullopt;
    auto type = cast<VectorType>(extract.getVector().getType());
    ArrayRef<int64_t> at = extract.getStaticPosition(), leading = type.getShape().drop_back();
    Rows sources = rowsOf(extract.getVector());
    if (at.size() == size_t(type.getRank()))
      return Rows{
          builder.create<vector::ExtractOp>(loc, sources[linear(at.drop_back(), leading)], at.back())};
    int64_t count = 1;
    for (int64_t size : leading.drop_front(at.size()))
      count *= size;
    return Rows(ArrayRef<Value>(sources).slice(linear(at, leading.take_front(at.size())) * count, count));
  }

  std::optional<Rows> unrollInsert(vector::InsertOp insert) {
    if (insert.hasDynamicPosition())
      return std::nullopt;
    auto type = cast<VectorType>(insert.getDest().getType());
    ArrayRef<int64_t> at = insert.getStaticPosition(), leading = type.getShape().drop_back();
    Rows rows = rowsOf(insert.getDest());
    Value source = insert.getSource();
    if (at.size() == size_t(type.getRank())) {
      Value &row = rows[linear(at.drop_back(), leading)];
      row = builder.create<vector::InsertOp>(loc, source, row, at.back());
      return rows;
    }
    Rows pieces = hasRank(source.getType()) ? rowsOf(source) : Rows{source};
    int64_t first = linear(at, leading.take_front(at.size())) * pieces.size();
    std::copy(pieces.begin(), pieces.end(), rows.begin() + first);
    return rows;
  }

  static SmallVector<int64_t> integers(ArrayAttr attribute) {
    SmallVector<int64_t> values;
    for (Attribute value : attribute)
      values.push_back(cast<IntegerAttr>(value).getInt());
    return values;
  }

  std::optional<Rows> unrollExtractSlice(vector::ExtractStridedSliceOp slice) {
    auto from = cast<VectorType>(slice.getVector().getType()), to = slice.getType();
    SmallVector<int64_t> offsets = integers(slice.getOffsets());
    offsets.resize(from.getRank(), 0);
    Rows sources = rowsOf(slice.getVector()), rows;
    for (int64_t r = 0; r < rowCount(to); ++r) {
      SmallVector<int64_t> at = delinear(r, to.getShape().drop_back());
      for (auto [i, offset] : llvm::zip(at, offsets))
        i += offset;
      rows.push_back(
          part(sources[linear(at, from.getShape().drop_back())], offsets.back(), to.getShape().back()));
    }
    return rows;
  }

  std::optional<Rows> unrollInsertSlice(vector::InsertStridedSliceOp slice) {
    auto from = slice.getSourceVectorType(), to = slice.getDestVectorType();
    SmallVector<int64_t> offsets = integers(slice.getOffsets());
    Rows rows = rowsOf(slice.getDest());
    Rows pieces = hasRank(from) ? rowsOf(slice.getSource()) : Rows{slice.getSource()};
    for (auto [p, piece] : llvm::enumerate(pieces)) {
      SmallVector<int64_t> at(to.getRank() - from.getRank(), 0);
      llvm::append_range(at, delinear(p, from.getShape().drop_back()));
      for (auto [i, offset] : llvm::zip(at, offsets))
        i += offset;
      Value &row = rows[linear(at, to.getShape().drop_back())];
      row =
          piece.getType() == row.getType()
              ? piece
              : builder.create<vector::InsertStridedSliceOp>(loc, piece, row, offsets.back(), 1).getResult();
    }
    return rows;
  }

  Value part(Value row, int64_t offset, int64_t width) {
    if (cast<VectorType>(row.getType()).getNumElements() == width)
      return row;
    return builder.create<vector::ExtractStridedSliceOp>(loc, row, offset, width, 1);
  }

  std::optional<Rows> unrollShapeCast(vector::ShapeCastOp op) {
    auto from = op.getSourceVectorType(), to = op.getResultVectorType();
    if (from.getRank() == 0 || to.getRank() == 0)
      return std::nullopt;
    Rows sources = hasRank(from) ? rowsOf(op.getSource()) : Rows{op.getSource()};
    int64_t fromWidth = from.getShape().back(), width = to.getShape().back();
    VectorType row = rowType(to);
    Rows rows;
    for (int64_t start = 0; start < to.getNumElements(); start += width) {
      if (start % fromWidth + width <= fromWidth) {
        rows.push_back(part(sources[start / fromWidth], start % fromWidth, width));
        continue;
      }
      Value whole = builder.create<ub::PoisonOp>(loc, row);
      for (int64_t done = 0; done < width;) {
        int64_t at = start + done, length = std::min(width - done, fromWidth - at % fromWidth);
        Value piece = part(sources[at / fromWidth], at % fromWidth, length);
        whole = builder.create<vector::InsertStridedSliceOp>(loc, piece, whole, done, 1);
        done += length;
      }
      rows.push_back(whole);
    }
    return rows;
  }

  std::optional<Rows> unrollShuffle(vector::ShuffleOp shuffle) {
    auto first = cast<VectorType>(shuffle.getV1().getType());
    Rows sources = rowsOf(shuffle.getV1());
    llvm::append_range(sources, rowsOf(shuffle.getV2()));
    int64_t count = rowCount(first) / first.getShape().front();
    Rows rows;
    for (int64_t index : integers(shuffle.getMask()))
      llvm::append_range(rows, ArrayRef<Value>(sources).slice(index * count, count));
    return rows;
  }

  std::optional<Rows> unrollLoad(vector::LoadOp load) {
    VectorType type = load.getVectorType();
    Rows rows;
    for (int64_t r = 0; r < rowCount(type); ++r)
      rows.push_back(builder.create<vector::LoadOp>(loc, rowType(type), load.getBase(),
                                                    shifted(load.getIndices(), type, r)));
    return rows;
  }

  std::optional<Rows> unrollStore(vector::StoreOp store) {
    VectorType type = store.getVectorType();
    for (auto [r, row] : llvm::enumerate(rowsOf(store.getValueToStore())))
      builder.create<vector::StoreOp>(loc, row, store.getBase(), shifted(store.getIndices(), type, r));
    return Rows();
  }

  /// The indices of row r of a load or store at `indices`.
  SmallVector<Value> shifted(ValueRange indices, VectorType type, int64_t r) {
    SmallVector<Value> result(indices);
    SmallVector<int64_t> at = delinear(r, type.getShape().drop_back());
    size_t first = result.size() - type.getRank();
    for (auto [d, i] : llvm::enumerate(at))
      if (i != 0)
        result[first + d] = builder.createOrFold<arith::AddIOp>(
            loc, result[first + d], builder.create<arith::ConstantIndexOp>(loc, i));
    return result;
  }

  // --- Transposes
  // -------------------------------------------------------------------------------------------

  std::optional<Rows> unrollTranspose(vector::TransposeOp op) {
    VectorType from = op.getSourceVectorType(), to = op.getResultVectorType();
    ArrayRef<int64_t> permutation = op.getPermutation();
    int64_t rank = from.getRank();
    Rows sources = rowsOf(op.getVector()), rows(rowCount(to));
    ArrayRef<int64_t> fromLeading = from.getShape().drop_back(), toLeading = to.getShape().drop_back();
    if (permutation.back() == rank - 1) {
      for (int64_t r = 0; r < rowCount(to); ++r) {
        SmallVector<int64_t> at = delinear(r, toLeading), fromAt(rank - 1);
        for (int64_t d = 0; d + 1 < rank; ++d)
          fromAt[permutation[d]] = at[d];
        rows[r] = sources[linear(fromAt, fromLeading)];
      }
      return rows;
    }
    // The old last dimension is `last` in the result; the new last one is `inner` in the source. For each
    // setting of the others, transpose the matrix of these two.
    int64_t inner = permutation.back(), last = llvm::find(permutation, rank - 1) - permutation.begin();
    for (int64_t r = 0; r < rowCount(to); ++r) {
      SmallVector<int64_t> at = delinear(r, toLeading);
      if (at[last] != 0)
        continue;
      Rows matrix;
      for (int64_t i = 0; i < from.getShape()[inner]; ++i) {
        SmallVector<int64_t> fromAt(rank - 1);
        for (int64_t d = 0; d + 1 < rank; ++d)
          if (d != last)
            fromAt[permutation[d]] = at[d];
        fromAt[inner] = i;
        matrix.push_back(sources[linear(fromAt, fromLeading)]);
      }
      for (auto [j, row] : llvm::enumerate(transposeRows(builder, loc, matrix, from.getShape().back()))) {
        at[last] = j;
        rows[linear(at, toLeading)] = row;
      }
    }
    return rows;
  }

  OpBuilder builder;
  Location loc = builder.getUnknownLoc();
  DenseMap<Value, Rows> known;
  SmallVector<Operation *> dead;
};

struct UnrollVectors : PassWrapper<UnrollVectors, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(UnrollVectors)
  StringRef getArgument() const override { return "tgc-cpu-unroll-vectors"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    getOperation().walk([&](func::FuncOp function) {
      if (!function.isExternal())
        Unroller(&getContext()).run(function.getBody());
    });
  }
};

} // namespace

std::unique_ptr<Pass> createUnrollVectorsPass() { return std::make_unique<UnrollVectors>(); }

} // namespace tgc::cpu
