// The path of a module: clone → passes of LowerThread.h → the SPIR-V dialect → words.
#include "codegen/spirv/CompileSpirv.h"

#include "codegen/common/ByteBooleans.h"
#include "codegen/common/ExpandMath.h"
#include "codegen/common/KernelFacts.h"
#include "codegen/common/LowerLoop.h"
#include "codegen/common/SharedContext.h"
#include "codegen/spirv/QuickFunctions.h"
#include "codegen/spirv/pipe/LowerPipe.h"
#include "compiler/support/Error.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace tgc::spv {

void registerSpirvDialects(DialectRegistry &registry) {
  registry.insert<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                  gpu::GPUDialect, math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                  spirv::SPIRVDialect, vector::VectorDialect>();
  func::registerInlinerExtension(registry);
}

void buildSpirvLowering(OpPassManager &passes, const Features &features) {
  passes.addPass(createByteBooleansPass());
  MathTarget math{.fma = true, .rounding = true, .half = true, .brain = features.brain, .imports = false};
  passes.addPass(createExpandMathPass(math));
  passes.addPass(createExpandArithPass(math));
  // Paths that other targets keep out of line may have several results, which SPIR-V's functions have not.
  passes.addPass(createInlinerPass());
  passes.addPass(createSymbolDCEPass());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createBalanceComparisonsPass());
  passes.addPass(createCSEPass());
  passes.addPass(createFuseMultiplyAddPass());
  passes.addPass(createConvertSCFToCFPass());
  passes.addPass(memref::createExpandStridedMetadataPass());
  passes.addPass(createLowerAffinePass());
  passes.addPass(createConvertToSpirvPass(features));
  passes.addPass(createReconcileUnrealizedCastsPass());
}

void lowerProgram(tile::FuncOp program, const DeviceInfo &device) {
  if (isPipe(program))
    lowerPipe(program);
  else
    lowerLoopProgram(program, device);
}

SpirvKernel compileSpirvModule(ModuleOp input, const Features &features, const SpirvCompileOptions &options) {
  MLIRContext *context = input.getContext();
  requireDialects(*context, {"cf", "gpu", "memref", "scf", "spirv", "vector"}, "compiling SPIR-V",
                  "registerSpirvDialects");
  ErrorCollector errors(context);

  ThreadKernel facts = onlyKernel(input, "compiling SPIR-V");
  SpirvKernel kernel;
  kernel.name = facts.function.getName().str();
  kernel.threads = facts.threads;
  kernel.sharedBytes = facts.sharedBytes;
  if (auto registers = facts.function->getAttrOfType<IntegerAttr>("tgc.registers"))
    kernel.registers = registers.getInt();

  OwningOpRef<ModuleOp> module(input.clone());
  PassManager passes(context, ModuleOp::getOperationName());
  passes.enableVerifier(options.verify);
  buildSpirvLowering(passes, features);
  if (failed(passes.run(*module)))
    internalError("compiling SPIR-V: lowering {} failed\n{}", kernel.name, errors.lines());
  auto made = *module->getOps<spirv::ModuleOp>().begin();
  kernel.name = (*made.getOps<spirv::EntryPointOp>().begin()).getFn().str();
  if (options.text)
    llvm::raw_string_ostream(*options.text) << made << '\n';
  SmallVector<uint32_t, 0> words;
  spirv::SerializationOptions serialization;
  serialization.emitSymbolName = false;
  if (failed(spirv::serialize(made, words, serialization)))
    internalError("compiling SPIR-V: writing {} failed\n{}", kernel.name, errors.lines());
  kernel.words.assign(words.begin(), words.end());
  useQuickFunctions(kernel.words);
  // Loops of the matrix engine are as long as their registers allow.
  if (kernel.registers > 0)
    keepLoops(kernel.words);
  return kernel;
}

} // namespace tgc::spv
