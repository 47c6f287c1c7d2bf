// The path of a module: clone → passes of LowerThread.h → LLVM IR → PTX.
#include "codegen/ptx/CompilePtx.h"

#include "codegen/common/ByteBooleans.h"
#include "codegen/common/ExpandMath.h"
#include "codegen/common/KernelFacts.h"
#include "codegen/common/SharedContext.h"
#include "codegen/ptx/EmitPtx.h"
#include "codegen/ptx/LowerThread.h"
#include "compiler/support/Error.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace tgc::ptx {

void registerPtxDialects(DialectRegistry &registry) {
  registry.insert<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                  gpu::GPUDialect, index::IndexDialect, LLVM::LLVMDialect, math::MathDialect,
                  memref::MemRefDialect, NVVM::NVVMDialect, scf::SCFDialect, ub::UBDialect,
                  vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

void buildPtxLowering(OpPassManager &passes) {
  passes.addPass(createByteBooleansPass());
  passes.addPass(createApproximateNarrowPass());
  passes.addPass(createWidenPairsPass());
  MathTarget math{.fma = true, .rounding = true, .half = true, .brain = true, .imports = false};
  passes.addPass(createExpandMathPass(math));
  passes.addPass(createExpandArithPass(math));
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createConvertSCFToCFPass());
  passes.addPass(memref::createExpandStridedMetadataPass());
  passes.addPass(createLowerAffinePass());
  passes.addPass(createConvertToLlvmPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

PtxKernel compilePtxModule(ModuleOp input, const std::string &architecture,
                           const PtxCompileOptions &options) {
  MLIRContext *context = input.getContext();
  requireDialects(*context, {"cf", "gpu", "llvm", "memref", "nvvm", "scf", "vector"}, "compiling for a GPU",
                  "registerPtxDialects");
  ErrorCollector errors(context);

  ThreadKernel facts = onlyKernel(input, "compiling for a GPU");
  PtxKernel kernel;
  kernel.name = facts.function.getName().str();
  kernel.threads = facts.threads;
  kernel.sharedBytes = facts.sharedBytes;
  if (auto cluster = facts.function->getAttrOfType<IntegerAttr>("tgc.cluster"))
    kernel.cluster = cluster.getInt();

  OwningOpRef<ModuleOp> module(input.clone());
  PassManager passes(context, ModuleOp::getOperationName());
  passes.enableVerifier(options.verify);
  buildPtxLowering(passes);
  if (failed(passes.run(*module)))
    internalError("compiling for a GPU: lowering {} failed\n{}", kernel.name, errors.lines());
  for (auto function : module->getOps<LLVM::LLVMFuncOp>())
    if (function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
      kernel.name = function.getName().str();
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(*module, llvmContext, "kernels", /*disableVerification=*/!options.verify);
  if (!llvmModule)
    internalError("compiling for a GPU: translating {} to LLVM IR failed\n{}", kernel.name, errors.lines());
  if (options.llvmIr)
    llvm::raw_string_ostream(*options.llvmIr) << *llvmModule;
  llvm::Expected<std::string> ptx = emitPtx(*llvmModule, architecture);
  if (!ptx)
    internalError("compiling for a GPU: {}", llvm::toString(ptx.takeError()));
  kernel.ptx = std::move(*ptx);
  return kernel;
}

} // namespace tgc::ptx
