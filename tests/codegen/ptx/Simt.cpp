#include "tests/codegen/ptx/Simt.h"

#include "codegen/cpu/CompileCpu.h"
#include "compiler/support/Error.h"
#include <cstring>
#include <stdexcept>
#include <ucontext.h>

namespace tgc::test {
namespace {

constexpr int64_t warpSize = 32;
constexpr size_t stackBytes = 128 * 1024;

/// What a fiber waits for.
enum class Wait { Nothing, Barrier, Shuffle, Done };

struct Fiber {
  ucontext_t context;
  Wait wait = Wait::Nothing;
  int32_t place = 0;
  uint32_t value = 0, offset = 0, result = 0;
};

/// One block: fibers run until they wait; when all that a wait concerns have come to the same place, they go on.
class BlockRun {
public:
  BlockRun(cpu::CpuEntry *entry, void *const *buffers, void *shared, int64_t block, int64_t threads,
           std::vector<std::unique_ptr<char[]>> &stacks)
      : entry(entry), buffers(buffers), shared(shared), block(block), fibers(threads) {
    while (int64_t(stacks.size()) < threads)
      stacks.push_back(std::make_unique<char[]>(stackBytes));
    for (int64_t i = 0; i < threads; ++i) {
      getcontext(&fibers[i].context);
      fibers[i].context.uc_stack.ss_sp = stacks[i].get();
      fibers[i].context.uc_stack.ss_size = stackBytes;
      fibers[i].context.uc_link = &scheduler;
      makecontext(&fibers[i].context, &BlockRun::start, 0);
    }
  }

  void run() {
    active = this;
    bool backwards = block % 2; // the order is free: races show in one of the two
    for (;;) {
      for (size_t i = 0; i < fibers.size(); ++i) {
        current = backwards ? fibers.size() - 1 - i : i;
        if (fibers[current].wait == Wait::Nothing)
          swapcontext(&scheduler, &fibers[current].context);
      }
      if (allAre(0, fibers.size(), Wait::Done))
        return;
      if (!release())
        throw std::runtime_error(deadlock());
    }
  }

  static size_t thread() { return active->current; }
  static void barrier(int32_t place) {
    active->fibers[active->current].place = place;
    active->suspend(Wait::Barrier);
  }
  static uint32_t shuffle(uint32_t value, uint32_t offset, int32_t place) {
    Fiber &fiber = active->fibers[active->current];
    fiber.value = value;
    fiber.offset = offset;
    fiber.place = place;
    active->suspend(Wait::Shuffle);
    return fiber.result;
  }

private:
  static void start() {
    BlockRun &run = *active;
    run.entry(run.buffers, run.shared, run.block, run.block + 1);
    run.fibers[run.current].wait = Wait::Done;
  }

  void suspend(Wait wait) {
    Fiber &fiber = fibers[current];
    fiber.wait = wait;
    swapcontext(&fiber.context, &scheduler);
  }

  bool allAre(size_t begin, size_t end, Wait wait) const {
    for (size_t i = begin; i < end; ++i)
      if (fibers[i].wait != wait || (wait != Wait::Done && fibers[i].place != fibers[begin].place))
        return false;
    return true;
  }

  /// Lets go on whom it can; false if that is nobody.
  bool release() {
    if (allAre(0, fibers.size(), Wait::Barrier)) {
      for (Fiber &fiber : fibers)
        fiber.wait = Wait::Nothing;
      return true;
    }
    bool any = false;
    for (size_t begin = 0; begin < fibers.size(); begin += warpSize) {
      size_t end = std::min(begin + warpSize, fibers.size());
      if (!allAre(begin, end, Wait::Shuffle))
        continue;
      for (size_t i = begin; i < end; ++i) {
        size_t other = begin + ((i - begin) ^ fibers[i].offset);
        if (other >= end)
          throw std::runtime_error("a shuffle reads from a thread that is not there");
        fibers[i].result = fibers[other].value;
      }
      for (size_t i = begin; i < end; ++i)
        fibers[i].wait = Wait::Nothing;
      any = true;
    }
    return any;
  }

  std::string deadlock() const {
    std::string text = "threads wait for each other in block " + std::to_string(block) + ":";
    for (size_t i = 0; i < fibers.size(); ++i)
      if (i == 0 || fibers[i].wait != fibers[i - 1].wait || fibers[i].place != fibers[i - 1].place) {
        const char *names[] = {"runs", "is at barrier", "is at shuffle", "has ended after"};
        text += " thread " + std::to_string(i) + " " + names[int(fibers[i].wait)] + " " + std::to_string(fibers[i].place);
      }
    return text;
  }

  static inline thread_local BlockRun *active = nullptr;
  cpu::CpuEntry *entry;
  void *const *buffers;
  void *shared;
  int64_t block;
  std::vector<Fiber> fibers;
  ucontext_t scheduler;
  size_t current = 0;
};

} // namespace

extern "C" {
__attribute__((visibility("default"))) int64_t tgc_simt_thread() { return int64_t(BlockRun::thread()); }
__attribute__((visibility("default"))) void tgc_simt_barrier(int32_t place) { BlockRun::barrier(place); }
__attribute__((visibility("default"))) uint32_t tgc_simt_shuffle(uint32_t value, uint32_t offset, int32_t place) {
  return BlockRun::shuffle(value, offset, place);
}
}

SimtKernel::SimtKernel(mlir::ModuleOp threadStage) {
  mlir::OwningOpRef<mlir::ModuleOp> module(threadStage.clone());
  for (auto function : module->getOps<mlir::func::FuncOp>())
    if (function->hasAttr("tgc.kernel")) {
      name = function.getName().str();
      threads = function->getAttrOfType<mlir::IntegerAttr>("tgc.threads").getInt();
      sharedBytes = function->getAttrOfType<mlir::IntegerAttr>("tgc.shared_bytes").getInt();
    }
  if (name.empty())
    internalError("the module has no kernel");
  lowerToSimt(*module);
  cpu::CpuCompileOptions options;
  options.verify = true;
  image = std::make_unique<LoadedImage>(cpu::compileCpuModule(*module, *cpu::cpuTarget("native"), options));
}

void SimtKernel::run(const std::vector<void *> &buffers, int64_t blocks) const {
  std::vector<std::unique_ptr<char[]>> stacks;
  std::vector<char> memory(sharedBytes + 64);
  char *shared = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  cpu::CpuEntry *entry = image->entry(name);
  for (int64_t block = 0; block < blocks; ++block) {
    std::memset(shared, 0xff, sharedBytes);
    BlockRun(entry, buffers.data(), shared, block, threads, stacks).run();
  }
}

} // namespace tgc::test
