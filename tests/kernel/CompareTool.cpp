// tgc-kernel-compare A.mlir B.mlir: runs two programs on the reference device with the same made-up inputs
// and weights and compares their outputs; exit code 1 if they differ.
#include "compiler/graph/Graph.h"
#include "compiler/kernel/Elements.h"
#include "compiler/kernel/Evaluate.h"
#include "compiler/support/Error.h"
#include "mlir/Parser/Parser.h"

#include <chrono>
#include <cmath>
#include <random>

using namespace mlir;
using namespace tgc::kernel;

namespace {

/// Numbers that depend on the name alone.
std::vector<char> madeUp(StringRef name, MemRefType type, double size) {
  std::mt19937 random(unsigned(llvm::hash_value(name)));
  std::normal_distribution<double> normal(0, size);
  std::vector<char> bytes(bufferBytes(type));
  Type element = type.getElementType();
  int64_t step = elementBytes(element);
  for (size_t at = 0; at < bytes.size(); at += step)
    if (isa<FloatType>(element))
      writeReal(&bytes[at], normal(random), element);
    else
      writeInteger(&bytes[at], int64_t(random() % 4), element);
  return bytes;
}

NamedBytes run(const char *file, MLIRContext &context, std::map<std::string, Type> &types) {
  auto module = parseSourceFile<ModuleOp>(file, &context);
  if (!module)
    tgc::badInput("{} does not parse", file);
  NamedBytes bound;
  ProgramOp program = *module->getOps<ProgramOp>().begin();
  for (Operation &op : *program.getBlock()) {
    if (auto input = dyn_cast<InputOp>(op))
      bound[input.getName().str()] =
          madeUp(input.getName(), cast<MemRefType>(input.getResult().getType()), 1);
    if (auto weight = dyn_cast<WeightOp>(op);
        weight && !isa_and_nonnull<DenseElementsAttr>(weight.getSource().value_or(nullptr)))
      bound[weight.getName().str()] =
          madeUp(weight.getName(), cast<MemRefType>(weight.getResult().getType()), 0.1);
    if (auto output = dyn_cast<OutputOp>(op))
      types[output.getName().str()] = cast<MemRefType>(output.getResult().getType()).getElementType();
  }
  auto start = std::chrono::steady_clock::now();
  NamedBytes outputs = evaluateProgram(*module, program, bound);
  llvm::outs() << file << ": "
               << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() << " s\n";
  return outputs;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, math::MathDialect, memref::MemRefDialect, KernelDialect,
                  tgc::graph::GraphDialect>();
  MLIRContext context(registry);
  std::map<std::string, Type> types;
  try {
    NamedBytes first = run(argv[1], context, types), second = run(argv[2], context, types);
    bool same = first.size() == second.size();
    for (auto &[name, bytes] : first) {
      Type type = types[name];
      int64_t step = elementBytes(type), different = 0;
      if (second[name].size() != bytes.size()) {
        same = false;
        continue;
      }
      double worst = 0, size = 0;
      for (size_t at = 0; at < bytes.size(); at += step) {
        bool real = isa<FloatType>(type);
        double a = real ? readReal(&bytes[at], type) : double(readInteger(&bytes[at], type));
        double b = real ? readReal(&second[name][at], type) : double(readInteger(&second[name][at], type));
        different += !agrees(b, a, /*scale=*/1, type);
        worst = std::max(worst, std::abs(a - b));
        size = std::max(size, std::abs(a));
      }
      llvm::outs() << name << ": greatest difference " << worst << ", greatest value " << size << ", "
                   << different << " of " << bytes.size() / step << " disagree\n";
      same &= different == 0 && std::isfinite(size) && size > 0;
    }
    return same ? 0 : 1;
  } catch (const tgc::Error &error) {
    llvm::errs() << "error: " << error.what() << "\n";
    return error.exitCode();
  }
}
