#include "tests/codegen/ptx/Simt.h"

#include "tests/codegen/ptx/SimtMachine.h"
#include "codegen/cpu/CompileCpu.h"
#include "compiler/support/Error.h"
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <sys/mman.h>
#include <ucontext.h>

namespace tgc::test {
namespace {

constexpr int64_t warpSize = 32;
constexpr size_t stackBytes = 128 * 1024;

/// What a fiber waits for.
enum class Wait { Nothing, Barrier, Shuffle, Warp, Done };

struct Fiber {
  ucontext_t context;
  Wait wait = Wait::Nothing;
  int32_t place = 0;
  uint32_t value = 0, offset = 0, result = 0;
  const SimtInstruction *instruction = nullptr;
  SimtThread machine;
};

/// Instructions of all kernels that were lowered, by number.
std::deque<SimtInstruction> instructions;
std::mutex instructionsLock;

/// Memory with addresses of 32 bits, as shared memory has.
class LowMemory {
public:
  explicit LowMemory(size_t bytes) : bytes(bytes + 4096) {
    memory =
        mmap(nullptr, this->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (memory == MAP_FAILED)
      throw std::runtime_error("no memory below 2 GiB");
  }
  ~LowMemory() { munmap(memory, bytes); }
  LowMemory(const LowMemory &) = delete;
  LowMemory &operator=(const LowMemory &) = delete;
  char *data() const { return static_cast<char *>(memory); }

private:
  void *memory;
  size_t bytes;
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

  static SimtThread &machine() { return active->fibers[active->current].machine; }
  static void instruction(const SimtInstruction &instruction, int32_t place) {
    Fiber &fiber = active->fibers[active->current];
    if (instruction.collective()) {
      fiber.instruction = &instruction;
      fiber.place = place;
      active->suspend(Wait::Warp);
    } else {
      execute(instruction, fiber.machine, /*late=*/active->block % 2 == 0); // as early or as late as may be
    }
    fiber.machine.arguments.clear();
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
      if (end - begin == warpSize && allAre(begin, end, Wait::Warp)) {
        SimtThread *warp[warpSize];
        for (size_t i = begin; i < end; ++i)
          warp[i - begin] = &fibers[i].machine;
        execute(*fibers[begin].instruction, warp);
        for (size_t i = begin; i < end; ++i)
          fibers[i].wait = Wait::Nothing;
        any = true;
      }
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
        const char *names[] = {"runs", "is at barrier", "is at shuffle", "is at an instruction of its warp",
                               "has ended after"};
        text += " thread " + std::to_string(i) + " " + names[int(fibers[i].wait)] + " " +
                std::to_string(fibers[i].place);
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
__attribute__((visibility("default"))) uint32_t tgc_simt_shuffle(uint32_t value, uint32_t offset,
                                                                 int32_t place) {
  return BlockRun::shuffle(value, offset, place);
}
__attribute__((visibility("default"))) void tgc_simt_argument(int64_t value) {
  BlockRun::machine().arguments.push_back(uint64_t(value));
}
__attribute__((visibility("default"))) void tgc_simt_instruction(int32_t number, int32_t place) {
  BlockRun::instruction(instructions[size_t(number)], place);
}
__attribute__((visibility("default"))) uint32_t tgc_simt_result(int32_t number) {
  return BlockRun::machine().results[number];
}
}

int32_t addInstruction(const std::string &text) {
  std::lock_guard lock(instructionsLock);
  instructions.push_back(parseInstruction(text));
  return int32_t(instructions.size() - 1);
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
  LowMemory memory(sharedBytes);
  char *shared = memory.data();
  cpu::CpuEntry *entry = image->entry(name);
  for (int64_t block = 0; block < blocks; ++block) {
    std::memset(shared, 0xff, sharedBytes);
    BlockRun(entry, buffers.data(), shared, block, threads, stacks).run();
  }
}

} // namespace tgc::test
