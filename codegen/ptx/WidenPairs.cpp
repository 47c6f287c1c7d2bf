// In:  extf of elements of a vector of bf16, as a wide load gives them.
// Out: a shift or a mask of the vector's 32-bit words: the element in the upper half is the f32's bits already.
#include "codegen/ptx/LowerThread.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tgc::ptx {
namespace {

struct WidenElement : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const override {
    auto extract = op.getIn().getDefiningOp<vector::ExtractOp>();
    if (!op.getType().isF32() || !op.getIn().getType().isBF16() || !extract || extract.hasDynamicPosition())
      return failure();
    VectorType type = extract.getSourceVectorType();
    if (type.getRank() != 1 || type.getNumElements() % 2 != 0)
      return failure();
    int64_t position = extract.getStaticPosition()[0];
    Location loc = op.getLoc();
    auto word = rewriter.getI32Type();
    Value words = rewriter.create<vector::BitCastOp>(loc, VectorType::get({type.getNumElements() / 2}, word),
                                                     extract.getVector());
    Value both = rewriter.create<vector::ExtractOp>(loc, words, position / 2);
    auto number = [&](int64_t value) -> Value {
      return rewriter.create<arith::ConstantIntOp>(loc, value, 32);
    };
    Value bits = position % 2 == 1 ? rewriter.create<arith::AndIOp>(loc, both, number(-65536)).getResult()
                                   : rewriter.create<arith::ShLIOp>(loc, both, number(16)).getResult();
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, rewriter.getF32Type(), bits);
    return success();
  }
};

struct WidenPairs : PassWrapper<WidenPairs, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(WidenPairs)
  StringRef getArgument() const override { return "ptx-widen-pairs"; }
  StringRef getDescription() const override { return "bf16 elements of wide loads to f32 by words"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, vector::VectorDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<WidenElement>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createWidenPairsPass() { return std::make_unique<WidenPairs>(); }

} // namespace tgc::ptx
