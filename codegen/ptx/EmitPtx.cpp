#include "codegen/ptx/EmitPtx.h"

#include "codegen/common/RunPasses.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/ADCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include <mutex>

using namespace llvm;

namespace tgc::ptx {
namespace {

const char *triple = "nvptx64-nvidia-cuda";
/// Every driver that runs Hopper well knows 8.3; sm_89 has its products of 8 bits since 8.4.
const char *ptxVersionOf(const std::string &architecture) {
  return architecture == "sm_89" ? "+ptx84" : "+ptx83";
}

std::unique_ptr<TargetMachine> createMachine(const std::string &architecture, std::string &error) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    // Pointers to shared memory have 32 bits.
    auto &known = cl::getRegisteredOptions();
    if (auto option = known.find("nvptx-short-ptr"); option != known.end())
      static_cast<cl::opt<bool> *>(option->second)->setValue(true);
  });
  const Target *target = TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  TargetOptions options;
  // Only what carries the flag may be fused.
  options.AllowFPOpFusion = FPOpFusion::Standard;
  return std::unique_ptr<TargetMachine>(
      target->createTargetMachine(triple, architecture, ptxVersionOf(architecture), options, std::nullopt,
                                  std::nullopt, CodeGenOptLevel::Aggressive));
}

/// What the lowering leaves behind is cleaned up; loops and registers are as the plan wants them.
FunctionPassManager buildPipeline() {
  FunctionPassManager passes;
  passes.addPass(SROAPass(SROAOptions::ModifyCFG));
  passes.addPass(EarlyCSEPass(true));
  passes.addPass(SimplifyCFGPass());
  passes.addPass(InstCombinePass());
  LoopPassManager loops;
  loops.addPass(LICMPass(LICMOptions()));
  passes.addPass(createFunctionToLoopPassAdaptor(std::move(loops), /*UseMemorySSA=*/true));
  passes.addPass(GVNPass());
  passes.addPass(InstCombinePass());
  passes.addPass(ADCEPass());
  passes.addPass(SimplifyCFGPass());
  return passes;
}

} // namespace

Expected<std::string> emitPtx(Module &module, const std::string &architecture) {
  std::string message;
  std::unique_ptr<TargetMachine> machine = createMachine(architecture, message);
  if (!machine)
    return createStringError(inconvertibleErrorCode(), "no NVPTX code generator: " + message);
  module.setTargetTriple(triple);
  module.setDataLayout(machine->createDataLayout());
  runFunctionPasses(module, *machine, buildPipeline());
  SmallVector<char, 0> bytes;
  raw_svector_ostream stream(bytes);
  legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr, CodeGenFileType::AssemblyFile))
    return createStringError(inconvertibleErrorCode(), "the NVPTX code generator cannot emit text");
  codegen.run(module);
  return std::string(bytes.begin(), bytes.end());
}

} // namespace tgc::ptx
