// Runs kernels through schedule, packing, pipe (or loop) generator and the CPU, and compares with the evaluator.
#pragma once
#include "compiler/kernel/Evaluate.h"
#include "tests/search/KernelRun.h"
#include "mlir/IR/BuiltinOps.h"

namespace tgc::test {

/// A kernel compiled by a schedule, with the kernels that pack its weights.
class ScheduledKernel {
public:
  /// Throws tgc::Error (Usage) with the reason if the schedule is not legal.
  ScheduledKernel(kernel::FuncOp kernel, const Schedule &schedule, const cpu::CpuTarget &target,
                  bool keepText = false);

  /// The kernel's own buffers, as they are before packing.
  std::vector<KernelBuffer> makeBuffers(std::mt19937_64 &random) const;
  /// Packs weights from these buffers; needed before the first run and when weights change.
  void prepare(const std::vector<KernelBuffer> &buffers);
  /// Runs the kernel; stored buffers change.
  void run(std::vector<KernelBuffer> &buffers, int threads = 1);
  /// Runs it, and compares `samples` elements a buffer (all, if there are fewer) with the evaluator. Gives the
  /// first difference as text, or nothing.
  std::string check(std::vector<KernelBuffer> &buffers, std::mt19937_64 &random, int64_t samples,
                    int threads = 1);

  KernelInfo info; ///< before packing
  Plan plan;
  std::unique_ptr<CompiledKernel> compiled;

private:
  struct Packed {
    int buffer = 0;
    std::unique_ptr<CompiledKernel> kernel;
    std::vector<KernelBuffer> buffers; ///< source and packed
  };
  mlir::OwningOpRef<mlir::ModuleOp> original;
  std::vector<Packed> packs;
};

} // namespace tgc::test
