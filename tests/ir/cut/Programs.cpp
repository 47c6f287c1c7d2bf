#include "Programs.h"

#include "compiler/cut/Cut.h"
#include "compiler/graph/Graph.h"
#include "compiler/graph/transforms/Passes.h"
#include "compiler/kernel/Passes.h"
#include "compiler/support/Error.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

using namespace mlir;

namespace tgc::test {

void runGraphPasses(ModuleOp module) {
  PassManager manager(module.getContext());
  graph::addGraphPasses(manager.nest<func::FuncOp>());
  if (failed(manager.run(module)))
    internalError("a graph pass failed");
}

void runCutter(ModuleOp module, bool remarks) {
  cut::Choices choices;
  if (remarks)
    choices.remarks = &llvm::errs();
  cut::cut(module, choices);
  // cut() is the first of these passes; here it has its remarks.
  PassManager manager(module.getContext());
  manager.addPass(cut::createShrinkBuffersPass());
  manager.addPass(cut::createChooseLayoutsPass());
  if (failed(verify(module)) || failed(manager.run(module)))
    internalError("the program does not verify");
}

void runKernelPasses(ModuleOp module) {
  PassManager manager(module.getContext());
  kernel::addKernelPasses(manager);
  if (failed(manager.run(module)))
    internalError("a kernel pass failed");
}

kernel::ProgramOp programOf(ModuleOp module) {
  auto programs = module.getOps<kernel::ProgramOp>();
  if (programs.empty())
    internalError("no program");
  return *programs.begin();
}

unsigned Counts::runTotal() const {
  unsigned total = 0;
  for (auto &[kind, count] : run)
    total += count;
  return total;
}
unsigned Counts::prepareTotal() const {
  unsigned total = 0;
  for (auto &[kind, count] : prepare)
    total += count;
  return total;
}
std::string Counts::text() const {
  std::string result = fmt::format("run {} (", runTotal());
  for (auto &[kind, count] : run)
    result += fmt::format("{}{} {}", result.back() == '(' ? "" : ", ", kind, count);
  return result + fmt::format("), prepare {}", prepareTotal());
}

Counts countLaunches(kernel::ProgramOp program) {
  Counts counts;
  for (auto launch : program.getBlock()->getOps<kernel::LaunchOp>()) {
    auto &kinds = launch.getPrepare() ? counts.prepare : counts.run;
    ++kinds[launch.getKernel().split('_').first.str()];
  }
  return counts;
}

static uint64_t seedOf(StringRef name) { return llvm::hash_value(name); }

Tensors evaluateGraph(ModuleOp module, const Tensors &inputs, const std::filesystem::path &directory) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  std::vector<graph::HostTensorPtr> arguments;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    arguments.push_back(inputs.at(function.getArgAttrOfType<StringAttr>(i, graph::kNameAttr).str()));
  graph::EvaluateOptions options;
  options.directory = directory;
  options.unboundWeight = [](StringRef name, RankedTensorType type) {
    return *randomTensor(type, seedOf(name));
  };
  auto results = graph::evaluate(function, arguments, options);
  Tensors outputs;
  for (auto [i, result] : llvm::enumerate(results))
    outputs[function.getResultAttrOfType<StringAttr>(i, graph::kNameAttr).str()] = result;
  return outputs;
}

static std::vector<char> bytesOf(const graph::HostTensor &tensor) {
  std::vector<char> bytes;
  auto append = [&](auto value) {
    auto *data = reinterpret_cast<const char *>(&value);
    bytes.insert(bytes.end(), data, data + sizeof(value));
  };
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (tensor.element.isF64())
      append(tensor.floats[i]);
    else if (tensor.element.isF32())
      append(float(tensor.floats[i]));
    else if (tensor.isFloat())
      append(uint16_t(llvm::APFloat(tensor.floats[i]).isNaN() ? 0x7fc0 : [&] {
        llvm::APFloat value(tensor.floats[i]);
        bool lost = false;
        value.convert(cast<FloatType>(tensor.element).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven,
                      &lost);
        return value.bitcastToAPInt().getZExtValue();
      }()));
    else if (tensor.element.getIntOrFloatBitWidth() <= 8)
      append(int8_t(tensor.ints[i]));
    else if (tensor.element.isInteger(16))
      append(int16_t(tensor.ints[i]));
    else if (tensor.element.isInteger(32))
      append(int32_t(tensor.ints[i]));
    else
      append(tensor.ints[i]);
  }
  return bytes;
}

Tensors evaluateKernels(ModuleOp module, const Tensors &inputs, const std::filesystem::path &directory) {
  kernel::ProgramOp program = programOf(module);
  kernel::NamedBytes bound;
  for (auto &[name, tensor] : inputs)
    bound[name] = bytesOf(*tensor);
  for (auto weight : program.getBlock()->getOps<kernel::WeightOp>()) {
    auto memref = cast<MemRefType>(weight.getResult().getType());
    auto type = RankedTensorType::get(memref.getShape(), memref.getElementType());
    if (!weight.getSource()) {
      bound[weight.getName().str()] = bytesOf(*randomTensor(type, seedOf(weight.getName())));
    } else if (auto external = dyn_cast<graph::ExternalAttr>(*weight.getSource())) {
      std::ifstream file(directory / external.getPath().str(), std::ios::binary);
      std::vector<char> bytes(external.getLength());
      if (!file.seekg(external.getOffset()) || !file.read(bytes.data(), std::streamsize(bytes.size())))
        badInput("cannot read weight {}", weight.getName().str());
      bound[weight.getName().str()] = std::move(bytes);
    }
  }
  kernel::NamedBytes results = kernel::evaluateProgram(module, program, bound);
  Tensors outputs;
  for (auto output : program.getBlock()->getOps<kernel::OutputOp>()) {
    auto memref = cast<MemRefType>(output.getResult().getType());
    const std::vector<char> &bytes = results.at(output.getName().str());
    outputs[output.getName().str()] = std::make_shared<graph::HostTensor>(
        graph::fromBytes(memref.getShape(), memref.getElementType(), {bytes.data(), bytes.size()}));
  }
  return outputs;
}

graph::HostTensorPtr randomTensor(RankedTensorType type, uint64_t seed) {
  auto tensor =
      std::make_shared<graph::HostTensor>(graph::HostTensor::zeros(type.getShape(), type.getElementType()));
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (double &value : tensor->floats)
    value = graph::roundToType(uniform(random), cast<FloatType>(tensor->element));
  for (int64_t &value : tensor->ints)
    value = tensor->element.isInteger(1) ? int64_t(random() & 1) : int64_t(random() % 4);
  return tensor;
}

Tensors randomInputs(ModuleOp module, uint64_t seed) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  Tensors inputs;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    inputs[function.getArgAttrOfType<StringAttr>(i, graph::kNameAttr).str()] =
        randomTensor(cast<RankedTensorType>(function.getArgument(i).getType()), seed + i);
  return inputs;
}

double worstError(const graph::HostTensor &got, const graph::HostTensor &wanted) {
  if (got.shape != wanted.shape || got.element != wanted.element)
    return INFINITY;
  double scale = 1e-3, worst = 0; // below that, rounding of what cancelled
  for (int64_t i = 0; i < wanted.size(); ++i)
    if (std::isfinite(wanted.asDouble(i)))
      scale = std::max(scale, std::fabs(wanted.asDouble(i)));
  for (int64_t i = 0; i < wanted.size(); ++i) {
    double a = got.asDouble(i), b = wanted.asDouble(i);
    bool special = !std::isfinite(a) || !std::isfinite(b);
    if (special && !((std::isnan(a) && std::isnan(b)) || a == b))
      return INFINITY;
    if (!special)
      worst = std::max(worst, std::fabs(a - b) / (std::fabs(b) + scale));
  }
  return worst;
}

} // namespace tgc::test
