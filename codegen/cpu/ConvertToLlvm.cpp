// Converts what is left of arith, math, cf, func, memref, vector and index to the LLVM dialect in one step.
//  In:  functions in control-flow form (no scf), memrefs without views, vectors of rank 1 (others work,
//  slowly). Out: LLVM dialect only.
#include "codegen/cpu/LowerThread.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

struct ConvertToLlvm : PassWrapper<ConvertToLlvm, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertToLlvm)
  StringRef getArgument() const override { return "tgc-cpu-to-llvm"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect>();
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    LLVMTypeConverter converter(context, options);
    RewritePatternSet vectors(context);
    vector::populateVectorBroadcastLoweringPatterns(vectors);
    vector::populateVectorShapeCastLoweringPatterns(vectors);
    vector::populateVectorTransposeLoweringPatterns(vectors, vector::VectorTransformsOptions());
    vector::populateVectorInsertExtractStridedSliceTransforms(vectors);
    vector::populateVectorMaskOpLoweringPatterns(vectors);
    vector::populateVectorMaskMaterializationPatterns(vectors, /*force32BitVectorIndices=*/true);
    vector::populateVectorTransferLoweringPatterns(vectors, 1);
    vector::populateVectorInterleaveToShufflePatterns(vectors);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(vectors))))
      return signalPassFailure();
    RewritePatternSet patterns(context);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    // Sums over lanes may be taken in any order.
    populateVectorToLLVMConversionPatterns(converter, patterns, /*reassociateFPReductions=*/true,
                                           /*force32BitVectorIndices=*/true);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createConvertToLlvmPass(const CpuTarget &) { return std::make_unique<ConvertToLlvm>(); }

} // namespace tgc::cpu
