#include "codegen/cpu/CpuTarget.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/TargetParser/Host.h"
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sched.h>
#include <thread>

namespace tgc::cpu {
namespace {

const char *avx2Features = "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+movbe,+lzcnt,+bmi,+bmi2,+avx,+avx2,"
                           "+fma,+f16c";
const char *avx512Features = ",+avx512f,+avx512cd,+avx512bw,+avx512dq,+avx512vl,-prefer-256-bit";

/// Reads "48K" style sizes that Linux publishes; 0 if there is none.
int64_t cacheBytes(int index) {
  std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", index));
  int64_t size = 0;
  char unit = 0;
  if (!(file >> size))
    return 0;
  if (file >> unit)
    size *= unit == 'K' ? 1024 : unit == 'M' ? 1024 * 1024 : 1;
  return size;
}

bool enabled(const CpuTarget &target, llvm::StringRef feature) {
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(target.features).split(parts, ',');
  return llvm::is_contained(parts, ("+" + llvm::Twine(feature)).str());
}

/// Everything that follows from the features.
void derive(CpuTarget &target) {
  target.hasAvx512 = enabled(target, "avx512f") && enabled(target, "avx512vl") &&
                     enabled(target, "avx512bw") && enabled(target, "avx512dq");
  bool avx = enabled(target, "avx");
  target.vectorBits = target.hasAvx512 ? 512 : avx ? 256 : 128;
  target.vectorRegisters = target.hasAvx512 ? 32 : 16;
  target.hasFma = enabled(target, "fma");
  target.hasF16c = enabled(target, "f16c");
  target.hasRound = enabled(target, "sse4.1");
  target.hasAvx512Bf16 = enabled(target, "avx512bf16");
  target.hasAvx512Vnni = enabled(target, "avx512vnni");
  target.hasAmxBf16 = enabled(target, "amx-bf16");
}

/// Two multiply(-add) pipes are assumed, as all server cores and most others have.
double flopsPerCycle(const CpuTarget &target) { return 2.0 * target.lanes(32) * (target.hasFma ? 2 : 1); }

/// The extensions that code may use, all of which the runtime looks for before it loads a package: those of
/// arithmetic. What else a host has would only tie a package to it.
constexpr llvm::StringLiteral arithmeticFeatures[] = {
    "sse3",       "ssse3",      "sse4.1",      "sse4.2",     "popcnt",       "cx16",
    "movbe",      "fma",        "avx",         "f16c",       "bmi",          "bmi2",
    "avx2",       "avx512f",    "avx512dq",    "avx512ifma", "avx512cd",     "avx512bw",
    "avx512vl",   "avx512vbmi", "avx512vbmi2", "avx512vnni", "avx512bitalg", "avx512vpopcntdq",
    "avx512fp16", "avx512bf16", "avxvnni",     "lzcnt"};

CpuTarget nativeTarget() {
  CpuTarget target;
  target.name = "native";
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> names;
  for (auto &entry : host)
    if (entry.second && llvm::is_contained(arithmeticFeatures, entry.first()))
      names.push_back(entry.first().str());
  // The map's order is a hash's; the text must be the same each time.
  std::sort(names.begin(), names.end());
  for (const std::string &name : names)
    target.features += "+" + name + ",";
  target.features += "-prefer-256-bit";
  derive(target);
  target.tune = enabled(target, "avx512fp16") ? "sapphirerapids"
                : target.hasAvx512            ? "icelake-server"
                : target.vectorBits == 256    ? "haswell"
                                              : "x86-64";
  if (int64_t size = cacheBytes(0))
    target.l1Bytes = size;
  if (int64_t size = cacheBytes(2))
    target.l2Bytes = size;
  if (int64_t size = cacheBytes(3))
    target.l3Bytes = size;
  // The cores that the runtime will use: plans are for as many.
  cpu_set_t allowed;
  target.cores = sched_getaffinity(0, sizeof allowed, &allowed) == 0
                     ? std::max(1, CPU_COUNT(&allowed))
                     : int(std::max(1u, std::thread::hardware_concurrency()));
  return target;
}

CpuTarget namedTarget(const char *name, const char *tune, std::string features) {
  CpuTarget target;
  target.name = name;
  target.tune = tune;
  target.features = std::move(features);
  derive(target);
  return target;
}

} // namespace

std::vector<std::string> cpuTargetNames() { return {"native", "avx512", "avx2", "generic"}; }

std::optional<CpuTarget> cpuTarget(const std::string &name) {
  CpuTarget target;
  if (name == "native") {
    target = nativeTarget();
  } else if (name == "avx512") {
    target = namedTarget("avx512", "icelake-server", std::string(avx2Features) + avx512Features);
    target.l1Bytes = 48 * 1024;
    target.l2Bytes = 1024 * 1024;
    target.l3Bytes = 32 * 1024 * 1024;
    target.cores = 16;
  } else if (name == "avx2") {
    target = namedTarget("avx2", "haswell", avx2Features);
    target.cores = 8;
  } else if (name == "generic") {
    target = namedTarget("generic", "x86-64", "");
    target.cores = 4;
  } else {
    return std::nullopt;
  }
  target.peakGflopsPerCore = flopsPerCycle(target) * 3.0;
  target.memoryGbPerSecond = std::min(200.0, 12.0 * target.cores);
  return target;
}

bool runsHere(const CpuTarget &target) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(target.features).split(parts, ',', -1, false);
  return llvm::all_of(parts,
                      [&](llvm::StringRef part) { return !part.consume_front("+") || host.lookup(part); });
}

void calibrate(CpuTarget &target) {
  using Clock = std::chrono::steady_clock;
  auto seconds = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  // A chain of dependent multiplications takes three cycles each on every x86 of the last fifteen years; it
  // measures the clock. (Additions of constants may be folded away by the processor.)
  double hertz = 0;
  for (int trial = 0; trial < 20; ++trial) {
    const int64_t steps = 200000;
    auto start = Clock::now();
    int64_t x = trial;
    for (int64_t i = 0; i < steps; i += 8)
      asm volatile("imul %0, %0\n imul %0, %0\n imul %0, %0\n imul %0, %0\n"
                   "imul %0, %0\n imul %0, %0\n imul %0, %0\n imul %0, %0\n"
                   : "+r"(x));
    hertz = std::max(hertz, 3.0 * double(steps) / seconds(start));
  }
  target.peakGflopsPerCore = flopsPerCycle(target) * hertz * 1e-9;

  size_t words = size_t(std::clamp<int64_t>(2 * target.l3Bytes, 64 << 20, 512 << 20)) / sizeof(uint64_t);
  std::vector<uint64_t> memory(words, 1);
  double best = 0;
  for (int trial = 0; trial < 3; ++trial) {
    auto start = Clock::now();
    std::vector<std::thread> threads;
    std::vector<uint64_t> sums(target.cores);
    for (int t = 0; t < target.cores; ++t)
      threads.emplace_back([&, t] {
        size_t begin = words * t / target.cores, end = words * (t + 1) / target.cores;
        sums[t] = std::accumulate(memory.begin() + begin, memory.begin() + end, uint64_t(0));
      });
    for (std::thread &thread : threads)
      thread.join();
    best = std::max(best, double(words * sizeof(uint64_t)) / seconds(start));
  }
  target.memoryGbPerSecond = best * 1e-9;
  target.calibrated = true;
}

std::string CpuTarget::describeJson() const {
  nlohmann::ordered_json json = {{"name", name},
                                 {"tune", tune},
                                 {"features", features},
                                 {"vector_bits", vectorBits},
                                 {"vector_registers", vectorRegisters},
                                 {"fma", hasFma},
                                 {"f16c", hasF16c},
                                 {"avx512", hasAvx512},
                                 {"avx512_bf16", hasAvx512Bf16},
                                 {"avx512_vnni", hasAvx512Vnni},
                                 {"amx_bf16", hasAmxBf16},
                                 {"l1_bytes", l1Bytes},
                                 {"l2_bytes", l2Bytes},
                                 {"l3_bytes", l3Bytes},
                                 {"cores", cores},
                                 {"peak_gflops_per_core", peakGflopsPerCore},
                                 {"memory_gb_per_second", memoryGbPerSecond},
                                 {"calibrated", calibrated}};
  return json.dump(2);
}

std::string CpuTarget::describe() const {
  std::string text;
  auto json = nlohmann::ordered_json::parse(describeJson());
  for (auto &[key, value] : json.items())
    text += fmt::format("{}: {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

} // namespace tgc::cpu
