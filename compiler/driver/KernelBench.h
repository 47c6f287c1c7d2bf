// Measures and checks single kernels: each kernel of a kernel-stage file through schedule, code generation and
// runtime, on any device.
#pragma once
#include "compiler/driver/Reports.h"
#include "compiler/driver/Tensors.h"
#include "compiler/tune/Reference.h"
#include <optional>

namespace tgc::driver {

struct KernelBenchOptions {
  std::string file;
  std::string target = "cpu"; ///< what to compile for: a name that makeTarget takes
  std::string device;         ///< where to run: a name of the runtime's; empty: as the target says
  std::map<std::string, std::string> schedules; ///< by kernel; else the one it carries, else the heuristic's
  std::string only;                             ///< this kernel alone; empty: all
  std::string save;                             ///< folder for KERNEL.tgc, the package measured; empty: none
  uint64_t seed = 1;
  size_t repetitions = 5, rounds = 4; ///< runs, and launches in each
  size_t samples = 64;                ///< elements compared with the reference; 0: no check
  bool cold = true;                   ///< between launches, memory of twice the last cache's size is read
};

struct KernelBenchRow {
  std::string kernel, schedule;
  size_t launches = 0; ///< that one execution takes: a split reduction needs several
  std::vector<double> seconds;
  double flops = 0, bytes = 0, roofline = 0; ///< the device's least time, in seconds
  size_t checked = 0, wrong = 0;
  double worst = 0;    ///< largest error, as a part of what is tolerated
  std::string message; ///< the first wrong element, or why there is no measurement
  int exitCode = 0;    ///< of the error in `message`
};

/// Where the options' kernels run: who holds it open while several do saves each the making of a context.
std::string deviceOf(const KernelBenchOptions &options);

/// One kernel of a file, numbers for what it loads, and reference values of what it stores: for any schedule.
class KernelCase {
public:
  /// Throws tgc::Error.
  KernelCase(const KernelBenchOptions &options, const std::string &kernel);
  /// Compiles, checks and times it. Nothing: the schedule it carries, else the heuristic's. Never throws for what one
  /// kernel does wrong: that is in the row.
  KernelBenchRow run(const std::optional<std::string> &schedule) const;
  /// Up to `count` legal schedules by chance, no two with one plan: from one that searches start from, up to six steps
  /// of one option each.
  std::vector<std::string> randomSchedules(size_t count, uint64_t seed) const;

private:
  void measure(const std::optional<std::string> &schedule, KernelBenchRow &row) const;
  void check(tgc_program *program, KernelBenchRow &row) const;

  const KernelBenchOptions &options;
  std::string name;
  std::unique_ptr<Compilation> parsed;
  kernel::FuncOp func;
  KernelInfo info;
  Arrays inputs;
  std::optional<SampledReference> reference;
};

/// The names of the file's kernels, in order. Throws tgc::Error (BadInput).
std::vector<std::string> kernelsOf(const KernelBenchOptions &options);
/// Under options.schedules, or as KernelCase::run has it. Never throws.
KernelBenchRow benchKernel(const KernelBenchOptions &options, const std::string &kernel);

} // namespace tgc::driver
