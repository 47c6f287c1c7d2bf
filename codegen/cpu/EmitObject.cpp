#include "codegen/cpu/EmitObject.h"
#include "codegen/common/RunPasses.h"
#include "codegen/cpu/ThreadClock.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/ADCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/IndVarSimplify.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include <mutex>

using namespace llvm;

namespace tgc::cpu {
namespace {

const char *triple = "x86_64-unknown-linux-gnu";

std::unique_ptr<TargetMachine> createMachine(const CpuTarget &target, bool contract, std::string &error) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  const Target *llvmTarget = TargetRegistry::lookupTarget(triple, error);
  if (!llvmTarget)
    return nullptr;
  TargetOptions options;
  // Standard fuses what vector.fma becomes (llvm.fmuladd) and nothing else.
  options.AllowFPOpFusion = contract ? FPOpFusion::Fast : FPOpFusion::Standard;
  options.NoTrappingFPMath = true;
  return std::unique_ptr<TargetMachine>(llvmTarget->createTargetMachine(
      triple, "x86-64", target.features, options, Reloc::PIC_, CodeModel::Small, CodeGenOptLevel::Default));
}

void setAttributes(Module &module, const CpuTarget &target) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", "x86-64");
    function.addFnAttr("tune-cpu", target.tune);
    function.addFnAttr("target-features", target.features);
    std::string bits = std::to_string(target.vectorBits);
    // LLVM's own choice for most AVX-512 models is 256 bits.
    function.addFnAttr("prefer-vector-width", bits);
    function.addFnAttr("min-legal-vector-width", bits);
    function.addFnAttr("no-builtins");
    function.addFnAttr("no-jump-tables", "true");
    function.addFnAttr("no-trapping-math", "true");
    function.addFnAttr(Attribute::NoUnwind);
    function.removeFnAttr(Attribute::UWTable);
    function.setAlignment(Align(64));
  }
}

/// The generator has vectorised and unrolled already; what is left is to clean up what the lowering leaves
/// (descriptors, index arithmetic, conversions) and to hoist. That takes a third of the time of -O2.
FunctionPassManager buildPipeline() {
  FunctionPassManager passes;
  passes.addPass(SROAPass(SROAOptions::ModifyCFG));
  passes.addPass(EarlyCSEPass(true));
  passes.addPass(SimplifyCFGPass());
  passes.addPass(InstCombinePass());
  LoopPassManager loops;
  loops.addPass(LoopRotatePass());
  loops.addPass(LICMPass(LICMOptions()));
  passes.addPass(createFunctionToLoopPassAdaptor(std::move(loops), /*UseMemorySSA=*/true));
  passes.addPass(SimplifyCFGPass());
  passes.addPass(InstCombinePass());
  LoopPassManager variables;
  variables.addPass(IndVarSimplifyPass());
  passes.addPass(createFunctionToLoopPassAdaptor(std::move(variables)));
  passes.addPass(GVNPass());
  passes.addPass(InstCombinePass());
  LoopPassManager again;
  again.addPass(LICMPass(LICMOptions()));
  passes.addPass(createFunctionToLoopPassAdaptor(std::move(again), /*UseMemorySSA=*/true));
  passes.addPass(ADCEPass());
  passes.addPass(SimplifyCFGPass());
  return passes;
}

} // namespace

Expected<SmallVector<char, 0>> emitObject(Module &module, const CpuTarget &target, bool contract,
                                          EmitKind kind, EmitTimes *times) {
  ThreadClock clock;
  std::string message;
  std::unique_ptr<TargetMachine> machine = createMachine(target, contract, message);
  if (!machine)
    return createStringError(inconvertibleErrorCode(), "no x86-64 code generator: " + message);
  module.setTargetTriple(triple);
  module.setDataLayout(machine->createDataLayout());
  setAttributes(module, target);
  runFunctionPasses(module, *machine, buildPipeline());
  double optimised = clock.lap();

  SmallVector<char, 0> bytes;
  raw_svector_ostream stream(bytes);
  legacy::PassManager codegen;
  auto fileType = kind == EmitKind::Object ? CodeGenFileType::ObjectFile : CodeGenFileType::AssemblyFile;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr, fileType))
    return createStringError(inconvertibleErrorCode(), "the x86-64 code generator cannot emit objects");
  codegen.run(module);
  if (times) {
    times->optimise += optimised;
    times->codegen += clock.lap();
  }
  return bytes;
}

} // namespace tgc::cpu
