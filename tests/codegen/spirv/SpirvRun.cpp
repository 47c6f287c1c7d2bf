#include "tests/codegen/spirv/SpirvRun.h"

#include "codegen/spirv/CompileSpirv.h"
#include "compiler/support/Error.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace tgc::test {

static std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream(text) << module;
  return text;
}

SpirvProgram::SpirvProgram(kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan,
                           const spv::SpirvDevice &device)
    : blocks(plan.launches.front().blocks) {
  OwningOpRef<ModuleOp> module = generateTile(kernel, info, plan);
  tile = textOf(*module);
  for (auto program : llvm::make_early_inc_range(module->getOps<tile::FuncOp>()))
    spv::lowerProgram(program, device.info);
  thread = textOf(*module);
  if (failed(verify(*module)))
    internalError("the thread stage of {} is invalid", info.name);
  spv::SpirvCompileOptions options;
  options.verify = true;
  options.text = &text;
  spv::SpirvKernel compiled = spv::compileSpirvModule(*module, device.features, options);
  code = std::move(compiled.words);
  name = compiled.name;
  threads = compiled.threads;
  registers = compiled.registers;
}

void SpirvProgram::run(runtime::Device &device, std::vector<KernelBuffer> &buffers) const {
  runtime::Package package;
  package.device = "opencl";
  runtime::Module module;
  module.format = "spirv";
  module.image = runtime::Bytes::view(code.data(), code.size() * sizeof(uint32_t));
  package.modules = {module};
  runtime::Function function;
  function.name = name;
  function.block = {uint32_t(threads), 1, 1};
  package.functions = {function};
  runtime::Launch launch;
  launch.grid = {uint64_t(blocks), 1, 1};
  for (uint32_t i = 0; i < buffers.size(); ++i)
    launch.params.push_back(runtime::Param::readWrite(i, 0, buffers[i].bytes()));
  package.run = {launch};
  std::unique_ptr<runtime::Code> loaded = device.load(package);
  std::unique_ptr<runtime::Sequence> sequence = loaded->bind(package.run);
  std::vector<runtime::Address> memory;
  for (uint32_t i = 0; i < buffers.size(); ++i) {
    memory.push_back(device.allocate(buffers[i].bytes()));
    device.copyIn(memory[i], buffers[i].data(), buffers[i].bytes());
    sequence->setAddress(i, memory[i]);
  }
  sequence->run({});
  for (uint32_t i = 0; i < buffers.size(); ++i) {
    device.copyOut(buffers[i].data(), memory[i], buffers[i].bytes());
    device.release(memory[i], buffers[i].bytes());
  }
}

} // namespace tgc::test
