#include "codegen/spirv/SpirvDevice.h"

#include <algorithm>
#include <thread>

namespace tgc::spv {
namespace {

constexpr int64_t kib = 1024, mib = 1024 * 1024, gib = 1024 * mib;

/// Rates are the vendor's, in 10^12 a second, with sums in f32; bandwidth in 10^9 bytes a second. Units are Xe-cores.
struct Row {
  const char *name, *description;
  int64_t units, maxThreads, sharedBytes, l1Bytes, l2Bytes;
  int64_t registers; ///< 32-bit registers of a thread in subgroups of 16, without the large register file
  double bandwidth, f32, half, i8;
  bool hasDouble;
  int64_t matrixThreads; ///< of a subgroup that the matrix engine takes, and columns of its product
  bool blocks;           ///< loads and stores of two-dimensional blocks
  bool tf32;             ///< the matrix engine rounds operands of f32
};

const Row rows[] = {
    {"pvc", "Intel Data Center GPU Max 1100, 48 GB", 56, 1024, 128 * kib, 512 * kib, 108 * mib, 128, 1229,
     22.2, 352, 704, true, 16, true, true},
    {"bmg", "Intel Arc B580 and Arc Pro B60", 20, 1024, 128 * kib, 256 * kib, 18 * mib, 128, 456, 13.7, 117,
     233, true, 16, true, true},
    {"lnl", "Intel Core Ultra 200V, its GPU", 8, 1024, 128 * kib, 192 * kib, 8 * mib, 128, 136, 4.2, 33.5, 67,
     true, 16, true, true},
    {"dg2", "Intel Arc A770", 32, 1024, 64 * kib, 192 * kib, 16 * mib, 64, 560, 19.7, 137, 275, false, 8,
     false, false},
};
constexpr const char *cpuName = "cpu";

/// Operands of the matrix engine, and their sums.
struct Operands {
  ElementType type, sums;
  bool tf32 = false;
};
constexpr Operands operands[] = {{ElementType::BF16, ElementType::F32},
                                 {ElementType::F16, ElementType::F32},
                                 {ElementType::I8, ElementType::I32},
                                 {ElementType::F32, ElementType::F32, true}};

/// D[8×n] += A[8×k]·B[k×n] of a subgroup of n threads, 32 bytes of the depth at a time.
void addAtoms(DeviceInfo &info, const Row &row) {
  Atom atom;
  atom.name = "dpas";
  atom.m = 8;
  atom.n = atom.nStep = atom.threads = row.matrixThreads;
  atom.nMax = 256;
  atom.neighbours = 1;
  for (const Operands &of : operands) {
    if (of.tf32 && !row.tf32)
      continue;
    atom.a = atom.b = of.type;
    atom.accumulator = of.sums;
    atom.tf32 = of.tf32;
    atom.k = 32 / bytesOf(of.type);
    atom.aFromRegisters = bytesOf(of.type) == 2;
    info.atoms.push_back(atom);
  }
}

SpirvDevice makeDevice(const Row &row) {
  SpirvDevice device;
  device.description = row.description;
  device.hasDouble = row.hasDouble;
  DeviceInfo &info = device.info;
  info.kind = "opencl";
  info.name = row.name;
  info.architecture = row.name;
  info.units = row.units;
  info.maxThreads = row.maxThreads;
  info.subgroup = device.features.subgroup;
  info.vectorBytes = 16;
  info.registers = row.registers;
  info.sharedBytes = row.sharedBytes;
  info.l1Bytes = row.l1Bytes;
  info.l2Bytes = row.l2Bytes;
  info.maxAllocation = 4 * gib;
  info.copyKinds = {"plain"};
  if (row.blocks)
    info.copyKinds.push_back("block2d");
  info.largeRegisters = 2 * row.registers;
  info.attendColumns = 160;
  info.blockRegisters = row.maxThreads * 128;
  addAtoms(info, row);
  info.bandwidth = row.bandwidth * 1e9;
  info.launchSeconds = 5e-6;
  info.plainRate = row.f32 * 1e12;
  info.matrixRates = {{ElementType::BF16, row.half * 1e12},
                      {ElementType::F16, row.half * 1e12},
                      {ElementType::I8, row.i8 * 1e12}};
  return device;
}

/// Intel's OpenCL runtime for processors: a block is the work of one core, a subgroup one of its vectors.
SpirvDevice makeCpu() {
  SpirvDevice device;
  device.description = "Intel's OpenCL runtime for processors";
  DeviceInfo &info = device.info;
  info.kind = "opencl";
  info.name = cpuName;
  info.architecture = "spirv-cpu";
  info.units = std::max<int64_t>(1, std::thread::hardware_concurrency());
  info.maxThreads = 1024;
  info.subgroup = device.features.subgroup;
  info.vectorBytes = 16;
  info.registers = 128;
  info.sharedBytes = 64 * kib;
  info.l1Bytes = 32 * kib;
  info.l2Bytes = 1 * mib;
  info.copyKinds = {"plain"};
  // Of a server's core with AVX-512.
  info.bandwidth = double(info.units) * 8e9;
  info.launchSeconds = 3e-5;
  info.plainRate = double(info.units) * 64 * 2.5e9;
  return device;
}

} // namespace

std::vector<std::string> spirvDeviceNames() {
  std::vector<std::string> names;
  for (const Row &row : rows)
    names.push_back(row.name);
  names.push_back(cpuName);
  return names;
}

std::optional<SpirvDevice> spirvDevice(const std::string &text) {
  if (text == cpuName)
    return makeCpu();
  std::string name = text.substr(0, text.find(',')), change = text.substr(name.size());
  for (Row row : rows) {
    if (row.name != name)
      continue;
    if (change ==
        ",blocks=off") // such drivers know tf32's products by another name, and make nothing of this one
      row.blocks = row.tf32 = false;
    else if (!change.empty())
      return std::nullopt;
    SpirvDevice device = makeDevice(row);
    // Schedules that were found with blocks are none of a device without.
    device.info.name = device.info.architecture = text;
    return device;
  }
  return std::nullopt;
}

} // namespace tgc::spv
