#include "tests/pipe/PipeRun.h"

#include "codegen/cpu/CpuDevice.h"
#include "compiler/schedule/Describe.h"
#include "compiler/schedule/Pack.h"
#include "compiler/support/Error.h"
#include "mlir/IR/Verifier.h"
#include <cstring>

using namespace mlir;

namespace tgc::test {

static Plan planOrThrow(const KernelInfo &info, const Schedule &schedule, const DeviceInfo &device) {
  PlanResult result = makePlan(info, schedule, device);
  if (!result)
    usageError("{}: {}", info.name, result.reason);
  return std::move(*result.plan);
}

static kernel::FuncOp onlyKernel(ModuleOp module) { return *module.getOps<kernel::FuncOp>().begin(); }

ScheduledKernel::ScheduledKernel(kernel::FuncOp kernel, const Schedule &schedule,
                                 const cpu::CpuTarget &target, bool keepText) {
  DeviceInfo device = cpu::deviceInfo(target);
  original = ModuleOp::create(kernel.getLoc());
  original->push_back(kernel->clone());
  info = describeKernel(kernel);
  plan = planOrThrow(info, schedule, device);

  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  module->push_back(kernel->clone());
  kernel::FuncOp packed = onlyKernel(*module);
  auto packers = packWeights(*module, packed, info, plan);
  if (failed(verify(*module)))
    internalError("packing {} made invalid kernels", info.name);
  for (auto [i, packer] : llvm::enumerate(packers)) {
    KernelInfo packInfo = describeKernel(packer);
    Packed &made = packs.emplace_back();
    made.buffer = plan.packs[i].buffer;
    made.kernel =
        std::make_unique<CompiledKernel>(packer, packInfo, planOrThrow(packInfo, {}, device), target);
    for (Value buffer : packer.getBuffers())
      made.buffers.emplace_back(cast<MemRefType>(buffer.getType()));
  }
  // Planned again from the packed kernel, as the compiler does it when it starts from text.
  KernelInfo packedInfo = describeKernel(packed);
  Plan again = planOrThrow(packedInfo, schedule, device);
  if (!again.packs.empty())
    internalError("{}: the packed kernel is packed again", info.name);
  compiled = std::make_unique<CompiledKernel>(packed, packedInfo, again, target, keepText);
}

std::vector<KernelBuffer> ScheduledKernel::makeBuffers(std::mt19937_64 &random) const {
  return test::makeBuffers(onlyKernel(const_cast<ModuleOp &&>(*original)), random);
}

void ScheduledKernel::prepare(const std::vector<KernelBuffer> &buffers) {
  for (Packed &pack : packs) {
    std::memcpy(pack.buffers[0].data(), buffers[pack.buffer].data(), buffers[pack.buffer].bytes());
    pack.kernel->run(pack.buffers);
  }
}

void ScheduledKernel::run(std::vector<KernelBuffer> &buffers, int threads) {
  for (Packed &pack : packs)
    std::swap(buffers[pack.buffer], pack.buffers[1]);
  compiled->run(buffers, threads);
  for (Packed &pack : packs)
    std::swap(buffers[pack.buffer], pack.buffers[1]);
}

std::string ScheduledKernel::check(std::vector<KernelBuffer> &buffers, std::mt19937_64 &random,
                                   int64_t samples, int threads) {
  kernel::FuncOp kernel = onlyKernel(*original);
  std::vector<kernel::Bytes> bytes;
  for (const KernelBuffer &buffer : buffers)
    bytes.push_back({buffer.data(), buffer.bytes()});
  // What no store covers must stay as it is.
  for (size_t i = 0; i < buffers.size(); ++i)
    if (info.buffers[i].stored)
      for (int64_t e = 0; e < buffers[i].elements(); ++e)
        buffers[i].set(e, 77);
  prepare(buffers);
  run(buffers, threads);
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (!info.buffers[i].stored)
      continue;
    ArrayRef<int64_t> shape = info.buffers[i].shape;
    int64_t count = info.buffers[i].elements();
    std::vector<kernel::Sample> points;
    for (int64_t s = 0; s < std::min(samples, count); ++s) {
      // The first and last elements are always among them.
      int64_t rest = count <= samples ? s
                     : s == 0         ? 0
                     : s == 1         ? count - 1
                                      : int64_t(random() % uint64_t(count));
      kernel::Sample sample{unsigned(i), llvm::SmallVector<int64_t>(shape.size())};
      for (size_t d = shape.size(); d-- > 0; rest /= shape[d])
        sample.coordinates[d] = rest % shape[d];
      points.push_back(std::move(sample));
    }
    std::vector<kernel::Reference> references = kernel::evaluateAt(kernel, bytes, points);
    for (auto [sample, reference] : llvm::zip(points, references)) {
      int64_t offset = info.buffers[i].offset;
      for (auto [coordinate, stride] : llvm::zip(sample.coordinates, info.buffers[i].strides))
        offset += coordinate * stride;
      double got = buffers[i].get(offset);
      bool fine = reference.stored ? kernel::agrees(got, reference.value, reference.scale,
                                                    buffers[i].type().getElementType())
                                   : got == 77 || buffers[i].type().getElementType().isInteger(1);
      if (!fine)
        return fmt::format("{}[{}] is {}, should be {} (scale {}){}", info.buffers[i].name,
                           fmt::join(sample.coordinates, ","), got, reference.value, reference.scale,
                           reference.stored ? "" : ", which no store writes");
    }
  }
  return "";
}

} // namespace tgc::test
