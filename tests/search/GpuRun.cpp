#include "tests/search/GpuRun.h"

#include "codegen/ptx/Assemble.h"
#include "codegen/ptx/CompilePtx.h"
#include "codegen/ptx/LowerTile.h"
#include "compiler/support/Error.h"
#include "mlir/IR/Verifier.h"
#include <fmt/format.h>

using namespace mlir;

namespace tgc::test {

static std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream(text) << module;
  return text;
}

GpuKernel::GpuKernel(kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan,
                     const DeviceInfo &device)
    : architecture(device.architecture), blocks(plan.launches.front().blocks) {
  DialectRegistry registry;
  ptx::registerPtxDialects(registry);
  kernel.getContext()->appendDialectRegistry(registry);
  kernel.getContext()->loadAllAvailableDialects();
  module = generateTile(kernel, info, plan);
  tileText = textOf(*module);
  ptx::lowerTileModule(*module, device);
  if (failed(verify(*module)))
    internalError("the thread stage of {} is invalid", info.name);
}

void GpuKernel::run(std::vector<KernelBuffer> &buffers) const {
  std::vector<void *> pointers;
  for (KernelBuffer &buffer : buffers)
    pointers.push_back(buffer.data());
  SimtKernel(*module).run(pointers, blocks);
}

std::string GpuKernel::ptx(std::string *llvmIr) const {
  ptx::PtxCompileOptions options;
  options.verify = true;
  options.llvmIr = llvmIr;
  return ptx::compilePtxModule(*module, architecture, options).ptx;
}

std::string GpuKernel::assembled() const {
  std::optional<ptx::Assembled> result = ptx::assemble(ptx(), architecture);
  if (!result)
    return "";
  return fmt::format("{} registers, {} bytes spilled\n{}", result->registers, result->spillBytes,
                     result->log);
}

std::string GpuKernel::thread() const { return textOf(*module); }

} // namespace tgc::test
