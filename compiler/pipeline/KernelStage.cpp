// Input: the graph stage. Output: kernels over named axes and the program that launches them.
// The cutter's decisions are turned as the options say, else as the best recorded cut of this graph has them.
#include "compiler/cut/Choices.h"
#include "compiler/cut/Passes.h"
#include "compiler/kernel/Passes.h"
#include "compiler/pipeline/Stages.h"

using namespace mlir;

namespace tgc {

/// The text, without where its operations come from: equal for equal models.
static std::string graphText(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, OpPrintingFlags().enableDebugInfo(false));
  return text;
}

static uint64_t hashOf(const std::string &text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : text)
    hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

void kernelStage(StageAccess access) {
  cut::Choices choices;
  CutReport &report = access.cut();
  report.graph = hashOf(graphText(*access.module()));
  report.turned = access.options().turned        ? *access.options().turned
                  : access.options().recordedCut ? access.options().recordedCut(report.graph)
                                                 : std::vector<std::string>();
  choices.turned.insert(report.turned.begin(), report.turned.end());
  runPasses(access, [&](OpPassManager &passes) {
    cut::addCutPasses(passes, &choices);
    kernel::addKernelPasses(passes);
  });
  for (const auto &[name, decision] : choices.made)
    report.decisions.push_back({name, decision.yes, decision.count, decision.yesSeconds, decision.noSeconds});
}

} // namespace tgc
