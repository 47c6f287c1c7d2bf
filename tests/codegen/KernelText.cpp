#include "tests/codegen/KernelText.h"
#include "mlir/Parser/Parser.h"
#include <fmt/format.h>
#include <stdexcept>

using namespace mlir;

namespace tgc::test {

std::unique_ptr<LoadedImage> compileText(const std::string &text, const std::string &target,
                                         const cpu::CpuCompileOptions &options) {
  DialectRegistry registry;
  cpu::registerCpuDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    throw std::runtime_error("the kernel does not parse:\n" + text);
  return std::make_unique<LoadedImage>(cpu::compileCpuModule(*module, *cpu::cpuTarget(target), options));
}

std::vector<std::string> runnableTargets() {
  std::vector<std::string> names;
  for (const std::string &name : cpu::cpuTargetNames())
    if (cpu::runsHere(*cpu::cpuTarget(name)))
      names.push_back(name);
  return names;
}

std::string elementwiseKernel(const std::vector<std::string> &inputs, const std::string &output,
                              const std::string &body, int lanes) {
  auto valueType = [&](const std::string &element) {
    return lanes == 1 ? element : fmt::format("vector<{}x{}>", lanes, element);
  };
  auto bufferType = [&](const std::string &element) {
    return fmt::format("memref<{}x{}>", kernelElements, element);
  };
  std::string arguments, loads, code = body;
  auto replace = [&](const std::string &name, const std::string &with) {
    for (size_t at; (at = code.find(name)) != std::string::npos;)
      code.replace(at, name.size(), with);
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::string buffer = bufferType(inputs[i]);
    arguments += fmt::format("%b{}: {}, ", i, buffer);
    loads += lanes == 1
                 ? fmt::format("%x{0} = memref.load %b{0}[%i] : {1}\n", i, buffer)
                 : fmt::format("%x{0} = vector.load %b{0}[%i] : {1}, {2}\n", i, buffer, valueType(inputs[i]));
    replace(fmt::format("IN{}", i), valueType(inputs[i]));
  }
  replace("OUT", valueType(output));
  std::string store =
      lanes == 1 ? fmt::format("memref.store %y, %out[%i] : {}", bufferType(output))
                 : fmt::format("vector.store %y, %out[%i] : {}, {}", bufferType(output), valueType(output));
  return fmt::format(R"(
func.func @f({}%out: {}, %begin: index, %end: index) attributes {{tgc.kernel}} {{
  %c0 = arith.constant 0 : index
  %step = arith.constant {} : index
  %count = arith.constant {} : index
  scf.for %i = %c0 to %count step %step {{
    {}
    {}
    {}
  }}
  return
}})",
                     arguments, bufferType(output), lanes, kernelElements, loads, code, store);
}

} // namespace tgc::test
