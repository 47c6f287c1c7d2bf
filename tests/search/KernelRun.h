// Runs kernels through schedule, plan, loop generator and the CPU's code generator in this process.
#pragma once
#include "codegen/cpu/CompileCpu.h"
#include "compiler/kernel/Kernel.h"
#include "search/Plan.h"
#include "tests/codegen/ImageLoader.h"
#include "tests/search/GuardedMemory.h"
#include <memory>
#include <random>

namespace tgc::test {

/// Memory of one buffer of a kernel, from the base its memref's offset counts from.
class KernelBuffer {
public:
  explicit KernelBuffer(mlir::MemRefType type);
  char *data() const { return storage.data(); }
  size_t bytes() const { return size; }
  mlir::MemRefType type() const { return memref; }
  /// Floats around 0 (`offset` moves them), integers of [0, 8), i1 of both.
  void fill(std::mt19937_64 &random, double offset = 0);
  double get(int64_t element) const;
  void set(int64_t element, double value);
  int64_t elements() const { return count; }

private:
  mlir::MemRefType memref;
  mlir::Type element;
  int64_t bytesEach, count;
  size_t size;
  GuardedMemory storage;
};

std::vector<KernelBuffer> makeBuffers(kernel::FuncOp kernel, std::mt19937_64 &random, double offset = 0);

/// Stored elements that do not agree with the reference evaluator, the first few in words; empty if all do.
std::string disagreement(kernel::FuncOp kernel, const std::vector<KernelBuffer> &inputs,
                         const std::vector<KernelBuffer> &outputs);

/// A module with the block program of a kernel.
mlir::OwningOpRef<mlir::ModuleOp> generateTile(kernel::FuncOp kernel, const KernelInfo &info,
                                               const Plan &plan);

/// A kernel compiled by a plan.
class CompiledKernel {
public:
  CompiledKernel(kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan,
                 const cpu::CpuTarget &target, bool keepText = false);
  /// Runs all blocks on `threads` threads.
  void run(std::vector<KernelBuffer> &buffers, int threads = 1) const;

  std::string tile, thread; ///< texts of the stages
  cpu::CpuCompileReport report;

private:
  std::unique_ptr<LoadedImage> image;
  std::string name;
  int64_t blocks = 1, scratchBytes = 0;
};

} // namespace tgc::test
