#include "codegen/ptx/PtxDevice.h"

#include "codegen/ptx/pipe/Atoms.h"

namespace tgc::ptx {
namespace {

constexpr int64_t kib = 1024, mib = 1024 * 1024;

/// What GPUs of one instruction set have in common.
struct Architecture {
  const char *name; ///< as ptxas takes it
  int64_t sharedBytes; ///< of a block
  int64_t l1Bytes;     ///< with shared memory, of a multiprocessor
  int64_t maxCluster;
  std::vector<std::string> copyKinds;
};

/// Rates are the vendor's dense ones, in 10^12 a second, with sums in f32; bandwidth in 10^9 bytes a second.
struct Row {
  const char *name, *description;
  const Architecture *architecture;
  int64_t units, l2Bytes;
  double bandwidth, f32, half, f8, i8;
};

const Architecture sm80 = {"sm_80", 163 * kib, 192 * kib, 1, {"plain", "async"}};
const Architecture sm86 = {"sm_86", 99 * kib, 128 * kib, 1, {"plain", "async"}};
const Architecture sm89 = {"sm_89", 99 * kib, 128 * kib, 1, {"plain", "async"}};
const Architecture sm90 = {"sm_90a", 227 * kib, 256 * kib, 8, {"plain", "async", "tma"}};

const Row rows[] = {
    {"h200", "NVIDIA H200, 141 GB", &sm90, 132, 50 * mib, 4800, 66.9, 989, 1979, 1979},
    {"h100", "NVIDIA H100 SXM, 80 GB", &sm90, 132, 50 * mib, 3350, 66.9, 989, 1979, 1979},
    {"a100", "NVIDIA A100 SXM, 80 GB", &sm80, 108, 40 * mib, 2039, 19.5, 312, 0, 624},
    {"rtx4090", "NVIDIA GeForce RTX 4090", &sm89, 128, 72 * mib, 1008, 82.6, 165, 330, 660},
    {"rtx3090", "NVIDIA GeForce RTX 3090", &sm86, 82, 6 * mib, 936, 35.6, 71, 0, 284},
};

PtxDevice makeDevice(const Row &row) {
  PtxDevice device;
  device.description = row.description;
  DeviceInfo &info = device.info;
  info.kind = "cuda";
  info.name = row.name;
  info.architecture = row.architecture->name;
  info.units = row.units;
  info.maxThreads = 1024;
  info.subgroup = 32;
  info.vectorBytes = 16;
  info.registers = 255;
  info.sharedBytes = row.architecture->sharedBytes;
  info.l1Bytes = row.architecture->l1Bytes;
  info.l2Bytes = row.l2Bytes;
  info.maxCluster = row.architecture->maxCluster;
  info.copyKinds = row.architecture->copyKinds;
  info.bandwidth = row.bandwidth * 1e9;
  info.launchSeconds = 2e-6;
  info.plainRate = row.f32 * 1e12;
  info.matrixRates = {{ElementType::BF16, row.half * 1e12},
                      {ElementType::F16, row.half * 1e12},
                      {ElementType::I8, row.i8 * 1e12}};
  if (row.f8 > 0)
    info.matrixRates.push_back({ElementType::F8E4M3, row.f8 * 1e12});
  addPipeAtoms(info, info.architecture);
  return device;
}

} // namespace

std::vector<std::string> ptxDeviceNames() {
  std::vector<std::string> names;
  for (const Row &row : rows)
    names.push_back(row.name);
  return names;
}

std::optional<PtxDevice> ptxDevice(const std::string &name) {
  for (const Row &row : rows)
    if (row.name == name)
      return makeDevice(row);
  return std::nullopt;
}

} // namespace tgc::ptx
