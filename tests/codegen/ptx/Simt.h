// Runs the thread stage of GPU kernels on the host: every GPU thread is a fiber, so that what is checked is the
// very program that becomes PTX, with its barriers, shuffles and shared memory.
#pragma once
#include "mlir/IR/BuiltinOps.h"
#include "tests/codegen/ImageLoader.h"
#include <memory>
#include <string>
#include <vector>

namespace tgc::test {

/// A thread-stage module with one kernel (attributes tgc.kernel, tgc.threads, tgc.shared_bytes), compiled for the
/// host. A new operation of the thread stage needs its line in SimtLowering.cpp and its function in Simt.cpp.
class SimtKernel {
public:
  /// Throws tgc::Error (Internal) for operations that the host does not know.
  explicit SimtKernel(mlir::ModuleOp threadStage);

  /// Runs the blocks 0 … blocks - 1, one after the other; `buffers` as the kernel's arguments. Shared memory
  /// holds garbage at first; asynchronous copies happen as late as they may in even blocks, at once in odd ones. Throws std::runtime_error where threads wait for each other at different places
  /// or for threads that have ended.
  void run(const std::vector<void *> &buffers, int64_t blocks) const;

private:
  std::string name;
  int64_t threads = 1, sharedBytes = 0;
  std::unique_ptr<LoadedImage> image;
};

/// Turns the module's kernel into one for a CPU: block and shared memory are arguments, what threads do together
/// are calls of functions of Simt.cpp.
void lowerToSimt(mlir::ModuleOp module);

/// The number of an instruction that a kernel has as text. Throws tgc::Error (Internal) if the host does not know it.
int32_t addInstruction(const std::string &text);

} // namespace tgc::test
