// One stage of a compilation: what it is called, what it is for, and what it does.
#pragma once
#include "compiler/pipeline/Compilation.h"
#include "compiler/tile/Tile.h"

namespace tgc {

/// On a kernel's function from the tile stage on: per buffer whether it is written (DenseBoolArrayAttr), and in
/// the thread stage the number of blocks.
inline constexpr llvm::StringLiteral kWritesAttr = "tgc.writes", kBlocksAttr = "tgc.blocks";

/// Gives stages what a compilation holds.
struct StageAccess {
  Compilation &compilation;

  const CompileOptions &options() const { return compilation.options_; }
  mlir::MLIRContext &context() const { return *compilation.context_; }
  mlir::OwningOpRef<mlir::ModuleOp> &module() const { return compilation.module_; }
  const Target &target() const { return *compilation.target_; }
  std::map<std::string, KernelReport> &reports() const { return compilation.reports_; }
  std::map<std::string, CompiledKernel> &compiled() const { return compilation.compiled_; }
  CutReport &cut() const { return compilation.cut_; }
  std::map<uint64_t, AskedSchedules> &asked() const { return compilation.asked_; }
  runtime::Package &package() const { return compilation.package_; }
  void note(const std::string &text) const {
    if (options().note)
      options().note(text);
  }
  void progress(std::string_view stage, size_t done, size_t total) const {
    if (options().progress)
      options().progress(stage, done, total);
  }
};

struct Stage {
  const char *name;
  const char *purpose;
  void (*run)(StageAccess access);
  bool text; ///< --emit and --from take it
};

/// The stages in order: the one place that says it.
llvm::ArrayRef<Stage> stages();

// The stages, each in a file of its own.
void importStage(StageAccess access);
void graphStage(StageAccess access);
void kernelStage(StageAccess access);
void scheduleStage(StageAccess access);
void tileStage(StageAccess access);
void threadStage(StageAccess access);
void codeStage(StageAccess access);
void packageStage(StageAccess access);

/// Runs MLIR passes; a failure is an internal error with the passes' diagnostics.
void runPasses(StageAccess access, llvm::function_ref<void(mlir::OpPassManager &)> add);

/// Runs `work` for 0 … count-1 on as many threads as the options say; the first exception is thrown again.
void inParallel(StageAccess access, std::string_view stage, size_t count,
                llvm::function_ref<void(size_t)> work);

} // namespace tgc
