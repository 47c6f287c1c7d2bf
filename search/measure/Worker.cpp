// The measuring process: loads each candidate through the runtime's C API, as an application would.
// 1. Random weights and inputs by the seed; outputs poisoned, so that an element nobody writes is wrong.
// 2. One run warms up; the sampled elements are what it computed.
// 3. Timed runs, the caches cleared before each if asked, until there are enough of them; the sum of the launches
//    counts. A candidate that is clearly too slow ends early.
#include "compiler/support/Error.h"
#include "runtime/include/tgc/tgc.h"
#include "search/measure/Child.h"
#include "search/measure/Measure.h"
#include <cmath>
#include <cstring>
#include <iostream>
#include <map>
#include <numeric>
#include <thread>

namespace tgc {
namespace {

void call(tgc_status status) {
  if (status != TGC_OK)
    throw Error(static_cast<ErrorKind>(status), tgc_last_error());
}

/// Memory of one tensor, aligned so that the runtime uses it in place.
struct Tensor {
  explicit Tensor(const tgc_tensor_info &info) : info(info), memory(info.bytes / sizeof(Line) + 1) {}
  tgc_tensor view() {
    return {info.name, info.dtype, info.rank, info.shape, memory.data(), size_t(info.bytes)};
  }
  struct alignas(64) Line {
    char bytes[64];
  };
  tgc_tensor_info info;
  std::vector<Line> memory;
};

double elementOf(const Tensor &tensor, int64_t element) {
  size_t bytes = tgc_dtype_bytes(tensor.info.dtype);
  if (element < 0 || uint64_t(element + 1) * bytes > tensor.info.bytes)
    badInput("sample {} of {} is outside", element, tensor.info.name);
  const char *at = reinterpret_cast<const char *>(tensor.memory.data()) + size_t(element) * bytes;
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

class Bench {
public:
  explicit Bench(tgc_device *device) : device(device) {}

  MeasureReply run(const MeasureRequest &request) {
    fail(request);
    Loaded loaded;
    call(tgc_program_load(device, request.package.c_str(), &loaded.program));
    call(tgc_program_use_random(loaded.program, request.seed));
    tgc_program_info info;
    call(tgc_program_describe(loaded.program, &info));
    std::vector<Tensor> inputs, outputs;
    auto add = [&](auto describe, size_t count, std::vector<Tensor> &tensors) {
      for (size_t i = 0; i < count; ++i) {
        tgc_tensor_info tensor;
        call(describe(loaded.program, i, &tensor));
        tensors.emplace_back(tensor);
      }
    };
    add(tgc_program_input, info.inputs, inputs);
    add(tgc_program_output, info.outputs, outputs);
    std::vector<tgc_tensor> in, out;
    for (Tensor &tensor : inputs) {
      in.push_back(tensor.view());
      call(tgc_random_fill(&in.back(), request.seed));
    }
    for (Tensor &tensor : outputs) {
      out.push_back(tensor.view());
      std::memset(out.back().data, 0xC7, out.back().bytes);
    }
    std::vector<uint64_t> launches(info.run_launches);
    auto once = [&] {
      call(tgc_program_run_timed(loaded.program, in.data(), in.size(), out.data(), out.size(), launches.data(),
                                 launches.size()));
      return double(std::accumulate(launches.begin(), launches.end(), uint64_t(0))) * 1e-9;
    };
    MeasureReply reply;
    reply.outcome = Outcome::Ok;
    double first = once();
    for (const SampledElement &sample : request.samples)
      for (const Tensor &tensor : outputs)
        if (sample.output == tensor.info.name)
          reply.values.push_back(elementOf(tensor, sample.element));
    if (request.fault == "wrong")
      for (double &value : reply.values)
        value = value * 1.5 + 1;
    double limit = request.giveUpAbove > 0 ? request.giveUpAbove : HUGE_VAL;
    // The first run also brings pages and threads in.
    if (first > 3 * limit) {
      reply.seconds = {first};
      reply.message = "clearly slower";
      return reply;
    }
    // Of a kernel that takes this long one more run says enough.
    constexpr double longRun = 0.5;
    int least = first > longRun ? 1 : request.leastRuns;
    double total = 0;
    while (int(reply.seconds.size()) < request.mostRuns &&
           (int(reply.seconds.size()) < least || total < request.leastSeconds)) {
      if (request.coldBytes)
        clear(request, inputs);
      reply.seconds.push_back(once());
      total += reply.seconds.back();
      if (reply.seconds.size() == 2 && std::min(reply.seconds[0], reply.seconds[1]) > limit) {
        reply.message = "clearly slower";
        break;
      }
    }
    return reply;
  }

private:
  /// Goes through other memory, then through what the kernel before would just have written.
  void clear(const MeasureRequest &request, std::vector<Tensor> &inputs) {
    other.resize(request.coldBytes / 8);
    for (size_t i = 0; i < other.size(); i += 8)
      ++other[i];
    uint64_t bytes = 0;
    for (const Tensor &tensor : inputs)
      bytes += tensor.info.bytes;
    if (bytes > request.warmInputs)
      return;
    volatile char sum = 0;
    for (const Tensor &tensor : inputs)
      for (const Tensor::Line &line : tensor.memory)
        sum = sum + line.bytes[0];
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
  std::vector<uint64_t> other;
};

} // namespace

int serveMeasurements() {
  exitWithParent();
  std::map<std::string, tgc_device *> devices;
  for (std::string line; std::getline(std::cin, line);) {
    MeasureReply reply;
    try {
      MeasureRequest request = parseRequest(line);
      tgc_device *&device = devices[request.device];
      if (!device)
        call(tgc_device_open(request.device.c_str(), &device));
      reply = Bench(device).run(request);
    } catch (const std::bad_alloc &) {
      reply = {Outcome::Memory, "out of memory", 0, 0, {}, {}};
    } catch (const std::exception &error) {
      reply = {Outcome::Failed, error.what(), 0, 0, {}, {}};
    }
    std::cout << printReply(reply) << std::endl;
  }
  for (auto &[name, device] : devices)
    tgc_device_close(device);
  return 0;
}

} // namespace tgc
