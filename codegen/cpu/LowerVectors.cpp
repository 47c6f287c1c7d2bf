// Reduces the vector dialect to loads, stores, element-wise work and movement of elements.
//  In:  vectors of any rank, transfers, contractions, outer products, masks, reductions over dimensions.
//  Out: no transfers but of rank 1 where they need a mask, no contractions, no reductions but of rank 1.
#include "codegen/cpu/LowerThread.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

struct LowerVectors : PassWrapper<LowerVectors, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerVectors)
  StringRef getArgument() const override { return "tgc-cpu-lower-vectors"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, scf::SCFDialect, memref::MemRefDialect, affine::AffineDialect>();
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    vector::VectorTransformsOptions options;
    options.setVectorTransformsOptions(vector::VectorContractLowering::OuterProduct);
    RewritePatternSet patterns(context);
    VectorTransferToSCFOptions transfers;
    transfers.enableFullUnroll();
    populateVectorToSCFConversionPatterns(patterns, transfers);
    vector::populateVectorTransferPermutationMapLoweringPatterns(patterns);
    vector::populateVectorTransferLoweringPatterns(patterns, 1);
    vector::populateVectorContractLoweringPatterns(patterns, options);
    vector::populateVectorOuterProductLoweringPatterns(patterns);
    vector::populateVectorMultiReductionLoweringPatterns(patterns,
                                                         vector::VectorMultiReductionLowering::InnerParallel);
    vector::populateVectorMaskOpLoweringPatterns(patterns);
    vector::populateVectorMaskMaterializationPatterns(patterns, /*force32BitVectorIndices=*/true);
    vector::populateVectorInterleaveLoweringPatterns(patterns, 1);
    vector::populateVectorGatherLoweringPatterns(patterns);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createLowerVectorsPass(const CpuTarget &) { return std::make_unique<LowerVectors>(); }

} // namespace tgc::cpu
