// What the compiler knows of a CPU: instruction set, vector sizes, caches and rates, as plain data by name.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tgc::cpu {

struct CpuTarget {
  /// "native", "avx512", "avx2" or "generic".
  std::string name;
  /// LLVM's scheduling model ("sapphirerapids"); chooses no instructions.
  std::string tune;
  /// LLVM's feature string over the x86-64 baseline ("+avx2,+fma"): what an image may use.
  std::string features;

  int vectorBits = 128;
  int vectorRegisters = 16;
  bool hasFma = false;
  bool hasF16c = false;
  bool hasAvx512 = false;
  bool hasAvx512Bf16 = false;
  bool hasAvx512Vnni = false;
  bool hasAmxBf16 = false;
  /// SSE4.1: floor, ceil, trunc and roundeven are one instruction.
  bool hasRound = false;

  /// Bytes; L1 and L2 of one core, L3 of the package.
  int64_t l1Bytes = 32 * 1024;
  int64_t l2Bytes = 512 * 1024;
  int64_t l3Bytes = 8 * 1024 * 1024;
  int cores = 1;

  /// f32 rate of one core and memory bandwidth of all cores, for rooflines: estimates unless calibrated.
  double peakGflopsPerCore = 0;
  double memoryGbPerSecond = 0;
  bool calibrated = false;

  /// Number of elements of `elementBits` bits in a vector register.
  int lanes(int elementBits) const { return vectorBits / elementBits; }

  /// One "key: value" a line.
  std::string describe() const;
  /// The same as a JSON object.
  std::string describeJson() const;
};

/// The target of that name, or nothing. `native` asks the machine for its features, caches and cores; the
/// others take cores and caches from a table, so that what is compiled does not depend on the machine.
std::optional<CpuTarget> cpuTarget(const std::string &name);

/// The names that `cpuTarget` knows.
std::vector<std::string> cpuTargetNames();

/// Measures clock and memory bandwidth of this machine (about 0.2 s) and replaces the two estimates.
/// The target must run here.
void calibrate(CpuTarget &target);

/// Whether this machine has every feature the target uses.
bool runsHere(const CpuTarget &target);

} // namespace tgc::cpu
