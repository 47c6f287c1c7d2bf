#include "tests/search/KernelRun.h"

#include "codegen/cpu/LowerTile.h"
#include "compiler/kernel/Evaluate.h"
#include "compiler/loop/GenerateLoop.h"
#include "compiler/pipe/GeneratePipe.h"
#include "compiler/support/Error.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/APFloat.h"
#include <cstring>
#include <thread>

using namespace mlir;

namespace tgc::test {

static int64_t spanOf(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(type, strides, offset)))
    internalError("a memref without strides");
  int64_t last = offset;
  for (auto [size, stride] : llvm::zip(type.getShape(), strides))
    last += (size - 1) * stride;
  return last + 1;
}

KernelBuffer::KernelBuffer(MemRefType type)
    : memref(type), element(type.getElementType()),
      bytesEach(std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8)), count(spanOf(type)),
      size(count * bytesEach), storage(size) {}

void KernelBuffer::set(int64_t i, double value) {
  uint64_t bits;
  if (auto floating = dyn_cast<FloatType>(element)) {
    APFloat number(value);
    bool lost;
    number.convert(floating.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    bits = number.bitcastToAPInt().getZExtValue();
  } else {
    bits = uint64_t(int64_t(value));
    if (element.isInteger(1))
      bits &= 1;
  }
  std::memcpy(data() + i * bytesEach, &bits, bytesEach);
}

double KernelBuffer::get(int64_t i) const {
  uint64_t bits = 0;
  std::memcpy(&bits, data() + i * bytesEach, bytesEach);
  if (auto floating = dyn_cast<FloatType>(element)) {
    APFloat number(floating.getFloatSemantics(), APInt(element.getIntOrFloatBitWidth(), bits));
    bool lost;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    return number.convertToDouble();
  }
  int shift = 64 - int(bytesEach * 8);
  return double(int64_t(bits << shift) >> shift);
}

void KernelBuffer::fill(std::mt19937_64 &random, double offset) {
  std::uniform_real_distribution<double> uniform(-2, 2);
  // Integers may be indices; those of 8 bits are operands.
  for (int64_t i = 0; i < count; ++i)
    set(i, isa<FloatType>(element) ? uniform(random) + offset
           : element.isInteger(8)  ? double(int64_t(random() % 256) - 128)
                                   : double(random() % 8));
}

std::vector<KernelBuffer> makeBuffers(kernel::FuncOp kernel, std::mt19937_64 &random, double offset) {
  std::vector<KernelBuffer> buffers;
  for (Value buffer : kernel.getBuffers()) {
    KernelBuffer &made = buffers.emplace_back(cast<MemRefType>(buffer.getType()));
    made.fill(random, offset);
  }
  return buffers;
}

std::string disagreement(kernel::FuncOp kernel, const std::vector<KernelBuffer> &inputs,
                         const std::vector<KernelBuffer> &outputs) {
  std::vector<kernel::Bytes> bytes;
  for (const KernelBuffer &input : inputs)
    bytes.push_back(kernel::Bytes(input.data(), input.bytes()));
  std::string text;
  int wrong = 0;
  for (const kernel::StoredBuffer &stored : kernel::evaluate(kernel, bytes)) {
    const KernelBuffer &buffer = outputs[stored.argument];
    SmallVector<int64_t> strides;
    int64_t start = 0;
    (void)getStridesAndOffset(stored.type, strides, start);
    for (size_t i = 0; i < stored.elements.size(); ++i) {
      const kernel::Reference &reference = stored.elements[i];
      int64_t place = start, rest = int64_t(i);
      for (int d = int(strides.size()) - 1; d >= 0; --d) {
        place += rest % stored.type.getDimSize(d) * strides[d];
        rest /= stored.type.getDimSize(d);
      }
      double got = buffer.get(place);
      // What no store covers must be as it was.
      double before = inputs[stored.argument].get(place);
      bool good = reference.stored
                      ? kernel::agrees(got, reference.value, reference.scale, stored.type.getElementType())
                      : std::memcmp(&got, &before, sizeof(double)) == 0;
      if (!good && wrong++ < 3)
        text += fmt::format("{}[{}] is {}, not {}{}; ",
                            cast<StringAttr>(kernel.getBufferNames()[stored.argument]).getValue().str(), i,
                            got, reference.value, reference.stored ? "" : " (not stored)");
    }
  }
  return wrong ? fmt::format("{}{} elements wrong", text, wrong) : "";
}

static std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream(text) << module;
  return text;
}

OwningOpRef<ModuleOp> generateTile(kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  if (std::holds_alternative<PipePlan>(plan.body))
    generatePipe(builder, kernel, info, plan);
  else
    generateLoop(builder, kernel, info, plan);
  if (failed(verify(*module)))
    internalError("the generator's code for {} is invalid", info.name);
  return module;
}

CompiledKernel::CompiledKernel(kernel::FuncOp kernel, const KernelInfo &info, const Plan &plan,
                               const cpu::CpuTarget &target, bool keepText)
    : name(kernel.getSymName().str()), blocks(plan.launches.front().blocks) {
  OwningOpRef<ModuleOp> module = generateTile(kernel, info, plan);
  if (keepText)
    tile = textOf(*module);
  cpu::lowerTileModule(*module, target);
  if (keepText)
    thread = textOf(*module);
  for (Operation &op : *module->getBody())
    scratchBytes = op.getAttrOfType<IntegerAttr>("tgc.scratch_bytes").getInt();
  cpu::CpuCompileOptions options;
  options.verify = true;
  options.keepText = keepText;
  image = std::make_unique<LoadedImage>(cpu::compileCpuModule(*module, target, options, &report));
}

void CompiledKernel::run(std::vector<KernelBuffer> &buffers, int threads) const {
  std::vector<void *> pointers;
  for (KernelBuffer &buffer : buffers)
    pointers.push_back(buffer.data());
  cpu::CpuEntry *entry = image->entry(name);
  auto part = [&](int i) {
    std::vector<char> scratch(scratchBytes + 64);
    char *base = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64;
    entry(pointers.data(), base, blocks * i / threads, blocks * (i + 1) / threads);
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i)
    others.emplace_back(part, i);
  part(0);
  for (std::thread &other : others)
    other.join();
}

} // namespace tgc::test
