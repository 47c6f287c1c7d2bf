// tgc-cpu-run FILE.mlir: compiles thread-stage kernels, runs them on random buffers and prints what came out.
//
// Buffers are filled by seed: floats uniform in [-1, 1), integers from -8 to 7 (unsigned bits wrapped), i1
// with 0 or 1; --fill=iota numbers the elements 0, 1, 2… instead. A checksum is the sum of element i × (1 + i
// mod 7) in double precision.
#include "codegen/cpu/CompileCpu.h"
#include "compiler/support/Error.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "tests/codegen/ImageLoader.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/MemoryBuffer.h"
#include <CLI/CLI.hpp>
#include <cstring>
#include <fmt/format.h>
#include <iostream>
#include <random>

using namespace mlir;
using namespace tgc;

namespace {

struct Options {
  std::string file, target = "native", fill = "random";
  uint64_t seed = 1;
  int64_t blocks = 1;
  bool assembly = false, llvmIr = false, times = false, describe = false, contract = false, each = false;
  std::vector<std::string> printBuffers;
};

/// Elements of the memref's underlying buffer, from offset 0 to the last one it reaches.
int64_t spanOf(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(type, strides, offset)))
    throw std::runtime_error("a memref without strides");
  int64_t last = offset;
  for (auto [size, stride] : llvm::zip(type.getShape(), strides))
    last += (size - 1) * stride;
  return last + 1;
}

const llvm::fltSemantics &semantics(Type type) { return cast<FloatType>(type).getFloatSemantics(); }

class Buffer {
public:
  explicit Buffer(MemRefType type)
      : element(type.getElementType()), bytesEach(std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8)),
        count(spanOf(type)), storage(count * bytesEach + 64) {}

  void *data() { return storage.data() + (64 - reinterpret_cast<uintptr_t>(storage.data()) % 64) % 64; }
  int64_t size() const { return count; }

  void set(int64_t i, double value) {
    uint64_t bits;
    if (isa<FloatType>(element)) {
      llvm::APFloat number(value);
      bool lost;
      number.convert(semantics(element), llvm::APFloat::rmNearestTiesToEven, &lost);
      bits = number.bitcastToAPInt().getZExtValue();
    } else {
      bits = uint64_t(int64_t(value));
      if (element.isInteger(1))
        bits &= 1;
    }
    std::memcpy(static_cast<char *>(data()) + i * bytesEach, &bits, bytesEach);
  }

  double get(int64_t i) {
    uint64_t bits = 0;
    std::memcpy(&bits, static_cast<char *>(data()) + i * bytesEach, bytesEach);
    if (isa<FloatType>(element)) {
      llvm::APFloat number(semantics(element), llvm::APInt(element.getIntOrFloatBitWidth(), bits));
      bool lost;
      number.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
      return number.convertToDouble();
    }
    int shift = 64 - int(bytesEach * 8);
    return double(int64_t(bits << shift) >> shift);
  }

private:
  Type element;
  int64_t bytesEach, count;
  std::vector<char> storage;
};

void runKernel(func::FuncOp function, const test::LoadedImage &image, const Options &options) {
  std::mt19937_64 random(options.seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  int64_t scratchBytes = 0;
  if (auto attribute = function->getAttrOfType<IntegerAttr>("tgc.scratch_bytes"))
    scratchBytes = attribute.getInt();
  std::vector<std::unique_ptr<Buffer>> buffers;
  std::vector<void *> pointers;
  auto types = function.getArgumentTypes().drop_back(scratchBytes ? 3 : 2);
  for (Type type : types) {
    auto memref = cast<MemRefType>(type);
    auto buffer = std::make_unique<Buffer>(memref);
    for (int64_t i = 0; i < buffer->size(); ++i)
      buffer->set(i, options.fill == "iota"                    ? double(i)
                     : isa<FloatType>(memref.getElementType()) ? uniform(random)
                                                               : double(int64_t(random() % 16)) - 8);
    pointers.push_back(buffer->data());
    buffers.push_back(std::move(buffer));
  }
  std::vector<char> scratch(scratchBytes + 64);
  void *scratchBase = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64;
  image.entry(function.getName().str())(pointers.data(), scratchBase, 0, options.blocks);
  for (size_t b = 0; b < buffers.size(); ++b) {
    double sum = 0;
    for (int64_t i = 0; i < buffers[b]->size(); ++i)
      sum += buffers[b]->get(i) * (1 + i % 7);
    fmt::print("{} buffer {} checksum {:.6g}\n", function.getName().str(), b, sum);
    for (const std::string &wanted : options.printBuffers) {
      if (std::stoul(wanted) != b)
        continue;
      fmt::print("{} buffer {}:", function.getName().str(), b);
      for (int64_t i = 0; i < buffers[b]->size(); ++i)
        fmt::print(" {:.6g}", buffers[b]->get(i));
      fmt::print("\n");
    }
  }
}

/// Compiles every kernel in a module of its own, as the compiler does, and prints what each took.
void timeEach(ModuleOp module, const cpu::CpuTarget &target, const cpu::CpuCompileOptions &compile) {
  double total = 0;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr("tgc.kernel"))
      continue;
    OwningOpRef<ModuleOp> own = ModuleOp::create(function.getLoc());
    own->push_back(function.clone());
    cpu::CpuCompileReport report;
    cpu::CpuImage image = cpu::compileCpuModule(*own, target, compile, &report);
    double sum = report.lower + report.translate + report.optimise + report.codegen + report.link;
    total += sum;
    fmt::print("{:7.1f} ms (lower {:.1f}, translate {:.1f}, optimise {:.1f}, codegen {:.1f}), {} bytes: {}\n",
               sum * 1e3, report.lower * 1e3, report.translate * 1e3, report.optimise * 1e3,
               report.codegen * 1e3, image.bytes.size(), function.getName().str());
  }
  fmt::print("{:7.1f} ms in all\n", total * 1e3);
}

int run(const Options &options) {
  std::optional<cpu::CpuTarget> target = cpu::cpuTarget(options.target);
  if (!target)
    usageError("no CPU target '{}'", options.target);
  if (options.describe) {
    std::cout << target->describe();
    return 0;
  }
  DialectRegistry registry;
  cpu::registerCpuDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  // A whole model's thread stage also holds its program, which is of no interest here.
  context.allowUnregisteredDialects(options.each);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(options.file, &context);
  if (!module)
    badInput("{} does not parse", options.file);
  cpu::CpuCompileOptions compile;
  compile.verify = true;
  compile.contract = options.contract;
  compile.keepText = options.assembly || options.llvmIr;
  if (options.each) {
    compile = {.contract = options.contract};
    timeEach(*module, *target, compile);
    return 0;
  }
  cpu::CpuCompileReport report;
  cpu::CpuImage image = cpu::compileCpuModule(*module, *target, compile, &report);
  if (options.llvmIr)
    std::cout << report.llvmIr;
  if (options.assembly)
    std::cout << report.assembly;
  if (options.times)
    fmt::print(
        "lower {:.1f} ms, translate {:.1f}, optimise {:.1f}, codegen {:.1f}, link {:.1f}; image {} bytes\n",
        report.lower * 1e3, report.translate * 1e3, report.optimise * 1e3, report.codegen * 1e3,
        report.link * 1e3, image.bytes.size());
  for (const cpu::CpuImport &import : image.imports)
    fmt::print("import {}\n", import.symbol);
  if (options.assembly || options.llvmIr)
    return 0;
  if (!cpu::runsHere(*target)) {
    fmt::print("this machine cannot run {}\n", options.target);
    return 0;
  }
  test::LoadedImage loaded(image);
  for (auto function : module->getOps<func::FuncOp>())
    if (function->hasAttr("tgc.kernel"))
      runKernel(function, loaded, options);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Compiles and runs thread-stage kernels on the CPU");
  app.add_option("file", options.file, "thread-stage MLIR");
  app.add_option("--target", options.target, "native, avx512, avx2 or generic");
  app.add_option("--seed", options.seed);
  app.add_option("--blocks", options.blocks, "run blocks 0 to this (exclusive)");
  app.add_option("--fill", options.fill, "random or iota");
  app.add_option("--print", options.printBuffers, "print all elements of these buffers")->delimiter(',');
  app.add_flag("--asm", options.assembly, "print the assembly instead of running");
  app.add_flag("--llvm", options.llvmIr, "print the optimised LLVM IR instead of running");
  app.add_flag("--times", options.times, "print how long compiling took");
  app.add_flag("--each", options.each, "only compile, each kernel alone, and print how long that took");
  app.add_flag("--describe", options.describe, "print the target");
  app.add_flag("--contract", options.contract, "fuse multiplications and additions");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const Error &error) {
    std::cerr << "tgc-cpu-run: " << error.what() << '\n';
    return error.exitCode();
  } catch (const std::exception &error) {
    std::cerr << "tgc-cpu-run: " << error.what() << '\n';
    return 1;
  }
}
