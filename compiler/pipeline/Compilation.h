// A compilation: a model on its way through the stages, and the list of those stages.
#pragma once
#include "codegen/Target.h"
#include "frontends/onnx/Import.h"
#include "runtime/format/Package.h"
#include <filesystem>
#include <functional>
#include <span>

namespace tgc {

/// Keeps what the stages before code make of models from one compilation to the next; where it cannot it does nothing.
class FrontKeeper {
public:
  virtual ~FrontKeeper() = default;
  virtual std::optional<std::vector<uint8_t>> find(const std::string &key) = 0;
  virtual void store(const std::string &key, std::span<const uint8_t> bytes) = 0;
};

struct CompileOptions {
  std::filesystem::path model; ///< an ONNX file, or a stage's text with `from`
  onnx::ImportOptions import;
  std::string device = "cpu";
  std::map<std::string, std::string> schedules; ///< forced schedule by kernel symbol
  /// Schedules that were found for a kernel (its hash) before, best first; may be empty. The first legal one is used.
  std::function<std::vector<std::string>(uint64_t kernel)> recorded;
  /// Decisions of the cutter that are made the other way, by name; nothing: as `recordedCut` says.
  std::optional<std::vector<std::string>> turned = {};
  /// The same as found for a graph (its hash) before; may be empty.
  std::function<std::vector<std::string>(uint64_t graph)> recordedCut = {};
  std::shared_ptr<FrontKeeper> kept = {}; ///< null: every compilation begins at the model
  bool locked = false;                    ///< a kernel without a recorded schedule is an error
  std::string text;                       ///< with `from`: that text itself; `model` then only names it
  std::string from;                       ///< stage whose text `model` is; empty: an ONNX file
  std::string until;                      ///< last stage to run; empty: all
  unsigned jobs = 0;                      ///< threads that compile kernels; 0: all cores
  bool verify = false;                    ///< verify after every pass, not only after every stage
  /// Called with what the user should know of a decision that was made for him; may be empty.
  std::function<void(const std::string &text)> note = {};
  /// Called when a stage begins (done == 0) and as its items are done; may be empty.
  std::function<void(std::string_view stage, size_t done, size_t total)> progress;
};

/// What is known of a kernel beside its code; kept from the kernel stage to the package.
struct KernelReport {
  KernelInfo info;
  std::string schedule, plan;
  std::string code =
      {}; ///< what the assembler says of registers, spills and what it warns of; after the code stage
  uint32_t registers = 0;
};

/// A decision that the cutter made by cost, and could have made the other way; all of one name are made alike.
struct CutDecision {
  std::string name;
  bool yes = false;
  size_t count = 0;
  double yesSeconds = 0, noSeconds = 0; ///< by the cost model, each time
};

/// What the kernel stage decided.
struct CutReport {
  uint64_t graph = 0; ///< hash of the graph stage's text
  std::vector<std::string> turned;
  std::vector<CutDecision> decisions;
};

/// What the database was asked about a kernel.
struct AskedSchedules {
  std::vector<std::string> schedules; ///< answers in their order, up to the one that was taken
  bool taken = false;
};

struct StageTime {
  std::string stage;
  double seconds = 0;
};

class Compilation {
public:
  explicit Compilation(CompileOptions options);
  ~Compilation();

  /// Runs the stages from `from` to `until`. Throws tgc::Error; MLIR's own diagnostics are part of its text.
  void run();

  mlir::ModuleOp module() { return *module_; }
  /// The text of the module as it stands.
  std::string text();
  /// The program of the kernel stage and later; throws when that stage has not run.
  kernel::ProgramOp program();
  /// Valid after the last stage.
  runtime::Package &package() { return package_; }
  const Target &target() const { return *target_; }
  const CompileOptions &options() const { return options_; }
  const std::map<std::string, KernelReport> &reports() const { return reports_; }
  /// Valid after the kernel stage.
  const CutReport &cut() const { return cut_; }
  const std::vector<StageTime> &times() const { return times_; }

private:
  friend struct StageAccess;
  CompileOptions options_;
  std::unique_ptr<mlir::MLIRContext> context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  std::unique_ptr<Target> target_;
  std::map<std::string, KernelReport> reports_;
  std::map<std::string, CompiledKernel> compiled_;
  CutReport cut_;
  std::map<uint64_t, AskedSchedules> asked_; ///< by the kernel's hash
  runtime::Package package_;
  std::vector<StageTime> times_;
};

/// Names and purposes of the stages, in order: what --emit and --from take.
std::vector<std::pair<std::string, std::string>> stageNames();

} // namespace tgc
