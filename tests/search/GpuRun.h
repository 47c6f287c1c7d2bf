// Takes kernels through schedule, plan, generator and the lowering for a GPU; runs them on the host.
#pragma once
#include "tests/codegen/ptx/Simt.h"
#include "tests/search/KernelRun.h"

namespace tgc::test {

class GpuKernel {
public:
  GpuKernel(kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan, const DeviceInfo &device);
  /// Runs all blocks on the host, thread by thread.
  void run(std::vector<KernelBuffer> &buffers) const;
  /// What the GPU would run.
  std::string ptx(std::string *llvmIr = nullptr) const;
  /// The assembler's registers, spills and warnings in words; empty without an assembler.
  std::string assembled() const;
  std::string tile() const { return tileText; }
  std::string thread() const;

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string tileText, architecture;
  int64_t blocks;
};

} // namespace tgc::test
