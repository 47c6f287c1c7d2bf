#include "runtime/devices/cpu/CpuFeatures.h"
#include "runtime/format/Error.h"
#include <algorithm>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tgc::runtime {

#if defined(__x86_64__)
const char *cpuArch() { return "x86_64"; }

namespace {
struct Registers {
  unsigned value[4] = {0, 0, 0, 0}; // eax ebx ecx edx
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.value[0], &r.value[1], &r.value[2], &r.value[3]);
  return r;
}

/// Register states that the operating system saves, and the mask of each class of extensions.
enum State : uint64_t { None = 0, Avx = 0x6, Avx512 = 0xe6, Amx = 0x60000 };
enum Register { Ebx = 1, Ecx = 2, Edx = 3, Eax = 0 };

struct Row {
  const char *name;
  unsigned leaf, subleaf;
  Register where;
  unsigned bit;
  State state;
};
// Bits as in the manufacturers' manuals (CPUID).
constexpr Row Rows[] = {{"sse3", 1, 0, Ecx, 0, None},
                        {"ssse3", 1, 0, Ecx, 9, None},
                        {"sse4.1", 1, 0, Ecx, 19, None},
                        {"sse4.2", 1, 0, Ecx, 20, None},
                        {"popcnt", 1, 0, Ecx, 23, None},
                        {"cx16", 1, 0, Ecx, 13, None},
                        {"movbe", 1, 0, Ecx, 22, None},
                        {"fma", 1, 0, Ecx, 12, Avx},
                        {"avx", 1, 0, Ecx, 28, Avx},
                        {"f16c", 1, 0, Ecx, 29, Avx},
                        {"bmi", 7, 0, Ebx, 3, None},
                        {"bmi2", 7, 0, Ebx, 8, None},
                        {"avx2", 7, 0, Ebx, 5, Avx},
                        {"vaes", 7, 0, Ecx, 9, Avx},
                        {"avx512f", 7, 0, Ebx, 16, Avx512},
                        {"avx512dq", 7, 0, Ebx, 17, Avx512},
                        {"avx512ifma", 7, 0, Ebx, 21, Avx512},
                        {"avx512cd", 7, 0, Ebx, 28, Avx512},
                        {"avx512bw", 7, 0, Ebx, 30, Avx512},
                        {"avx512vl", 7, 0, Ebx, 31, Avx512},
                        {"avx512vbmi", 7, 0, Ecx, 1, Avx512},
                        {"avx512vbmi2", 7, 0, Ecx, 6, Avx512},
                        {"avx512vnni", 7, 0, Ecx, 11, Avx512},
                        {"avx512bitalg", 7, 0, Ecx, 12, Avx512},
                        {"avx512vpopcntdq", 7, 0, Ecx, 14, Avx512},
                        {"avx512fp16", 7, 0, Edx, 23, Avx512},
                        {"avx512bf16", 7, 1, Eax, 5, Avx512},
                        {"avxvnni", 7, 1, Eax, 4, Avx},
                        {"amx-tile", 7, 0, Edx, 24, Amx},
                        {"amx-int8", 7, 0, Edx, 25, Amx},
                        {"amx-bf16", 7, 0, Edx, 22, Amx},
                        {"lzcnt", 0x80000001, 0, Ecx, 5, None}};

__attribute__((target("xsave"))) uint64_t savedStates() {
  bool osxsave = cpuid(1, 0).value[Ecx] >> 27 & 1;
  return osxsave ? _xgetbv(0) : 0;
}

std::vector<std::string> detect() {
  std::vector<std::string> found;
  uint64_t states = savedStates();
  for (const Row &row : Rows)
    if ((cpuid(row.leaf, row.subleaf).value[row.where] >> row.bit & 1) && (states & row.state) == row.state)
      found.push_back(row.name);
  return found;
}

/// Linux gives a process the AMX state only on request.
bool requestAmx() {
  constexpr long RequestPermission = 0x1023, TileData = 18;
  return ::syscall(SYS_arch_prctl, RequestPermission, TileData) == 0;
}
} // namespace

#else
#if defined(__aarch64__)
const char *cpuArch() { return "aarch64"; }
#else
const char *cpuArch() { return "unknown"; }
#endif
namespace {
std::vector<std::string> detect() { return {}; }
bool requestAmx() { return false; }
} // namespace
#endif

const std::vector<std::string> &cpuFeatures() {
  static const std::vector<std::string> features = detect();
  return features;
}

void requireCpuFeatures(const std::vector<std::string> &features) {
  const std::vector<std::string> &have = cpuFeatures();
  std::string missing;
  bool amx = false;
  for (const std::string &feature : features) {
    if (std::find(have.begin(), have.end(), feature) == have.end())
      missing += " " + feature;
    amx |= feature.rfind("amx-", 0) == 0;
  }
  if (!missing.empty())
    unsupported("the package was compiled for a CPU with features that this one lacks:" + missing);
  if (amx && !requestAmx())
    unsupported("the operating system refuses this process the use of AMX");
}

} // namespace tgc::runtime
