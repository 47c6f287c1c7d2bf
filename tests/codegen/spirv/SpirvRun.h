// Takes kernels through schedule, plan, generator and the lowering to SPIR-V; runs them on an OpenCL device.
#pragma once
#include "codegen/spirv/SpirvDevice.h"
#include "runtime/devices/Device.h"
#include "tests/search/KernelRun.h"

namespace tgc::test {

class SpirvProgram {
public:
  SpirvProgram(kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan,
               const spv::SpirvDevice &device);

  /// Runs all blocks. Throws tgc::runtime::Error where the device refuses the code.
  void run(runtime::Device &device, std::vector<KernelBuffer> &buffers) const;

  const std::vector<uint32_t> &words() const { return code; }
  /// Whether it wants the large register file.
  bool isLarge() const { return registers > 128; }
  std::string tile, thread, text; ///< texts of the stages; the last is the SPIR-V dialect's

private:
  std::vector<uint32_t> code;
  std::string name;
  int64_t blocks, threads, registers = 0;
};

} // namespace tgc::test
