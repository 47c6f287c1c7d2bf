#include "codegen/ptx/PtxDevice.h"

#include "codegen/ptx/pipe/Atoms.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

namespace tgc::ptx {
namespace {

constexpr int64_t kib = 1024, mib = 1024 * 1024;

/// What GPUs of one instruction set have in common.
struct Architecture {
  const char *name;    ///< as ptxas takes it
  int64_t sharedBytes; ///< of a block
  int64_t l1Bytes;     ///< with shared memory, of a multiprocessor
  int64_t maxCluster;
  std::vector<std::string> copyKinds;
  int newest =
      0; ///< where code is portable PTX, the compute capability that the row was written for: 120 for 12.0
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

// What they have that Hopper has not is reached by instructions of these architectures alone: their code is that of
// mma.sync, which every driver of theirs takes as PTX.
const Architecture sm100 = {"sm_90", 227 * kib, 256 * kib, 1, {"plain", "async"}, 100};
const Architecture sm120 = {"sm_90", 99 * kib, 128 * kib, 1, {"plain", "async"}, 120};

const Row rows[] = {
    {"h200", "NVIDIA H200, 141 GB", &sm90, 132, 60 * mib, 4800, 66.9, 989, 1979, 1979},
    {"h100", "NVIDIA H100 SXM, 80 GB", &sm90, 132, 50 * mib, 3350, 66.9, 989, 1979, 1979},
    {"b200", "NVIDIA B200", &sm100, 148, 126 * mib, 8000, 74.5, 2250, 4500, 4500},
    {"rtx5090", "NVIDIA GeForce RTX 5090", &sm120, 170, 96 * mib, 1792, 104.8, 209, 419, 838},
    {"a100", "NVIDIA A100 SXM, 80 GB", &sm80, 108, 40 * mib, 2039, 19.5, 312, 0, 624},
    {"rtx4090", "NVIDIA GeForce RTX 4090", &sm89, 128, 72 * mib, 1008, 82.6, 165, 330, 660},
    {"rtx3090", "NVIDIA GeForce RTX 3090", &sm86, 82, 6 * mib, 936, 35.6, 71, 0, 284},
};

const Row *rowNamed(llvm::StringRef name) {
  const Row *row =
      std::find_if(std::begin(rows), std::end(rows), [&](const Row &row) { return name == row.name; });
  return row == std::end(rows) ? nullptr : row;
}

PtxDevice makeDevice(const Row &row) {
  PtxDevice device;
  device.description = row.description;
  device.portable = row.architecture->newest > 0;
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

std::optional<PtxDevice> ptxDevice(const std::string &text) {
  auto [name, rest] = llvm::StringRef(text).split(',');
  const Row *row = rowNamed(name);
  if (!row)
    return std::nullopt;
  PtxDevice device = makeDevice(*row);
  DeviceInfo &info = device.info;
  info.name = text;
  llvm::SmallVector<llvm::StringRef> changes;
  rest.split(changes, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef change : changes) {
    auto [key, number] = change.split('=');
    int64_t value = 0;
    if (number.getAsInteger(10, value) || value <= 0)
      return std::nullopt;
    if (key == "units") {
      double share = double(value) / double(info.units);
      info.plainRate *= share;
      for (auto &[type, rate] : info.matrixRates)
        rate *= share;
      info.units = value;
    } else if (key == "bandwidth") {
      info.bandwidth = double(value) * 1e9;
    } else if (key == "l2") {
      info.l2Bytes = value;
    } else if (key == "shared") {
      info.sharedBytes = value;
    } else {
      return std::nullopt;
    }
  }
  return device;
}

namespace {

/// "shared=232448 l2=52428800 …"; 0 where it is not said.
int64_t featureOf(const FoundDevice &found, llvm::StringRef key) {
  llvm::SmallVector<llvm::StringRef> features;
  llvm::StringRef(found.features).split(features, ' ');
  int64_t value = 0;
  for (llvm::StringRef feature : features)
    if (auto [name, number] = feature.split('='); name == key)
      number.getAsInteger(10, value);
  return value;
}

/// How far apart two quantities are, as a factor; an unknown one is no distance.
double apart(double mine, double theirs) {
  return mine <= 0 || theirs <= 0 ? 1 : std::max(mine / theirs, theirs / mine);
}

} // namespace

std::optional<std::string> ptxDeviceFor(const FoundDevice &found) {
  int capability = 0;
  if (llvm::StringRef(found.architecture).drop_front(3).rtrim('a').getAsInteger(10, capability))
    return std::nullopt;
  double bandwidth = double(featureOf(found, "bandwidth"));
  const Row *nearest = nullptr;
  double least = 0;
  for (const Row &row : rows) {
    const Architecture &architecture = *row.architecture;
    bool own = found.architecture == architecture.name;
    if (!own && (architecture.newest == 0 || capability < 90))
      continue;
    double distance = apart(double(row.units), double(found.units)) * apart(row.bandwidth, bandwidth);
    if (!own) // the table's newest that is not newer than the GPU, else any
      distance +=
          100.0 * std::abs(capability - architecture.newest) + (architecture.newest > capability ? 1e4 : 0);
    if (!nearest || distance < least) {
      nearest = &row;
      least = distance;
    }
  }
  if (!nearest)
    return std::nullopt;
  std::string text = nearest->name;
  auto differ = [&](const char *key, double mine, double theirs) {
    if (apart(mine, theirs) > 1.05)
      text += fmt::format(",{}={}", key, int64_t(theirs));
  };
  // Records of a GPU with other multiprocessors are another GPU's.
  if (found.units > 0 && found.units != nearest->units)
    text += fmt::format(",units={}", found.units);
  differ("bandwidth", nearest->bandwidth, bandwidth);
  differ("l2", double(nearest->l2Bytes), double(featureOf(found, "l2")));
  differ("shared", double(nearest->architecture->sharedBytes), double(featureOf(found, "shared")));
  return text;
}

} // namespace tgc::ptx
