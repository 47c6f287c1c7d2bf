// The measuring process: loads each candidate through the runtime's C API, as an application would.
// 1. Random weights and inputs by the seed; outputs poisoned, so that an element nobody writes is wrong.
//    Inputs stay for the next request, which mostly is the same kernel's.
// 2. One run warms up; the sampled elements are what it computed. It is a measurement too where warming up is little of it
//    (FirstRun.h); of what takes long one is enough.
// 3. Timed runs, the caches cleared before each if asked, until there are enough of them; the sum of the
//    launches counts. A candidate that is clearly too slow ends early: between runs, and in the midst of one
//    together with the process.
#include "compiler/support/Error.h"
#include "runtime/format/HugePages.h"
#include "runtime/include/tgc/tgc.h"
#include "search/measure/Child.h"
#include "search/measure/FirstRun.h"
#include "search/measure/Measure.h"
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <thread>
#include <unistd.h>

namespace tgc {
namespace {

void call(tgc_status status) {
  if (status != TGC_OK)
    throw Error(static_cast<ErrorKind>(status), tgc_last_error());
}

/// Memory of one tensor, aligned so that the runtime uses it in place; a large one on huge pages, as it is inside of a model.
struct Tensor {
  explicit Tensor(const tgc_tensor_info &info)
      : info(info), name(info.name), shape(info.shape, info.shape + info.rank),
        memory(runtime::newBuffer(info.bytes)) {}
  tgc_tensor view() {
    return {info.name, info.dtype, info.rank, info.shape, memory.get(), size_t(info.bytes)};
  }

  tgc_tensor_info info; ///< its name and shape live as long as the program that was asked
  std::string name;
  std::vector<int64_t> shape;
  std::shared_ptr<uint8_t> memory;
};

double elementOf(const Tensor &tensor, int64_t element) {
  size_t bytes = tgc_dtype_bytes(tensor.info.dtype);
  if (element < 0 || uint64_t(element + 1) * bytes > tensor.info.bytes)
    badInput("sample {} of {} is outside", element, tensor.info.name);
  const uint8_t *at = tensor.memory.get() + size_t(element) * bytes;
  uint64_t bits = 0;
  std::memcpy(&bits, at, bytes);
  auto signedBits = [&] { return double(int64_t(bits << (64 - 8 * bytes)) >> (64 - 8 * bytes)); };
  switch (tensor.info.dtype) {
  case TGC_F64: {
    double value;
    std::memcpy(&value, at, 8);
    return value;
  }
  case TGC_BF16:
    bits <<= 16;
    [[fallthrough]];
  case TGC_F32: {
    float value;
    auto word = uint32_t(bits);
    std::memcpy(&value, &word, 4);
    return value;
  }
  case TGC_F16: {
    int exponent = int(bits >> 10 & 31);
    double fraction = double(bits & 1023) / 1024;
    double size = exponent == 31  ? (fraction == 0 ? HUGE_VAL : NAN)
                  : exponent == 0 ? std::ldexp(fraction, -14)
                                  : std::ldexp(1 + fraction, exponent - 15);
    return bits >> 15 & 1 ? -size : size;
  }
  case TGC_U8:
  case TGC_U16:
  case TGC_U32:
  case TGC_U64:
  case TGC_BOOL:
    return double(bits);
  default:
    return signedBits();
  }
}

struct Loaded {
  tgc_program *program = nullptr;
  ~Loaded() { tgc_program_unload(program); }
};

/// Ends the process with an answer when a run takes longer than it may: what a device has begun cannot be
/// called back.
class Watch {
public:
  Watch() {
    thread = std::thread([this] { run(); });
  }
  ~Watch() {
    set(HUGE_VAL, true);
    thread.join();
  }
  /// The run that begins now may take that long.
  void begin(double seconds) { set(seconds, false); }
  void end() { set(HUGE_VAL, false); }

private:
  using Clock = std::chrono::steady_clock;

  void set(double seconds, bool last) {
    std::lock_guard lock(mutex);
    allowed = seconds;
    started = Clock::now();
    done = last;
    changed.notify_one();
  }
  void run() {
    std::unique_lock lock(mutex);
    while (!done) {
      if (!std::isfinite(allowed)) {
        changed.wait(lock);
        continue;
      }
      double left = allowed - std::chrono::duration<double>(Clock::now() - started).count();
      if (left <= 0) {
        MeasureReply reply;
        reply.outcome = Outcome::Slow;
        reply.message = "clearly slower";
        reply.seconds = {allowed};
        std::cout << printReply(reply) << std::endl;
        _exit(0);
      }
      changed.wait_for(lock, std::chrono::duration<double>(left));
    }
  }

  std::mutex mutex;
  std::condition_variable changed;
  double allowed = HUGE_VAL;
  Clock::time_point started;
  bool done = false;
  std::thread thread;
};

class Bench {
public:
  explicit Bench(tgc_device *device) : device(device) {}

  MeasureReply run(const MeasureRequest &request) {
    Loaded loaded;
    call(tgc_program_load(device, request.package.c_str(), &loaded.program));
    std::cout << loadedLine << std::endl;
    fail(request);
    call(tgc_program_use_random(loaded.program, request.seed));
    tgc_program_info info;
    call(tgc_program_describe(loaded.program, &info));
    std::vector<tgc_tensor> in = bring(inputs, tgc_program_input, loaded.program, info.inputs, request.seed,
                                       true),
                            out = bring(outputs, tgc_program_output, loaded.program, info.outputs,
                                        request.seed, false);
    std::vector<uint64_t> launches(info.run_launches);
    double limit = request.giveUpAbove > 0 ? request.giveUpAbove : HUGE_VAL;
    auto once = [&](double most) {
      watch.begin(most);
      call(tgc_program_run_timed(loaded.program, in.data(), in.size(), out.data(), out.size(),
                                 launches.data(), launches.size()));
      watch.end();
      return double(std::accumulate(launches.begin(), launches.end(), uint64_t(0))) * 1e-9;
    };
    call(tgc_program_prepare(loaded.program));
    auto start = std::chrono::steady_clock::now();
    MeasureReply reply;
    reply.outcome = Outcome::Ok;
    double first = once(1.2 * limit + 0.5 + pageSeconds(info.run_bytes));
    for (const SampledElement &sample : request.samples)
      for (const Tensor &tensor : outputs)
        if (sample.output == tensor.info.name)
          reply.values.push_back(elementOf(tensor, sample.element));
    if (request.fault == "wrong")
      for (double &value : reply.values)
        value = value * 1.5 + 1;
    FirstRun judged = judgeFirstRun(first, info.run_bytes, request);
    if (judged.counts)
      reply.seconds = {first};
    if (judged.tooSlow) {
      reply.seconds = {first};
      reply.message = "clearly slower";
      return reply;
    }
    // Clearing caches takes time too.
    constexpr double mostWall = 0.25;
    int least = judged.isLong ? 1 : request.leastRuns;
    double total = 0;
    while (int(reply.seconds.size()) < request.mostRuns &&
           (int(reply.seconds.size()) < least ||
            (!judged.isLong && total < request.leastSeconds &&
             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < mostWall))) {
      if (request.coldBytes)
        clear(request, inputs);
      reply.seconds.push_back(once(4 * limit + 0.5));
      total += reply.seconds.back();
      if (reply.seconds.size() == 2 && std::min(reply.seconds[0], reply.seconds[1]) > limit) {
        reply.message = "clearly slower";
        break;
      }
    }
    return reply;
  }

private:
  /// The program's inputs or outputs: of the request before, if they are the same. Inputs are filled by the
  /// seed, outputs poisoned.
  std::vector<tgc_tensor> bring(std::vector<Tensor> &held,
                                tgc_status (*describe)(tgc_program *, size_t, tgc_tensor_info *),
                                tgc_program *program, size_t count, uint64_t seed, bool fill) {
    std::vector<tgc_tensor_info> wanted(count);
    for (size_t i = 0; i < count; ++i)
      call(describe(program, i, &wanted[i]));
    auto equal = [](const Tensor &tensor, const tgc_tensor_info &info) {
      // Random values depend on the shape too.
      return tensor.name == info.name && tensor.info.dtype == info.dtype &&
             std::equal(tensor.shape.begin(), tensor.shape.end(), info.shape, info.shape + info.rank);
    };
    bool same = heldSeed == seed && std::equal(held.begin(), held.end(), wanted.begin(), wanted.end(), equal);
    if (!same) {
      held.clear();
      held.reserve(count);
      for (const tgc_tensor_info &info : wanted)
        held.emplace_back(info);
    }
    heldSeed = seed;
    std::vector<tgc_tensor> views;
    for (size_t i = 0; i < count; ++i) {
      held[i].info = wanted[i];
      views.push_back(held[i].view());
      if (fill && !same)
        call(tgc_random_fill(&views.back(), seed));
      if (!fill)
        std::memset(views.back().data, 0xC7, views.back().bytes);
    }
    return views;
  }

  /// Goes through other memory, then through what the kernel before would just have written. (A device with memory of
  /// its own gets that with each run, after this.)
  void clear(const MeasureRequest &request, std::vector<Tensor> &inputs) {
    call(tgc_device_evict_caches(device, request.coldBytes));
    uint64_t bytes = 0;
    for (const Tensor &tensor : inputs)
      bytes += tensor.info.bytes;
    if (bytes > request.warmInputs)
      return;
    volatile uint8_t sum = 0;
    constexpr uint64_t line = 64;
    for (const Tensor &tensor : inputs)
      for (uint64_t at = 0; at < tensor.info.bytes; at += line)
        sum = sum + tensor.memory.get()[at];
  }

  /// What a broken candidate would do, for tests.
  static void fail(const MeasureRequest &request) {
    if (request.fault == "crash")
      std::abort();
    std::vector<std::vector<char>> held;
    constexpr uint64_t piece = uint64_t(64) << 20;
    while (request.fault == "memory" && held.size() * piece < request.memoryBytes * 5 / 4)
      held.emplace_back(size_t(piece), char(held.size() + 1));
    while (request.fault == "hang" || request.fault == "memory")
      std::this_thread::sleep_for(std::chrono::seconds(1));
  }

  tgc_device *device;
  std::vector<Tensor> inputs, outputs;
  uint64_t heldSeed = 0;
  Watch watch;
};

} // namespace

int serveMeasurements() {
  exitWithParent();
  std::map<std::string, tgc_device *> devices;
  std::map<std::string, std::unique_ptr<Bench>> benches;
  for (std::string line; std::getline(std::cin, line);) {
    MeasureReply reply;
    try {
      MeasureRequest request = parseRequest(line);
      tgc_device *&device = devices[request.device];
      reply.noDevice = true;
      if (!device)
        call(tgc_device_open(request.device.c_str(), &device));
      reply.noDevice = false;
      std::unique_ptr<Bench> &bench = benches[request.device];
      if (!bench)
        bench = std::make_unique<Bench>(device);
      reply = bench->run(request);
    } catch (const std::bad_alloc &) {
      reply.outcome = Outcome::Memory;
      reply.message = "out of memory";
    } catch (const std::exception &error) {
      reply.outcome = Outcome::Failed;
      reply.message = error.what();
    }
    std::cout << printReply(reply) << std::endl;
  }
  benches.clear();
  for (auto &[name, device] : devices)
    tgc_device_close(device);
  return 0;
}

} // namespace tgc
