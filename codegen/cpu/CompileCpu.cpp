// The path of a module: clone → passes of LowerThread.h → LLVM IR → object → image.
#include "codegen/cpu/CompileCpu.h"
#include "codegen/common/ByteBooleans.h"
#include "codegen/common/ExpandMath.h"
#include "codegen/common/SharedContext.h"
#include "codegen/cpu/EmitObject.h"
#include "codegen/cpu/LinkImage.h"
#include "codegen/cpu/LowerThread.h"
#include "codegen/cpu/ThreadClock.h"
#include "compiler/support/Error.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;

namespace tgc::cpu {
namespace {

/// The value, or an internal error with LLVM's message.
template <typename T>
T orThrow(llvm::Expected<T> value) {
  if (!value)
    internalError("compiling for the CPU: {}", llvm::toString(value.takeError()));
  return std::move(*value);
}

std::vector<CpuFunction> kernelsOf(ModuleOp module) {
  std::vector<CpuFunction> kernels;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr("tgc.kernel"))
      continue;
    uint64_t scratch = 0;
    if (auto bytes = function->getAttrOfType<IntegerAttr>("tgc.scratch_bytes"))
      scratch = bytes.getInt();
    kernels.push_back({function.getName().str(), 0, scratch});
  }
  return kernels;
}

} // namespace

void registerCpuDialects(DialectRegistry &registry) {
  registry.insert<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                  index::IndexDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
                  scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

void buildCpuLowering(OpPassManager &passes, const CpuTarget &target) {
  passes.addPass(createByteBooleansPass());
  passes.addPass(createLowerVectorsPass(target));
  passes.addPass(createUnrollVectorsPass());
  passes.addPass(createSafeDivisionPass());
  MathTarget math{.fma = target.hasFma, .rounding = target.hasRound, .half = target.hasF16c};
  passes.addPass(createExpandMathPass(math));
  passes.addPass(createExpandArithPass(math));
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createConvertSCFToCFPass());
  passes.addPass(memref::createExpandStridedMetadataPass());
  passes.addPass(createLowerAffinePass());
  passes.addPass(createEntryAbiPass());
  passes.addPass(createConvertToLlvmPass(target));
  passes.addPass(createReconcileUnrealizedCastsPass());
}

CpuImage compileCpuModule(ModuleOp input, const CpuTarget &target, const CpuCompileOptions &options,
                          CpuCompileReport *report) {
  CpuCompileReport ignored;
  CpuCompileReport &times = report ? *report : ignored;
  ThreadClock clock;
  MLIRContext *context = input.getContext();
  requireDialects(*context, {"cf", "llvm", "memref", "scf", "vector"}, "compiling for the CPU",
                  "registerCpuDialects");
  ErrorCollector errors(context);

  std::vector<CpuFunction> kernels = kernelsOf(input);
  if (kernels.empty())
    internalError("compiling for the CPU: the module has no function with the attribute tgc.kernel");
  OwningOpRef<ModuleOp> module(input.clone());
  PassManager passes(context, ModuleOp::getOperationName());
  passes.enableVerifier(options.verify);
  buildCpuLowering(passes, target);
  if (failed(passes.run(*module)))
    internalError("compiling for the CPU: lowering failed\n{}", errors.lines());
  times.lower += clock.lap();

  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(*module, llvmContext, "kernels", /*disableVerification=*/!options.verify);
  if (!llvmModule)
    internalError("compiling for the CPU: translation to LLVM IR failed\n{}", errors.lines());
  times.translate += clock.lap();

  if (options.keepText) {
    std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*llvmModule);
    llvm::SmallVector<char, 0> text =
        orThrow(emitObject(*copy, target, options.contract, EmitKind::Assembly));
    times.assembly.append(text.begin(), text.end());
    llvm::raw_string_ostream(times.llvmIr) << *copy;
    clock.lap();
  }
  EmitTimes emitTimes;
  llvm::SmallVector<char, 0> object =
      orThrow(emitObject(*llvmModule, target, options.contract, EmitKind::Object, &emitTimes));
  times.optimise += emitTimes.optimise;
  times.codegen += emitTimes.codegen;
  clock.lap();
  CpuImage image = orThrow(linkImage(object, std::move(kernels)));
  times.link += clock.lap();
  return image;
}

} // namespace tgc::cpu
